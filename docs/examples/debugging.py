import logging

from django.urls import path

from django_aws_api_gateway_websockets.views import WebSocketView

logger = logging.getLogger(__name__)


class LoggingView(WebSocketView):
    def _debug(self, msg):
        super()._debug(msg)
        logger.debug("%s", msg)


urlpatterns = [
    path("ws/<slug:route>", LoggingView.as_view(debug=True)),
]
