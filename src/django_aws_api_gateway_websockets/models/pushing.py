"""Tell the pages in a channel who is there, who comes and who goes. See docs/protocol.md."""

from __future__ import annotations

import json
import logging
from typing import Any, Sequence

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder

from .. import protocol
from ..conf import conf
from ..delivery.connecting import now_connecting
from ..exceptions import WebSocketsError
from ..registry import Registry
from ..security.channel_rules import matches
from .batches import batches

logger = logging.getLogger("django_aws_api_gateway_websockets")

#: What ``WEBSOCKETS["PRESENCE_USER"]`` may name: a function ``(user, channel_name)`` that returns what the pages in the
#: channel see of the user, as JSON-compatible data, or None to hide the user.
VIEWS_OF_USER = Registry("PRESENCE_USER", {"username": f"{__name__}.username"})

_NOBODY = AnonymousUser()


def username(user: Any, channel_name: str) -> Any:
    return {"id": user.pk, "name": user.get_username()}


def is_pushed(channel_name: str) -> bool:
    """Return whether the pages in a channel are told who is there."""
    return bool(channel_name) and any(matches(one, _NOBODY, channel_name) for one in conf.PRESENCE_CHANNELS)


def push_changes(channel_name: str, but: Any = None, **changes: Sequence[Any]) -> None:
    """Tell the pages in a channel which users have ``joined`` or ``left``, except the page of the session ``but``."""
    if not is_pushed(channel_name):
        return
    model: Any = apps.get_model("django_aws_api_gateway_websockets", "WebSocketSession")
    pages = model.objects.in_channel(channel_name).filter(protocol_version__gt=0)
    if but is not None:
        pages = pages.exclude(pk=but.pk)
    try:
        for kind, users in changes.items():
            for batch in batches(_seen(users, channel_name)):
                pages.send_text(_frame(channel_name, {kind: batch}), fail_silently=True)
    except Exception:
        logger.exception("The pages in the channel %r were not told who came or went", channel_name)


def push_list(session: Any, channel_name: str, users: Sequence[Any]) -> None:
    """Show the page of ``session`` who is in a channel."""
    if session.connection_id in now_connecting():
        return  # Its page will join by itself, with its first message.
    try:
        session.send_text(_frame(channel_name, {"list": _seen(users, channel_name)}), fail_silently=True)
    except WebSocketsError as error:
        logger.error("A page was not shown who is in the channel %r: %s", channel_name, error)


def _seen(users: Sequence[Any], channel_name: str) -> list[Any]:
    see = VIEWS_OF_USER.find(conf.PRESENCE_USER)
    return [shown for shown in (see(user, channel_name) for user in users) if shown is not None]


def _frame(channel_name: str, presence: Any) -> str:
    content = {"channel": channel_name, "presence": presence}
    return json.dumps({protocol.RESERVED_KEY: content}, cls=DjangoJSONEncoder, separators=(",", ":"))
