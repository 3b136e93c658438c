python manage.py migrate
python manage.py runLocalGateway --site
