"""Access to AWS: clients made from the settings, and AWS's failures translated into this package's exceptions."""

from __future__ import annotations

from . import clients, credentials
from .clients import connections_client, control_client, forget_lookups
from .errors import from_answer, from_client_error, from_status, timed_out, translated, unreachable, without_frames
from .identity import SigningIdentity, forget_identities, signing_identity

__all__ = [
    "SigningIdentity",
    "connections_client",
    "control_client",
    "forget",
    "from_answer",
    "from_client_error",
    "from_status",
    "signing_identity",
    "timed_out",
    "translated",
    "unreachable",
    "without_frames",
]


def forget() -> None:
    """Discard all clients. Tests need this after they change the environment, because boto3 reads it only once."""
    clients.clients.clear()
    credentials.sessions.clear()
    forget_lookups()
    forget_identities()
