"""The view that returns the missed messages of a channel over HTTP, for clients without a socket."""

from __future__ import annotations

from typing import Any, Callable

from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from ..exceptions import EventRefused, NotPermitted, TokenRefused
from ..history.recipients import exclusions_of
from ..history.recovery import Recovery, recover
from ..history.retention import limits_of
from ..models import HistoryMessage
from ..security.channel_rules import check_joinable
from .answers import for_gateways, refusal
from .rehearsal import refusal_of, rehearsing
from .socket_view import checked_socket_view
from .view import WebSocketView

__all__ = ["WebSocketHistoryView"]

_GAP = 409


@method_decorator(never_cache, name="dispatch")
class WebSocketHistoryView(View):
    """A view that answers what was missed in a channel, to users whose ``$connect`` ``socket_view`` would accept.

    Mount it beside that view::

        path("ws-history/", WebSocketHistoryView.as_view(socket_view=ChatView))

    It takes a GET with ``?channel=room-1&since=POSITION``. The user is that of the page's session. Without ``since``,
    it answers the current position only. The checks of a ``$connect`` run, up to ``super().connect()``, and
    ``can_join`` is asked about the channel. No row is written.
    """

    http_method_names = ["get"]
    #: The class that handles the events of the socket. It has no default: pass it, or set it in a subclass.
    socket_view: type[WebSocketView] | None = None
    #: The API name of the gateway that ``connect()`` sees. If it is empty, the only gateway that has an API is used.
    gateway = ""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view = super().as_view(**initkwargs)
        checked_socket_view(cls, initkwargs.get("socket_view", cls.socket_view))
        return for_gateways(view)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        name, since = request.GET.get("channel", ""), request.GET.get("since") or None
        try:
            refused_by = self._refusal(request, name)
        except EventRefused as refused:
            return refusal(refused, request.path, None)
        except PermissionDenied as denied:
            return refusal(NotPermitted(str(denied) or "You may not do this."), request.path, None)
        if refused_by is not None:
            return refused_by
        if limits_of(name) is None:
            return JsonResponse({"message": f"The channel {name!r} has no history."}, status=404)
        using = router.db_for_write(HistoryMessage)
        return _answer(recover({name: since}, exclusions_of(request.user.pk), using)[name])

    def _refusal(self, request: HttpRequest, name: str) -> HttpResponseBase | None:
        check_joinable(name)
        view = rehearsing(checked_socket_view(type(self), self.socket_view), request, self.gateway)
        if view.require_token and not request.user.is_authenticated:
            raise TokenRefused("Log in first.")
        # A site may make its checks in connect() or in a mixin, so can_join() alone is not enough.
        refused = refusal_of(view)
        if refused is None:
            view._check_may_join(request, name)
        return refused


def _answer(found: Recovery) -> JsonResponse:
    if found.gap:
        message = "The history does not reach back to this position. Load the data again, with its position."
        return JsonResponse({"message": message, "gap": found.at}, status=_GAP)
    # The bodies are JSON already.
    missed = ",".join(f'{{"at":"{at}","message":{body}}}' for at, body in found.missed)
    answer = JsonResponse({"at": found.upto or found.at, "more": found.more})
    answer.content = answer.content[:-1] + f', "missed": [{missed}]}}'.encode()
    return answer
