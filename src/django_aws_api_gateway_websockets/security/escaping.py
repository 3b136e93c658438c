"""Escape outside text for logs: one line, and no control characters for terminals."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return ``text`` with every non-printing character escaped: line breaks, ESC, bidirectional overrides."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
