"""The one door to AWS: clients made from the settings, and failures translated into errors of our own."""

from __future__ import annotations

from . import clients, credentials
from .clients import connections_client, control_client, forget_lookups
from .errors import from_answer, from_client_error, from_status, timed_out, translated, unreachable
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
]


def forget() -> None:
    """Make every client anew. Tests need this when they change the environment, which boto3 reads once."""
    clients.clients.clear()
    credentials.sessions.clear()
    forget_lookups()
    forget_identities()
