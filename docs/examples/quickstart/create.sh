AWS_ENDPOINT_URL_APIGATEWAYV2=http://127.0.0.1:8001 python manage.py createApiGateway --pk=1
