"""Ask a view whether it would accept the ``$connect`` of a page, without a row."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import protocol
from ..events import GatewayEvent
from ..exceptions import EventRefused, NotPermitted
from ..models import ApiGateway, WebSocketSession
from .answers import refusal
from .permissions import check_no_redirect
from .view import WebSocketView, WouldConnect

__all__ = ["refusal_of", "rehearsing"]


def rehearsing(view_class: type[WebSocketView], request: HttpRequest, gateway: str = "") -> WebSocketView:
    """Return a view of ``view_class`` for ``refusal_of``. ``gateway``: an API name, or empty for the only gateway.

    Raise ``ImproperlyConfigured`` if the default channel of the connection is not known.
    """
    view = view_class()
    view.request, view.args, view.kwargs = request, (), {"route": protocol.route_path(protocol.CONNECT)}
    view.api_gateway = _gateway(request, gateway)
    api_id = view.api_gateway.api_id if view.api_gateway else None
    address = request.META.get("REMOTE_ADDR")
    view.event = GatewayEvent(api_id or "", "", False, event_type="CONNECT", source_ip=address)
    view._rehearses = True
    return view


def _gateway(request: HttpRequest, name: str) -> ApiGateway | None:
    rows = ApiGateway.objects.filter(api_created=True).order_by("pk")
    found = list((rows.filter(api_name=name) if name else rows)[:2])
    if len(found) == 1:
        return found[0]
    if name:
        names = ", ".join(repr(row.api_name) for row in rows[:10]) or "none"
        raise ImproperlyConfigured(
            f"The view at {request.path} has gateway={name!r}, which must be the name of exactly one gateway with an "
            f"API. Gateways with an API: {names}."
        )
    needs_default = not request.GET.get("channel", "").strip()
    if found and needs_default and rows.exclude(default_channel_name="").exists():
        raise ImproperlyConfigured(
            f"The view at {request.path} does not know which gateway's default channel to check, because several "
            "gateways have an API. Pass the name of one to as_view(), such as gateway='chat'."
        )
    return None


def refusal_of(view: WebSocketView) -> HttpResponseBase | None:
    """Run the view up to the point where it would write the row. Return its refusal, or None.

    This goes through ``dispatch``, so that mixins and decorators of the class count too.
    """
    request = view.request
    try:
        # Roll back what connect() wrote to the database before the row.
        with transaction.atomic(using=WebSocketSession.objects.all().write_db):
            response = view.dispatch(request, *view.args, **view.kwargs)
            check_no_redirect(response)
    except WouldConnect:
        return None
    except EventRefused as refused:
        return refusal(refused, request.path, None)
    except PermissionDenied as denied:
        return refusal(NotPermitted(str(denied) or "You may not do this."), request.path, None)
    return response if response.status_code >= 400 else None
