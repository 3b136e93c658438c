python manage.py makemigrations mysite
