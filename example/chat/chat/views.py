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
    context = {
        "rooms": ROOMS,
        "slug": slug,
        "name": ROOMS[slug],
        "gateway": get_object_or_404(ApiGateway, api_created=True),
        "max_length": Message.MAX_LENGTH,
    }
    return render(request, "chat/room.html", context)
