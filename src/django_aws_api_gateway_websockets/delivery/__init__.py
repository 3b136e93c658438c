"""Out: a message to one connection or to every connection of a queryset."""

from __future__ import annotations

from .connecting import connecting
from .lookup import ConnectionInfo
from .report import DeliveryReport

__all__ = ["ConnectionInfo", "DeliveryReport", "connecting"]
