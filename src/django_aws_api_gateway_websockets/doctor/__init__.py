"""The doctor: looks at a gateway from the settings to a live socket, and names what is wrong with its remedy."""

from __future__ import annotations

from .examination import Report, Visit, examine
from .finding import Finding, Hop
from .probe import IDLE, Probed, probe

__all__ = ["IDLE", "Finding", "Hop", "Probed", "Report", "Visit", "examine", "probe"]
