"""The confirmation pages for actions on sessions: the number of connections, and a button."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ModelAdmin
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..delivery import DeliveryReport
from ..exceptions import WebSocketsError
from ..models import ClosedReason, WebSocketSession, WebSocketSessionQuerySet
from ..security.bodies import is_deeper

TEMPLATE = "admin/django_aws_api_gateway_websockets/session_action.html"
# How many connections the page names, and how many rows get a history entry.
SHOWN = 10
LOGGED = 100


class MessageField(forms.JSONField):
    """A JSON field that is empty at first. Django's own field shows "null", and fails on deep JSON."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and is_deeper(value, conf.MAX_JSON_DEPTH):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid", params={"value": value})
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        is_deep = isinstance(data, str) and is_deeper(data, conf.MAX_JSON_DEPTH)
        return InvalidJSONInput(data) if is_deep else super().bound_data(data, initial)

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)


class MessageForm(forms.Form):
    """The message to send: a JSON object."""

    message = MessageField(
        label=_("Message"),
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text=_('A JSON object, which every recipient gets as it is: {"type": "notice", "text": "Back at ten."}'),
    )

    def clean_message(self) -> Any:
        message = self.cleaned_data["message"]
        if not isinstance(message, dict):
            raise forms.ValidationError(_("Enter a JSON object, in curly brackets."))
        return message


class SessionOperation(NamedTuple):
    name: str
    title: Any
    button: Any
    destroys: bool
    form: type[forms.Form]
    act: Callable[[WebSocketSessionQuerySet, dict[str, Any]], DeliveryReport]
    done: Callable[[int], str]


SEND = SessionOperation(
    "send_a_message",
    _("Send a message"),
    _("Send"),
    False,
    MessageForm,
    lambda sessions, values: sessions.send_message(values["message"]),
    lambda count: ngettext("Sent to %d connection.", "Sent to %d connections.", count) % count,
)
DISCONNECT = SessionOperation(
    "disconnect",
    _("Disconnect"),
    _("Yes, disconnect"),
    True,
    forms.Form,
    lambda sessions, values: sessions.disconnect(ClosedReason.KICKED, deadline=conf.CLOSE_DEADLINE),
    lambda count: ngettext("Disconnected %d connection.", "Disconnected %d connections.", count) % count,
)


def run(
    admin: ModelAdmin[WebSocketSession],
    request: HttpRequest,
    sessions: WebSocketSessionQuerySet,
    operation: SessionOperation,
) -> HttpResponse:
    """Show the page. After confirmation, carry the operation out and report the result."""
    confirmed = "confirmed" in request.POST
    form = operation.form(request.POST if confirmed else None)
    if confirmed and form.is_valid():
        _act(admin, request, sessions, operation, form.cleaned_data)
        return HttpResponseRedirect(request.get_full_path())
    connected = sessions.filter(connected=True).order_by("pk")
    context = {
        **admin.admin_site.each_context(request),
        "title": operation.title,
        "opts": admin.model._meta,
        "operation": operation,
        "form": form,
        "count": connected.count(),
        "sessions": connected.select_related("user", "api_gateway")[:SHOWN],
        "checkbox": ACTION_CHECKBOX_NAME,
        "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _act(
    admin: ModelAdmin[WebSocketSession],
    request: HttpRequest,
    sessions: WebSocketSessionQuerySet,
    operation: SessionOperation,
    values: dict[str, Any],
) -> None:
    logged = list(sessions.filter(connected=True).order_by("pk")[:LOGGED])
    try:
        report = operation.act(sessions, values)
    except WebSocketsError as error:
        admin.message_user(request, str(error), messages.ERROR)
        return
    for session in logged:
        # Never log what was sent, because messages are private.
        admin.log_change(request, session, f"{operation.title}: {_outcome(session, report)}")
    for level, text in _lines(report, operation):
        admin.message_user(request, text, level)


def _outcome(session: WebSocketSession, report: DeliveryReport) -> str:
    if session.connection_id in report.sent:
        return gettext("done.")
    if session.connection_id in report.gone:
        return gettext("the client had already disconnected.")
    return gettext("not done.")


def _lines(report: DeliveryReport, operation: SessionOperation) -> list[tuple[int, str]]:
    sent, gone = len(report.sent), len(report.gone)
    failed = report.total - sent - gone
    lines = [(messages.SUCCESS if sent else messages.INFO, operation.done(sent))]
    if gone:
        text = ngettext(
            "%d client had already disconnected. Its row is now closed.",
            "%d clients had already disconnected. Their rows are now closed.",
            gone,
        )
        lines.append((messages.INFO, text % gone))
    if failed:
        text = ngettext("%d connection was not reached.", "%d connections were not reached.", failed) % failed
        first = next(iter(report.failed.values()), "")
        lines.append((messages.ERROR, f"{text} {first}".strip()))
    return lines
