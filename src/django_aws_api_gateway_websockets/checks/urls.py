"""System checks of the URLs and handlers that receive events. docs/checks.md lists them."""

from __future__ import annotations

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from ..views import WebSocketCheckView, WebSocketHistoryView, WebSocketView, handler_names
from ..views.mounted import Mounted, mounted_views
from .collecting import Checks, collected


@register("websockets", Tags.urls)
@collected
def check_urls() -> Checks:
    """E006, W001 to W004: the requests of a gateway reach a view."""
    mounted = list(mounted_views(WebSocketView))
    if not mounted:
        yield CheckWarning(
            "No URL leads to a WebSocketView, so the site does not handle events from gateways.",
            hint="Add path('ws/<slug:route>', YourView.as_view()) to urls.py.",
            id="websockets.W001",
        )
    for one in mounted:
        yield from _check_url(one)


@register("websockets", Tags.urls)
@collected
def check_handlers() -> Checks:
    """E007: a message can select each handler of a view."""
    for view in {mounted.view: None for mounted in mounted_views(WebSocketView)}:
        try:
            handler_names(view)
        except ImproperlyConfigured as error:
            yield Error(
                str(error),
                hint="The page 'The view' in the documentation explains which methods are handlers.",
                id="websockets.E007",
            )


#: Arguments of ``as_view()`` that do not decide who may connect or join.
_NO_RULES = {
    "debug",
    "route_selection_key",
    "handler_selection_key",
    "required_headers",
    "additional_required_headers",
    "recheck_channel",
}


@register("websockets", Tags.urls)
@collected
def check_views_of_pages() -> Checks:
    """E010: the views for pages apply the rules that apply to the socket."""
    sockets = list(mounted_views(WebSocketView))
    for page in [*mounted_views(WebSocketHistoryView), *mounted_views(WebSocketCheckView)]:
        for one in sockets:
            unseen = sorted(set(one.initkwargs) - _NO_RULES)
            if unseen and one.view is page.option("socket_view"):
                name = one.view.__name__
                yield Error(
                    f"{page.view.__name__} under {page.pattern!r} does not apply {', '.join(unseen)}, which the URL "
                    f"{one.pattern!r} passes to {name}.as_view().",
                    hint=f"Set them on {name}, or on a subclass of it that both URLs use.",
                    id="websockets.E010",
                )


def _check_url(mounted: Mounted) -> Checks:
    name = mounted.view.__name__
    if not mounted.takes_route:
        yield Error(
            f"The URL {mounted.pattern!r} of {name} has no parameter 'route'.",
            hint="Write path('ws/<slug:route>', …). The last part of the URL names the event.",
            id="websockets.E006",
        )
    if mounted.pattern.endswith(("/", "/$", r"/\Z")):
        yield CheckWarning(
            f"The URL {mounted.pattern!r} of {name} ends with a slash. The gateway posts without one, and "
            "APPEND_SLASH answers that with a redirect.",
            hint="Write path('ws/<slug:route>', …).",
            id="websockets.W002",
        )
    login_middleware = any(entry.endswith("LoginRequiredMiddleware") for entry in settings.MIDDLEWARE)
    asks_for_login = mounted.login_decorated or (login_middleware and mounted.login_required)
    if asks_for_login or not mounted.csrf_exempt:
        yield CheckWarning(
            f"A decorator on the URL {mounted.pattern!r} requires a CSRF token or a login. A gateway has neither.",
            hint=f"Mount {name}.as_view() itself, and declare login_required on the view.",
            id="websockets.W003",
        )
    if mounted.language_prefix:
        yield CheckWarning(
            f"The URL {mounted.pattern!r} of {name} is inside i18n_patterns, so the gateway gets a redirect.",
            hint="Move the path out of i18n_patterns. The view uses the language of the client's $connect.",
            id="websockets.W004",
        )
