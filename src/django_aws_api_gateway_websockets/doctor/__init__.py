"""The doctor checks a gateway, from the settings to a live socket. It reports each problem with its solution."""

from __future__ import annotations

from .examination import Report, Visit, examine
from .finding import Finding, Hop

__all__ = ["Finding", "Hop", "Report", "Visit", "examine"]
