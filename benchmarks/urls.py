"""The view of the package, and the simplest view that knows the user of a message."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class EchoView(WebSocketView):
    def default(self, request, *args, **kwargs):
        return None


@csrf_exempt
def bare(request, route):
    """Load the row with one joined SELECT and parse the body. Check nothing."""
    session = WebSocketSession.objects.select_related("user", "api_gateway").get(
        connection_id=request.headers["connectionId"]
    )
    request.user = session.user
    json.loads(request.body)
    return HttpResponse()


urlpatterns = [path("ws/<slug:route>", EchoView.as_view()), path("bare/<slug:route>", bare)]
