"""Credentials from the settings, or from boto3's own chain.

Credentials are never kept in a local variable, a key or a repr.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..conf import aws_setting
from ..exceptions import CredentialsError

_PROFILE = "AWS_IAM_PROFILE"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

# The key contains the process id, because servers fork after import.
sessions: dict[tuple[Any, ...], tuple[Any, Any]] = {}
#: This lock is held while sessions and clients are created, and while boto3 looks up credentials.
lock = threading.RLock()


@dataclass(frozen=True, repr=False)  # because error pages show the repr of every local
class Credentials:
    """The credentials that sign requests."""

    access_key: str
    secret_key: str
    token: str | None  # of temporary credentials


#: A local gateway takes any signature, so a laptop needs no AWS account.
LOCAL = Credentials("local", "local", None)


def fingerprint() -> str:
    """Return a hash of the credentials in the settings. It distinguishes clients."""
    digest = sha256()
    for name in (_PROFILE, *_KEYS):
        digest.update(f"{aws_setting(name)}\n".encode())
    return digest.hexdigest()


def half_set() -> str:
    """Return which credentials in the settings are missing. Return an empty string if they are complete."""
    if aws_setting(_PROFILE):
        return ""
    needed, given = _KEYS[:2], [name for name in _KEYS if aws_setting(name)]
    missing = [name for name in needed if name not in given]
    if not given or not missing:
        return ""
    return (
        f"{' and '.join(given)} is set, but {' and '.join(missing)} is not. "
        f"Set {' and '.join(needed)} together, or neither of them."
    )


def session(region: str | None) -> tuple[Any, Any]:
    """Return the botocore and boto3 sessions for the settings. They hold the credentials and renew them."""
    import boto3
    from botocore.session import Session

    region = region or aws_setting("AWS_GATEWAY_REGION_NAME", "AWS_REGION_NAME")
    key = (os.getpid(), region, fingerprint())
    if key not in sessions:
        problem, profile = half_set(), aws_setting(_PROFILE)
        if problem:
            raise CredentialsError(f"The credentials in the settings are incomplete: {problem}")
        core = Session()
        if not profile and aws_setting(_KEYS[0]):
            core.set_credentials(*(aws_setting(name) for name in _KEYS))
        sessions[key] = core, boto3.Session(botocore_session=core, region_name=region, profile_name=profile)
    return sessions[key]
