"""Text from outside on its way into a log: one line, and nothing that a terminal obeys."""

from __future__ import annotations


def one_line(text: str) -> str:
    """``text`` with every character that does not print escaped: line breaks, ESC, bidirectional overrides."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
