"""A helper for the ``on_delete`` functions of several models."""

from __future__ import annotations

from django.db.models.deletion import Collector


def shows_only(collector: Collector) -> bool:
    """Return whether ``collector`` only lists what would be deleted, as the admin's ``NestedObjects`` does."""
    return hasattr(collector, "add_edge")
