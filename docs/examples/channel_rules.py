from django_aws_api_gateway_websockets.views import Channel, ManagedChannels, WebSocketView


class ChatView(WebSocketView):
    channel_rules = [
        Channel("lobby"),
        Channel("news", login_required=True),
        Channel("user-{user_pk}"),
        Channel("staff-*", staff=True),
        Channel("room-*", permission="auth.view_user"),
        ManagedChannels(),
    ]
