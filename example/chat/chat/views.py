"""The pages: plain Django."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, render

from django_aws_api_gateway_websockets.history import position
from django_aws_api_gateway_websockets.models import ApiGateway

from .models import Message
from .rooms import BOARD, ROOMS

#: How many of the newest notes the board shows.
NOTES = 20

#: How many messages a page shows when it opens.
SHOWN = 30


@login_required
def room(request, slug):
    if slug not in ROOMS:
        raise Http404
    # Read the position before the rows, so that the page misses no message.
    at = position(slug)
    latest = Message.objects.filter(room=slug).select_related("user").order_by("-sent_on", "-pk")[:SHOWN]
    messages = [message.as_json() for message in reversed(latest)]
    return render(request, "chat/room.html", {**context_of(slug, ROOMS[slug]), "at": at, "messages": messages})


@login_required
def board(request):
    notes = Message.objects.filter(room=BOARD).select_related("user").order_by("-sent_on", "-pk")[:NOTES]
    return render(request, "chat/board.html", {**context_of(BOARD, "Board"), "notes": notes})


def context_of(slug, name):
    return {
        "rooms": ROOMS,
        "slug": slug,
        "name": name,
        "gateway": get_object_or_404(ApiGateway, api_created=True),
        "max_length": Message.MAX_LENGTH,
    }
