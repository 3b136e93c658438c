"""The pages: plain Django."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, render

from django_aws_api_gateway_websockets.models import ApiGateway

from .models import Message
from .rooms import ROOMS


@login_required
def room(request, slug):
    if slug not in ROOMS:
        raise Http404
    gateway = get_object_or_404(ApiGateway, api_created=True)
    # Cookies belong to a host name, so a page on localhost must not open its socket on 127.0.0.1.
    hostname = request.get_host().partition(":")[0]
    socket_url = gateway.websocket_url.replace("//127.0.0.1:", f"//{hostname}:")
    context = {
        "rooms": ROOMS,
        "slug": slug,
        "name": ROOMS[slug],
        "socket_url": f"{socket_url}?channel={slug}",
        "max_length": Message.MAX_LENGTH,
    }
    return render(request, "chat/room.html", context)
