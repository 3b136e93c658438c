"""Close the connections of a login that ends: logout, password change, deactivation, the end of a session."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet, signals

from ..conf import conf
from ..models import ClosedReason, WebSocketSession
from ..models.after_commit import call_after_commit
from ..models.batches import batches
from ..models.closing import close_for_good
from .authority import standing_marks
from .browser_sessions import hash_of, previous_session_hash, session_hash, start_session
from .ended_logins import note_end, note_ends

__all__ = ["connect_signals"]

# Fields that Django itself writes at each login. Changing them does not end a login.
_HARMLESS_UPDATES = {"last_login"}


def connect_signals() -> None:
    """Connect the signal handlers of this module. This runs once, when the apps are ready."""
    user_logged_in.connect(_on_login, dispatch_uid="websockets.login")
    user_logged_out.connect(_on_logout, dispatch_uid="websockets.logout")
    for model in apps.get_models():
        _watch(model)
    # For models that are defined later, such as a proxy in an admin.py.
    signals.class_prepared.connect(_watch, dispatch_uid="websockets.model")


def _watch(sender: type[Model], **kwargs: Any) -> None:
    """Connect the signals of ``sender`` if it is a user or a session.

    Django sends the signals of a proxy or a child model with its own class as sender, not with its parent's. Listening
    to all models instead would make Django delete their rows one by one.
    """
    if issubclass(sender, get_user_model()):
        signals.post_save.connect(_on_user_saved, sender=sender, dispatch_uid="websockets.user_saved")
    elif issubclass(sender, AbstractBaseSession) and conf.CLOSE_ON_SESSION_DELETE:
        signals.post_delete.connect(_on_session_deleted, sender=sender, dispatch_uid="websockets.session_deleted")


def _on_login(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Close the connections of the previous login in the same browser."""
    if request is None:
        return
    previous = previous_session_hash(request)
    if previous:
        _close_ended([previous])
    start_session(request)


def _on_logout(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """Close the connections opened under this session, and those of its user that belong to no session."""
    found = session_hash(request)
    note_end(found, user)
    which = Q(session_key_hash=found) if found else Q(pk__in=[])
    if user is not None:
        which |= Q(user=user, session_key_hash="")
    close_for_good(WebSocketSession.objects.filter(which), ClosedReason.LOGOUT)


def _on_session_deleted(sender: Any, instance: AbstractBaseSession, using: str, **kwargs: Any) -> None:
    """Close the connections of a session. For the sessions of one queryset, do it once, after the commit.

    ``clearsessions`` deletes thousands of rows with one ``delete()``, and Django sends this signal for each of them.
    """
    session_hash = hash_of(instance.session_key)
    queryset = kwargs["origin"]
    if not isinstance(queryset, QuerySet):
        _close_ended([session_hash])
        return
    ended: list[str] = vars(queryset).setdefault("_websockets_ended", [])
    ended.append(session_hash)
    # Register a callback for each signal, because an earlier deletion by the same queryset may have been rolled back.
    transaction.on_commit(partial(_close_ended, ended), using=using)


def _close_ended(ended: list[str]) -> None:
    """Close the connections of the sessions in ``ended``, and empty the list for the callbacks that follow."""
    hashes, ended[:] = ended[:], []
    note_ends(hashes)
    for batch in batches(hashes):
        sessions = WebSocketSession.objects.filter(session_key_hash__in=batch)
        close_for_good(sessions, ClosedReason.SESSION_ENDED)


def _on_user_saved(
    sender: Any, instance: Any, created: bool, raw: bool, using: str, update_fields: Any = None, **kwargs: Any
) -> None:
    if created or raw or (update_fields and set(update_fields) <= _HARMLESS_UPDATES):
        return
    standing = standing_marks(instance, using)
    inactive = not standing or not getattr(instance, "is_active", True)
    reason = ClosedReason.USER_INACTIVE if inactive else ClosedReason.PASSWORD_CHANGED
    ended = WebSocketSession.objects.filter(user=instance.pk).exclude(session_auth_hash__in=standing)
    close_for_good(ended, reason)
    if connections[using].in_atomic_block:
        # A $connect that is still being answered does not see this transaction, and may have written its row after the
        # query above.
        call_after_commit(using, close_for_good, ended.all(), reason)
