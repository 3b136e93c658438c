"""A site's answer in one line: the reason for a refusal, or the exception behind Django's debug page."""

from __future__ import annotations

import html
import re

from .log_text import describe_answer, one_line

_TITLE = re.compile(r"<title>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_VALUE = re.compile(r'<pre class="exception_value">(.*?)</pre>', re.IGNORECASE | re.DOTALL)
_TEXT_TYPE = re.compile(r"^Exception Type: (\w+)", re.MULTILINE)
_TEXT_VALUE = re.compile(r"^Exception Value: (.*)", re.MULTILINE)
_TRACEBACK = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt|DoesNotExist)\b.*$", re.MULTILINE)


def exception_of(status: int, body: bytes) -> str:
    """Return the last line of the exception in a debug page or a traceback, or an empty string."""
    if status < 400 or not body:
        return ""
    text = body.decode("utf-8", "replace")
    kind, value = _TEXT_TYPE.search(text), _TEXT_VALUE.search(text)
    if kind:
        return one_line(f"{kind[1]}: {value[1].strip()}" if value else kind[1])
    title, value = _TITLE.search(text), _VALUE.search(text)
    if title and value:
        return one_line(f"{html.unescape(title[1]).split()[0]}: {html.unescape(value[1]).strip()}")
    if "Traceback (most recent call last)" in text:
        lines = _TRACEBACK.findall(text)
        return one_line(lines[-1]) if lines else ""
    return ""


def summary_of(status: int, body: bytes) -> str:
    """Return the exception if there is one, or else the status with the ``message`` of a refusal."""
    exception = exception_of(status, body)
    return f"{status}: {exception}" if exception else describe_answer(status, body)
