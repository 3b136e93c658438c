"""Adopt the tables of another package with the same app label: rename them, and copy their rows.

Only migrations use this. It uses the models as they are at that migration.
"""

from __future__ import annotations

from .rows import bring_over
from .tables import set_aside

__all__ = ["bring_over", "set_aside"]
