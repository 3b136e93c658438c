"""The site's URLs compared with the routes of a gateway."""

from __future__ import annotations

from typing import Iterator
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from .. import protocol
from ..definition import integration_uri
from ..models import ApiGateway
from ..views import WebSocketView
from .finding import ERROR, WARNING, Finding


def mounted(gateway: ApiGateway) -> Iterator[Finding]:
    """The predefined routes lead to a WebSocketView with the parameter ``route``."""
    yield from _leads_to_view(integration_uri(gateway.target_base_endpoint, protocol.CONNECT), "connect")


def additional(gateway: ApiGateway) -> Iterator[Finding]:
    """Each additional route on the gateway's own host leads to a view that receives its key."""
    own = urlsplit(gateway.target_base_endpoint).netloc
    for route in gateway.additional_routes.all():
        if urlsplit(route.integration_url).netloc == own:
            yield from _leads_to_view(route.integration_url, route.route_key)


PROBES = (mounted, additional)


def _leads_to_view(url: str, route: str) -> Iterator[Finding]:
    path = urlsplit(url).path
    try:
        match = resolve(path)
    except Resolver404:
        yield Finding(
            ERROR, "url-not-found", f"No URL of this site leads to {path}, where the gateway sends its events.",
            "Correct the target base endpoint, or mount a WebSocketView there: path('ws/<slug:route>', …).",
        )  # fmt: skip
        return
    view = getattr(match.func, "view_class", None)
    if not (isinstance(view, type) and issubclass(view, WebSocketView)):
        name = getattr(view or match.func, "__name__", str(match.func))
        yield Finding(
            ERROR, "url-other-view", f"{path} leads to {name}, which is not a WebSocketView.",
            "Move the other URL, or correct the target base endpoint.",
        )  # fmt: skip
    elif "route" not in match.kwargs:
        yield Finding(
            ERROR, "url-without-route", f"The URL of {path} has no parameter 'route', so the view finds no handler.",
            "Write path('ws/<slug:route>', …).",
        )  # fmt: skip
    elif match.kwargs["route"] != route:
        yield Finding(
            WARNING, "url-other-route", f"{path} gives the view the route {match.kwargs['route']!r}, not {route!r}.",
            "End the integration URL with the route key.",
        )  # fmt: skip
