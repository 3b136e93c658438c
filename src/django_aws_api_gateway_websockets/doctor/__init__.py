"""The doctor checks a gateway, from the settings to a live socket. It reports each problem with its solution."""

from __future__ import annotations

from .examination import Report, Visit, examine
from .finding import Finding, Hop
from .probe import IDLE, Probed, probe

__all__ = ["IDLE", "Finding", "Hop", "Probed", "Report", "Visit", "examine", "probe"]
