"""Tables of another package of this app label: kept under other names, and their rows brought over.

Only migrations use this. It works on the models as they are at that migration.
"""

from __future__ import annotations

from .rows import bring_over
from .tables import set_aside

__all__ = ["bring_over", "set_aside"]
