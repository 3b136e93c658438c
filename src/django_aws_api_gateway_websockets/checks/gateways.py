"""System checks of the gateways in the database. They run with ``check --database default``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError
from django.urls import Resolver404, resolve

from .. import protocol
from ..definition import integration_uri
from ..models import ApiGateway
from ..models.validators import is_allowed_domain
from ..security.escaping import one_line
from ..security.targets import is_allowed_target, target_hosts_setting
from ..views import WebSocketTokenView, WebSocketView
from ..views.mounted import mounted_views
from ..views.view import sets_selection_key
from .collecting import Checks

__all__ = ["check_gateways"]


@register("websockets", Tags.database)
def check_gateways(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W020 to W026: gateways agree with the settings and the views of the site."""
    if not databases:
        return []
    try:
        gateways = list(ApiGateway.objects.prefetch_related("additional_routes"))
    except DatabaseError:
        return []  # The tables have not been migrated yet.
    return [_printable(message) for gateway in gateways for message in _check_gateway(gateway)]


def _printable(message: CheckMessage) -> CheckMessage:
    """Escape unprintable characters in the message, because the name of an imported gateway may contain them."""
    message.msg = one_line(message.msg)
    return message


def _check_gateway(gateway: ApiGateway) -> Checks:
    yield from _check_domain(gateway)
    if gateway.api_id and gateway.sends_secret is False:
        yield CheckWarning(
            f"The gateway {gateway} does not send its secret with every event, so the view refuses events.",
            hint=f"Run updateApiGateway --pk={gateway.pk} to add the secret.",
            id="websockets.W023",
        )
    if gateway.data_trace:
        yield CheckWarning(
            f"The gateway {gateway} writes every message in full to its execution log.",
            hint="Turn off data tracing when you have found the problem.",
            id="websockets.W025",
        )
    yield from _check_selection(gateway)
    targets = [gateway.target_base_endpoint, *(route.integration_url for route in gateway.additional_routes.all())]
    for target in targets:
        yield from _check_target(gateway, target)


def _check_domain(gateway: ApiGateway) -> Checks:
    cookie_domain = (settings.SESSION_COOKIE_DOMAIN or "").lstrip(".")
    domain = gateway.domain_name
    reached = cookie_domain and (domain == cookie_domain or domain.endswith(f".{cookie_domain}"))
    if domain and not is_allowed_domain(domain):
        yield CheckWarning(
            f"The gateway {gateway} names the custom domain {domain}, which ALLOWED_DOMAINS does not list.",
            hint="Correct the domain name, or add it to WEBSOCKETS['ALLOWED_DOMAINS'].",
            id="websockets.W024",
        )
    gives_tokens = any(True for _ in mounted_views(WebSocketTokenView))
    if domain and not reached and not gives_tokens:
        yield CheckWarning(
            f"Browsers do not send the session cookie to {domain}, the domain of the gateway {gateway}, so every user "
            "will be anonymous.",
            hint="Set SESSION_COOKIE_DOMAIN to a domain that both share, or use connect tokens.",
            id="websockets.W020",
        )


def _check_target(gateway: ApiGateway, target: str) -> Checks:
    if settings.SECURE_SSL_REDIRECT and target.lower().startswith("http://"):
        yield CheckWarning(
            f"The gateway {gateway} posts to {target}, and SECURE_SSL_REDIRECT answers with a redirect.",
            hint="Change the target to https://.",
            id="websockets.W021",
        )
    if not is_allowed_target(target):
        yield CheckWarning(
            f"The gateway {gateway} sends its events and its secret to {target}, which is not a host of this site.",
            hint=f"Correct the URL, or add its host to {target_hosts_setting()}.",
            id="websockets.W022",
        )


def _check_selection(gateway: ApiGateway) -> Checks:
    """Compare a key that a view sets by hand with its gateway's expression.

    Views without a key of their own follow the gateway.
    """
    path = urlsplit(integration_uri(gateway.target_base_endpoint, protocol.DEFAULT)).path
    try:
        callback: Any = resolve(path).func
    except Resolver404:
        return
    view, given = getattr(callback, "view_class", None), getattr(callback, "view_initkwargs", {})
    if not (isinstance(view, type) and issubclass(view, WebSocketView) and sets_selection_key(view, given)):
        return
    key = given.get("route_selection_key", view.route_selection_key)
    if protocol.body_references(gateway.route_selection_expression) != [key]:
        yield CheckWarning(
            f"{view.__name__} picks handlers by the key {key!r}, and the gateway {gateway} picks routes by "
            f"{gateway.route_selection_expression}.",
            hint="Remove route_selection_key from the view to follow the gateway, or change one of the two.",
            id="websockets.W026",
        )
