python manage.py migrate
python manage.py shell -c "
from django_aws_api_gateway_websockets.models import ApiGateway
ApiGateway.objects.create(api_name='My first', target_base_endpoint='http://127.0.0.1:8000/ws/')"
