"""Authority that ends in Django ends on the socket: logout, password change, deactivation, the end of a session."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import transaction
from django.db.models import Model, Q, QuerySet, signals

from ..conf import conf
from ..models import ClosedReason, WebSocketSession
from ..models.batches import batches
from ..models.closing import close_connections
from .authority import auth_hash, auth_hashes, hash_session_key, session_key_hash
from .ended import note_end, note_ends

# What Django itself writes at each login: nothing that a socket's authority hangs on.
_HARMLESS_UPDATES = {"last_login"}


def connect_signals() -> None:
    """Called once, when the apps are ready."""
    user_logged_out.connect(_on_logout, dispatch_uid="websockets.logout")
    for model in apps.get_models():
        _watch(model)
    # Those that come later, such as a proxy in an admin.py.
    signals.class_prepared.connect(_watch, dispatch_uid="websockets.model")


def _watch(sender: type[Model], **kwargs: Any) -> None:
    """Django tells the signals of a proxy or a child under its own name, not under that of its parent.

    Nor can they be heard of every model: one that is heard of is deleted row by row.
    """
    if issubclass(sender, get_user_model()):
        signals.post_save.connect(_on_user_saved, sender=sender, dispatch_uid="websockets.user_saved")
    elif issubclass(sender, AbstractBaseSession) and conf.CLOSE_ON_SESSION_DELETE:
        signals.post_delete.connect(_on_session_deleted, sender=sender, dispatch_uid="websockets.session_deleted")


def _on_logout(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """The sockets opened under this session, and those of the user that no session can be told of."""
    session_hash = session_key_hash(request)
    note_end(session_hash, user)
    which = Q(session_key_hash=session_hash) if session_hash else Q(pk__in=[])
    if user is not None:
        # Since SECRET_KEY is another one, Django may have given the session another key.
        which |= Q(user=user) & (Q(session_key_hash="") | ~Q(session_auth_hash=auth_hash(user)))
    close_connections(WebSocketSession.objects.filter(which), ClosedReason.LOGOUT)


def _on_session_deleted(sender: Any, instance: AbstractBaseSession, using: str, **kwargs: Any) -> None:
    """Close the connections of a session. For the sessions of one queryset, do it once, after the commit.

    ``clearsessions`` deletes thousands of rows with one ``delete()``, and Django sends this signal for each of them.
    """
    session_hash = hash_session_key(instance.session_key)
    queryset = kwargs["origin"]
    if not isinstance(queryset, QuerySet):
        _close_ended([session_hash])
        return
    ended: list[str] = vars(queryset).setdefault("_websockets_ended", [])
    ended.append(session_hash)
    # For each signal, because an earlier deletion by the same queryset may have been rolled back.
    transaction.on_commit(partial(_close_ended, ended), using=using)


def _close_ended(ended: list[str]) -> None:
    """Close the connections of the sessions in ``ended``, and empty the list for the callbacks that follow."""
    hashes, ended[:] = ended[:], []
    note_ends(hashes)
    for batch in batches(hashes):
        sessions = WebSocketSession.objects.filter(session_key_hash__in=batch)
        close_connections(sessions, ClosedReason.SESSION_ENDED)


def _on_user_saved(
    sender: Any, instance: Any, created: bool, raw: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    if created or raw or (update_fields and set(update_fields) <= _HARMLESS_UPDATES):
        return
    sessions = WebSocketSession.objects.filter(user=instance)
    if not instance.is_active:
        close_connections(sessions, ClosedReason.USER_INACTIVE)
    else:
        ended = sessions.exclude(session_auth_hash__in=list(auth_hashes(instance)))
        close_connections(ended, ClosedReason.PASSWORD_CHANGED)
