"""The pages: plain Django."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, render

from django_aws_api_gateway_websockets.history import position
from django_aws_api_gateway_websockets.models import ApiGateway

from .models import Message
from .rooms import ROOMS

#: The messages that a page begins with.
SHOWN = 30


@login_required
def room(request, slug):
    if slug not in ROOMS:
        raise Http404
    # The position before the rows, so that no message falls between them.
    at = position(slug)
    latest = Message.objects.filter(room=slug).select_related("user").order_by("-sent_on", "-pk")[:SHOWN]
    context = {
        "at": at,
        "messages": [message.as_json() for message in reversed(latest)],
        "rooms": ROOMS,
        "slug": slug,
        "name": ROOMS[slug],
        "gateway": get_object_or_404(ApiGateway, api_created=True),
        "max_length": Message.MAX_LENGTH,
    }
    return render(request, "chat/room.html", context)
