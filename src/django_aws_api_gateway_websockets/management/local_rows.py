"""A gateway row for each mounted view, updated with the local gateway while you develop."""

from __future__ import annotations

import re
from typing import Callable, Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.urls import get_script_prefix

from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..provisioning import update_gateway
from ..provisioning.endpoints import check_place
from ..security.targets import is_allowed_target, target_hosts_setting
from ..views import WebSocketView
from ..views.mounted import Mounted, mounted_views

Say = Callable[[str], object]

# "ws/<slug:route>": a literal path with the route at its end.
_LITERAL = re.compile(r"([A-Za-z0-9_.~/-]*)<(?:\w+:)?route>\Z")


def keep_rows(site: str, say: Say) -> None:
    """Create or update a gateway row for each view that the site at ``site`` mounts. Print the URL of its socket.

    Only rows that are marked as local are found or changed. If one view fails, the others are still processed.
    """
    if not settings.DEBUG:
        say("DEBUG is False, so no gateway rows are created. For your own row, run createApiGateway --local --pk=PK.")
        if not is_allowed_target(site):
            say(f"{site} is not in {target_hosts_setting()}, so the site refuses its own events. Add its host.")
        return
    views = list(mounted_views(WebSocketView))
    if not views:
        say('No WebSocketView is mounted. Add path("ws/<slug:route>", YourView.as_view()) to urls.py.')
    for mounted in views:
        say(_keep(mounted, site))
    say(f"Open {site}")


def _keep(mounted: Mounted, site: str) -> str:
    name = mounted.view.__name__
    match = _LITERAL.match(mounted.pattern)
    if match is None:
        return (
            f"{name}: no gateway was created, because {mounted.pattern!r} does not end in <slug:route>, or has "
            "another parameter. Create a gateway row yourself, and run createApiGateway --local."
        )
    try:
        gateway = _row(name, f"{site.rstrip('/')}{get_script_prefix()}{match.group(1)}")
        update_gateway(gateway)
    except DatabaseError as error:
        return f"{name}: no gateway was created: {error}. Run manage.py migrate, then save one of your source files."
    except WebSocketsError as error:
        return f"{name}: {error}"
    return f"{name}: {gateway.websocket_url}"


def _row(name: str, target: str) -> ApiGateway:
    path = urlsplit(target).path
    gateway = next((row for row in _local_rows() if urlsplit(row.target_base_endpoint).path == path), None)
    if gateway is None:
        return ApiGateway.objects.create(api_name=name, target_base_endpoint=target, is_local=True)
    check_place(gateway.api_endpoint, is_local=True)
    if gateway.target_base_endpoint != target:
        gateway.target_base_endpoint = target
        gateway.save(update_fields=["target_base_endpoint", "updated_on"])
    return gateway


def _local_rows() -> Iterator[ApiGateway]:
    return ApiGateway.objects.filter(is_local=True).order_by("pk").iterator()
