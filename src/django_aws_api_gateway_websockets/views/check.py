"""The view that shows a page why its handshake failed. A browser hides the status of a refused handshake."""

from __future__ import annotations

from typing import Any, Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from ..exceptions import EventRefused
from ..logins.handshake import check_page
from ..models.crowd import reconnect_window
from .answers import for_gateways, is_short_text, refusal, text_of
from .rehearsal import refusal_of, rehearsing
from .socket_view import checked_socket_view
from .view import WebSocketView

__all__ = ["WebSocketCheckView"]

#: After these statuses, a client stops trying. See docs/protocol.md.
_FINAL = range(400, 404)


@method_decorator(never_cache, name="dispatch")
class WebSocketCheckView(View):
    """A view that answers whether ``socket_view`` would accept the connection of a page.

    Mount it beside that view::

        path("ws-check/", WebSocketCheckView.as_view(socket_view=ChatView))

    It takes a GET with the query of the socket's URL. It runs the checks of a ``$connect`` up to ``super().connect()``,
    and writes no row.
    """

    http_method_names = ["get"]
    #: The class that handles the events of the socket. It has no default: pass it, or set it in a subclass.
    socket_view: type[WebSocketView] | None = None
    #: The API name of the gateway, for its default channel. If it is empty, the only gateway that has an API is used.
    gateway = ""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view = super().as_view(**initkwargs)
        checked_socket_view(cls, initkwargs.get("socket_view", cls.socket_view))
        return for_gateways(view)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _note_origin(request)
        # Without an origin, the page is unknown, so it gets no details.
        if "Origin" in request.headers:
            refused = self._refusal(request)
            if refused is not None:
                return refused
        return JsonResponse({"window": reconnect_window()})

    def _refusal(self, request: HttpRequest) -> HttpResponseBase | None:
        view = rehearsing(checked_socket_view(type(self), self.socket_view), request, self.gateway)
        try:
            check_page(request, view.event, view)
        except EventRefused as refused:
            return refusal(refused, request.path, None)
        refused_by = refusal_of(view)
        return None if refused_by is None else _final(refused_by)


def _note_origin(request: HttpRequest) -> None:
    """Set the header ``Origin`` to the page's origin, as in a handshake. A GET to the page's own site has none."""
    if "Origin" in request.headers:
        return
    site = request.headers.get("Sec-Fetch-Site")
    referer = urlsplit(request.headers.get("Referer", ""))
    if site == "same-origin":
        origin = f"{request.scheme}://{request.get_host()}"
    elif site is not None:
        # A page of another site may load the answer as a script or an image. It must not learn the status.
        origin = "null"
    elif referer.netloc:
        origin = f"{referer.scheme}://{referer.netloc}"
    else:
        return
    request.META["HTTP_ORIGIN"] = origin
    # The messages are read once.
    vars(request).pop("headers", None)


def _final(response: HttpResponseBase) -> HttpResponseBase:
    """Return a refusal of ``connect()`` with a status that the client understands.

    The client would try again after any other status.
    """
    status = response.status_code
    if status not in _FINAL and status < 500 and status != 429:
        status = 403
    text = text_of(response)
    answer = JsonResponse({"message": text if is_short_text(text) else response.reason_phrase}, status=status)
    if "Retry-After" in response:
        answer["Retry-After"] = response["Retry-After"]
    return answer
