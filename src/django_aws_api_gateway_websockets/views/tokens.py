"""Where a page asks for a connect token."""

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


def _answers_itself(dispatch: Any) -> Any:
    """What Django 5.1's ``login_not_required`` does: a script gets 403, not the login page."""
    dispatch.login_required = False
    return dispatch


@method_decorator([_answers_itself, never_cache, csrf_protect], name="dispatch")
class WebSocketTokenView(View):
    """POST, logged in and with the CSRF token: ``{"token": "…", "expires_in": 60}`` for one handshake.

    The page then connects to ``wss://…?ws_token=TOKEN``.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return JsonResponse({"message": "Log in first."}, status=403)
        return JsonResponse({"token": make_token(request), "expires_in": conf.CONNECT_TOKEN_MAX_AGE})
