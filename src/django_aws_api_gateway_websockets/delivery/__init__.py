"""Outgoing calls to connections. This layer knows connection ids and URLs, but no rows."""

from __future__ import annotations

from .connecting import connecting
from .lookup import ConnectionInfo
from .report import DeliveryReport
from .send import call_many, call_one

__all__ = ["ConnectionInfo", "DeliveryReport", "call_many", "call_one", "connecting"]
