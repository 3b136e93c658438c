"""The doctor: looks at a gateway from the settings to a live socket, and names what is wrong with its remedy."""

from __future__ import annotations

from .examination import Report, Visit, examine
from .finding import Finding, Hop

__all__ = ["Finding", "Hop", "Report", "Visit", "examine"]
