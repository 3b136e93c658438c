python manage.py runLocalGateway --state gateway.json
