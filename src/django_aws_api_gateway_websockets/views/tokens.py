"""The view that issues connect tokens to the pages of the site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from ..conf import conf
from ..logins.tokens import make_token
from ..models.crowd import reconnect_window
from .answers import login_not_required

__all__ = ["WebSocketTokenView"]


@method_decorator([login_not_required, never_cache, csrf_protect], name="dispatch")
class WebSocketTokenView(View):
    """A view that answers a POST with a connect token for one handshake.

    The answer is ``{"token": "…", "expires_in": 60, "window": 0.5}``. After a drop, the page should reconnect within
    ``window`` seconds.

    The user must be logged in, and the request must carry the CSRF token. The page then connects to
    ``wss://…?ws_token=TOKEN``.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return JsonResponse({"message": "Log in first."}, status=403)
        answer = {
            "token": make_token(request),
            "expires_in": conf.CONNECT_TOKEN_MAX_AGE,
            "window": reconnect_window(),
        }
        return JsonResponse(answer)
