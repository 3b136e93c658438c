"""Ask a view whether it would accept the ``$connect`` of a page, without a row."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
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
    """Return a view of ``view_class`` for ``refusal_of``. ``gateway``: an API name, or empty for the only gateway."""
    view = view_class()
    view.request, view.args, view.kwargs = request, (), {"route": protocol.route_path(protocol.CONNECT)}
    rows = ApiGateway.objects.filter(api_created=True, **({"api_name": gateway} if gateway else {}))
    found = rows.order_by("pk")[:2]
    view.api_gateway = found[0] if len(found) == 1 else None
    api_id = view.api_gateway.api_id if view.api_gateway else None
    address = request.META.get("REMOTE_ADDR")
    view.event = GatewayEvent(api_id or "", "", False, event_type="CONNECT", source_ip=address)
    view._rehearses = True
    return view


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
