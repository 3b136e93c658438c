"""Outgoing calls to connections. This layer knows connection ids and URLs, but no rows."""

from __future__ import annotations

from .lookup import ConnectionInfo
from .report import DeliveryReport

__all__ = ["ConnectionInfo", "DeliveryReport"]
