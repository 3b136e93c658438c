from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class InboxView(WebSocketView):
    login_required = True


def push(user, data):
    """Send `data` to every open tab of `user`. Return how many tabs received it."""
    report = WebSocketSession.objects.for_user(user).send_message(data)
    return len(report.sent)
