"""Everything that tools show of an error: what must hold no secret."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import django
from django.core import mail
from django.test import RequestFactory, override_settings
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

TESTS = str(Path(__file__).parent)
# Django 6.0 takes addresses, older versions take pairs.
ADMINS = ["admin@example.com"] if django.VERSION >= (6, 0) else [("A", "admin@example.com")]


def shown(error, request=None, start=None):
    """Django's debug page and text report, the mail to ADMINS, and log records with the variables of every frame.

    ``start`` is the traceback to begin with. By default, it is the error's, without the test's own frames, which know
    the secrets.
    """
    error.__traceback__ = start or _without_tests(error.__traceback__)
    request = request or RequestFactory().post("/ws/default")
    pages = []
    for debug in (True, False):
        with override_settings(DEBUG=debug):
            reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
            pages += [reporter.get_traceback_html(), reporter.get_traceback_text(), _mail(error, request)]
    for one in _chain(error):
        stack = traceback.TracebackException(type(one), one, one.__traceback__, capture_locals=True)
        pages.append("".join(stack.format()))
        # What Django abbreviates, another tool may not.
        for frame, _ in traceback.walk_tb(one.__traceback__):
            inside = frame.f_code.co_filename.rpartition("/site-packages/")[2]
            if inside.startswith("botocore") or "django_aws_api_gateway_websockets" in inside:
                pages += [repr(value) for value in frame.f_locals.values()]
    return "\n".join(pages)


def _mail(error, request):
    info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "failed", (), info)
    record.request = request
    mail.outbox = []
    with override_settings(ADMINS=ADMINS):
        AdminEmailHandler(include_html=True).emit(record)
    (sent,) = mail.outbox
    return "".join([sent.subject, sent.body, *(str(part[0]) for part in sent.alternatives)])


def _without_tests(stack):
    while stack.tb_next is not None and stack.tb_frame.f_code.co_filename.startswith(TESTS):
        stack = stack.tb_next
    return stack


def _chain(error):
    """The error, and every one that a tool may follow from it, suppressed or not."""
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen
