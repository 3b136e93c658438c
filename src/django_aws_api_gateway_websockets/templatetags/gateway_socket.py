"""``{% gateway_socket %}`` adds the socket to a page, and ``{% websocket_url %}`` only returns its URL. No script is
inline. ``{% position %}`` and ``{% live %}`` are for channels with a history."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.shortcuts import resolve_url
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from .. import history, protocol
from ..conf import SETTING
from ..exceptions import GatewayNotCreated
from ..models import ApiGateway
from ..models.crowd import reconnect_window

register = template.Library()

_BUNDLES = ("page", "htmx2", "htmx4")
_APP = "django_aws_api_gateway_websockets"
_STATIC = Path(__file__).resolve().parent.parent / "static"


@register.simple_tag(takes_context=True)
def websocket_url(context: template.Context, gateway: ApiGateway | str, **query: Any) -> str:
    """Return the URL that the page's socket connects to. ``gateway`` is a row or its API name.

    Other arguments become the query: ``{% websocket_url "chat" channel=room %}``. Empty ones are left out.
    """
    return _url(_gateway(gateway), context.get("request"), query)


@register.simple_tag(takes_context=True)
def gateway_socket(
    context: template.Context,
    gateway: ApiGateway | str,
    *,
    bundle: str = "page",
    check: str = "",
    token: str = "",
    id: str = "gateway-socket",  # noqa: A002  as the attribute is called
    integrity: bool = True,
    **query: Any,
) -> SafeString:
    """Return the script of ``bundle`` (page, htmx2 or htmx4), and the settings of the page's socket as JSON.

    ``check`` and ``token`` are the URLs, or URL names, of the check view and the token view. ``id`` is the id of the
    element with the settings. ``integrity=False`` leaves out the hash, for sites that change static files.
    """
    if bundle not in _BUNDLES:
        raise template.TemplateSyntaxError(f"gateway_socket has no bundle {bundle!r}. Use page, htmx2 or htmx4.")
    row = _gateway(gateway)
    request = context.get("request")
    settings = {
        "url": _url(row, request, query),
        "window": reconnect_window(),
        "action": protocol.selecting_key(row.route_selection_expression),
    }
    _check_view("check", check, "WebSocketCheckView", "ws-check")
    _check_view("token", token, "WebSocketTokenView", "ws-token")
    if check:
        settings["check"] = resolve_url(check)
    if token:
        settings["token"] = {"endpoint": resolve_url(token), "csrfToken": get_token(_needed(request))}
    path = f"{_APP}/gateway-socket.{bundle}.js"
    hashed = format_html(' integrity="{}"', _integrity(path)) if integrity else ""
    script = format_html('<script type="module" src="{}"{}{}></script>', static(path), hashed, _nonce(context, request))
    return json_script(settings, id) + script


@register.simple_tag
def position(channel_name: str) -> str:
    """Return the position of a channel, or an empty text if it has no history.

    Use the tag before the rows that the page shows.
    """
    return history.position(_channel("position", channel_name)) or ""


class _Live(template.Node):
    """A part of a page that the client fetches again after a gap."""

    def __init__(
        self, channel: template.base.FilterExpression, at: template.base.FilterExpression | None, content: Any
    ) -> None:
        self._channel, self._at, self._content = channel, at, content

    def render(self, context: template.Context) -> SafeString:
        name = _channel("live", self._channel.resolve(context))
        # Read the position first. The rows that the template reads are then at least as new as the position.
        at = self._at.resolve(context) if self._at is not None else history.position(name)
        if not at and self._at is not None:
            raise template.TemplateSyntaxError("`at` is empty. Is the variable in the context of the template?")
        if not at:
            raise template.TemplateSyntaxError(
                f"The channel {name!r} of the tag live has no history. Add it to {SETTING}['HISTORY']."
            )
        content = self._content.render(context)
        return format_html('<div data-live="{}" data-at="{}">{}</div>', name, at, content)


@register.tag
def live(parser: template.base.Parser, token: template.base.Token) -> _Live:
    """Mark a part of a page that shows the messages of a channel: ``{% live "room-1" %}…{% endlive %}``.

    The page joins the channel with the position that this tag writes. After a gap, the script fetches the page again
    and replaces this part. If your view reads the rows itself, pass the position that it read before the rows:
    ``{% live room at=position %}``.
    """
    _, *arguments = token.split_contents()
    named = len(arguments) == 2 and arguments[1].startswith("at=")
    if not (len(arguments) == 1 or named):
        raise template.TemplateSyntaxError('live takes a channel, and optionally a position: {% live "room-1" at=at %}')
    content = parser.parse(("endlive",))
    parser.delete_first_token()
    at = parser.compile_filter(arguments[1][len("at=") :]) if named else None
    return _Live(parser.compile_filter(arguments[0]), at, content)


def _channel(tag: str, name: Any) -> str:
    """Return the channel name that a tag got. The primary key of a row may be one too."""
    if name in (None, ""):
        raise template.TemplateSyntaxError(f"The tag {tag} got no channel name. Is the variable in the context?")
    if isinstance(name, bool) or not isinstance(name, (str, int, Promise)):
        raise template.TemplateSyntaxError(f"The tag {tag} takes the name of a channel, not {name!r:.80}.")
    return str(name)


def _check_view(option: str, to: Any, view: str, example: str) -> None:
    """Raise ``TemplateSyntaxError`` for a value such as True, which names no URL."""
    if to and not isinstance(to, (str, Promise)) and not hasattr(to, "get_absolute_url"):
        raise template.TemplateSyntaxError(
            f"gateway_socket has {option}={to!r:.80}. Write the URL name of your {view}: {option}={example!r}."
        )


def _gateway(gateway: ApiGateway | str) -> ApiGateway:
    """Return the row. Raise ``GatewayNotCreated`` unless exactly one API of that name exists."""
    if isinstance(gateway, ApiGateway):
        found, name = [gateway] if gateway.websocket_url else [], gateway.api_name
    else:
        rows = ApiGateway.objects.filter(api_name=gateway, api_created=True).order_by("pk")
        found, name = [row for row in rows if row.websocket_url], gateway
    if not found:
        raise GatewayNotCreated(f"The page has no URL for its socket: no API called {name!r} exists. {_remedy()}")
    if len(found) > 1:
        raise GatewayNotCreated(f"{len(found)} gateways are called {name!r}. Pass the row to the tag, not its name.")
    return found[0]


def _remedy() -> str:
    rows = ApiGateway.objects.filter(api_created=True).order_by("api_name", "pk")[:10]
    names = ", ".join(dict.fromkeys(repr(row.api_name) for row in rows if row.websocket_url))
    return f"These exist: {names}. Use one of them, or create it." if names else "Create it first."


def _url(row: ApiGateway, request: HttpRequest | None, query: dict[str, Any]) -> str:
    url = row.websocket_url if request is None else row.websocket_url_for(request)
    given = {name: value for name, value in query.items() if value not in (None, "")}
    if "channel" in given:
        given["channel"] = _channel("gateway_socket or websocket_url", given["channel"])
    return f"{url}?{urlencode(given, doseq=True)}" if given else url


def _needed(request: HttpRequest | None) -> HttpRequest:
    if request is None:
        raise template.TemplateSyntaxError("gateway_socket with token needs the request in the template's context.")
    return request


@lru_cache(maxsize=8)
def _integrity(path: str) -> str:
    """Return the hash of a file as this package ships it, so that a file changed on the way does not run."""
    digest = hashlib.sha384((_STATIC / path).read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode()}"


def _nonce(context: template.Context, request: HttpRequest | None) -> str:
    """Return the attribute ``nonce`` if the site uses one, from Django's CSP middleware or from django-csp."""
    nonce = context.get("csp_nonce", getattr(request, "csp_nonce", None))
    # Compare with None, because Django's nonce is False until somebody reads it.
    return "" if nonce is None else format_html(' nonce="{}"', nonce)
