from django_aws_api_gateway_websockets.models import WebSocketSession


def tell(user, text):
    return WebSocketSession.objects.for_user(user).send_message({"text": text})
