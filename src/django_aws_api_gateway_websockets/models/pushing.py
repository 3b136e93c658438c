"""Send the users of a channel, and each change, to the pages in it. See docs/protocol.md."""

from __future__ import annotations

import logging
from typing import Any, Sequence

from django.apps import apps
from django.contrib.auth.models import AnonymousUser

from .. import protocol
from ..conf import conf
from ..delivery.connecting import now_connecting
from ..delivery.payload import as_json
from ..exceptions import WebSocketsError
from ..registry import Registry
from ..security.channel_rules import matches
from .batches import batches

logger = logging.getLogger("django_aws_api_gateway_websockets")

#: A function that ``WEBSOCKETS["PRESENCE_USER"]`` may name: ``(user, channel_name)``. It returns the data of the user
#: for the pages in the channel, as JSON-compatible data, or None to hide the user.
VIEWS_OF_USER = Registry("PRESENCE_USER", {"username": f"{__name__}.username"})

_NOBODY = AnonymousUser()


def username(user: Any, channel_name: str) -> Any:
    return {"id": user.pk, "name": user.get_username()}


def is_pushed(channel_name: str) -> bool:
    """Return whether the pages in a channel get its users."""
    return bool(channel_name) and any(matches(one, _NOBODY, channel_name) for one in conf.PRESENCE_CHANNELS)


def push_changes(channel_name: str, but: Any = None, **changes: Sequence[Any]) -> None:
    """Send the users that have ``joined`` or ``left`` to the pages in a channel, except the page of session ``but``."""
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
    """Send the list of users in a channel to the page of ``session``."""
    if session.connection_id in now_connecting():
        return  # The connection is not open yet. The page joins the channel with its first message.
    try:
        session.send_text(_frame(channel_name, {"list": _seen(users, channel_name)}), fail_silently=True)
    except WebSocketsError as error:
        logger.error("The list of users in the channel %r was not sent: %s", channel_name, error)


def _seen(users: Sequence[Any], channel_name: str) -> list[Any]:
    see = VIEWS_OF_USER.find(conf.PRESENCE_USER)
    return [shown for shown in (see(user, channel_name) for user in users) if shown is not None]


def _frame(channel_name: str, presence: Any) -> str:
    content = {"channel": channel_name, "presence": presence}
    return as_json({protocol.RESERVED_KEY: content})
