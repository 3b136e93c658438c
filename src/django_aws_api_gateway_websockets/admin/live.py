"""The page "Live": who is connected now, and what happened in the last hours."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, F, OuterRef
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..models import ApiGateway, ChannelMembership, ClosedReason, WebSocketSession
from ..models.activity import CONNECTS, MESSAGES, latest_failures, latest_steps
from ..models.rows import oldest_open
from .plots import HEIGHT, LEFT, WIDTH, Plot, draw

TEMPLATE = "admin/django_aws_api_gateway_websockets/live.html"
# The page looks at this many of the newest rows, so that it opens quickly with a table of any size. Connections end
# after two hours, so only the newest rows can be open, unless there are more connects than this.
NEWEST = 50_000
SHOWN = 10
_PRIVATE_CACHES = ("LocMemCache", "DummyCache")


class Line(NamedTuple):
    """The number of connections of a gateway, channel or user, and a link to them in the list."""

    name: Any
    open: int
    query: str


class Now(NamedTuple):
    """The open connections. ``partial`` if older rows may be open too."""

    total: int
    tables: list[tuple[Any, list[Line]]]
    partial: bool


def live_page(admin: ModelAdmin[WebSocketSession], request: HttpRequest) -> TemplateResponse:
    """Show the page to users who may view sessions."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Live"),
        "opts": admin.model._meta,
        "list_url": reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_changelist"),
        "now": connections_now(admin.get_queryset(request)),
        "newest": NEWEST,
        "plots": _plots() if conf.COUNT_EVENTS else [],
        "counted": conf.COUNT_EVENTS,
        "one_process": settings.CACHES[conf.CACHE]["BACKEND"].endswith(_PRIVATE_CACHES),
        "failures": [(timezone.localtime(at), text) for at, text in latest_failures()],
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
    }
    return TemplateResponse(request, TEMPLATE, context)


def connections_now(sessions: Any) -> Now:
    """Count the open connections among the newest rows."""
    newest = sessions.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = sessions.filter(pk__gt=newest - NEWEST).open().order_by()
    before = sessions.filter(pk__lte=newest - NEWEST).order_by("-pk").values_list("created_on", flat=True).first()
    gateways = _counted(rows, "api_gateway_id")
    tables = [
        (_("Gateways"), _lines(gateways, _gateway_names, "api_gateway__id__exact")),
        (_("Channels"), _lines(_channels(rows), _channel_names, "q")),
        (_("Users"), _lines(_counted(rows, "user_id"), _user_names, "q")),
    ]
    total = sum(count for _, count in gateways)
    return Now(total, tables, before is not None and before > oldest_open())


def _counted(rows: Any, column: str) -> list[tuple[Any, int]]:
    """Return the values of ``column`` with their numbers of rows, the largest first."""
    return list(rows.values_list(column).annotate(found=Count("pk")).order_by("-found", column))


def _channels(rows: Any) -> list[tuple[str, int]]:
    """Return each channel and its number of connections, both those that connected to it and those that joined it."""
    members = ChannelMembership.objects.using(rows.db).filter(connected=True, session__in=rows)
    counts = Counter(dict(_counted(rows.exclude(channel_name=""), "channel_name")))
    counts.update(dict(_counted(members.exclude(channel_name=F("session__channel_name")), "channel_name")))
    joined = ChannelMembership.objects.using(rows.db).filter(session=OuterRef("pk"))
    counts[""] = rows.filter(~Exists(joined), channel_name="").count()
    return sorted((+counts).items(), key=lambda one: (-one[1], one[0]))


def _lines(counted: list[tuple[Any, int]], names: Callable[[list[Any]], dict[Any, Any]], parameter: str) -> list[Line]:
    shown = counted[:SHOWN]
    found = names([value for value, _ in shown])
    lines = []
    for value, count in shown:
        name = found.get(value)
        query = {"connected__exact": 1, parameter: value if parameter != "q" else name}
        lines.append(Line(name, count, urlencode(query) if value else ""))
    return lines


def _gateway_names(keys: list[Any]) -> dict[Any, Any]:
    return ApiGateway.objects.in_bulk(keys)


def _channel_names(names: list[Any]) -> dict[Any, Any]:
    return {name: name or gettext("no channel") for name in names}


def _user_names(keys: list[Any]) -> dict[Any, Any]:
    users = get_user_model()._default_manager.in_bulk([key for key in keys if key is not None])
    return {None: gettext("anonymous"), **{key: user.get_username() for key, user in users.items()}}


def _plots() -> list[Plot]:
    reasons = {**dict(ClosedReason.choices), "": _("not recorded")}
    steps = [(timezone.localtime(step.start), step.counts) for step in latest_steps([CONNECTS, MESSAGES, *reasons])]
    return [
        draw("connects", _("Connects"), {CONNECTS: _("connects")}, steps),
        draw("messages", _("Messages received"), {MESSAGES: _("messages")}, steps),
        draw("ends", _("Ended connections"), reasons, steps),
    ]
