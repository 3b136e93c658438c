from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_permission_codename, get_user_model
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from ..models import WebSocketSession, WebSocketSessionQuerySet
from . import session_pages
from .live import live_page
from .paging import BoundedPaginator

# The most rows of a user or of a channel that a search returns.
FOUND = 1_000
# The most channels that one line of the list shows.
CHANNELS = 5


@admin.register(WebSocketSession)
class WebSocketSessionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Connected clients. Rows come from the gateway, so they can be viewed and deleted, but not edited.

    The list must open quickly with a million rows. It never counts all rows, and never sorts without an index.
    """

    list_display = (
        "connection_id",
        "user",
        "source_ip",
        "channels",
        "connected",
        "closed_reason",
        "api_gateway",
        "created_on",
        "last_activity_on",
    )
    list_filter = ("connected", "api_gateway")
    # MariaDB begins a join at the gateways and sorts all of their sessions. get_queryset() prefetches instead.
    list_select_related = ()
    # The admin shows its search box only if this is set. get_search_results() does the search.
    search_fields = ("connection_id__exact",)
    search_help_text = _("Enter a whole user name, connection id or channel. A channel finds its open connections.")
    ordering = ("-pk",)
    sortable_by = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    # Django 5.0 shows counts beside the filters, and each of them reads the whole table.
    show_facets: ClassVar[Any] = admin.ShowFacets.NEVER if hasattr(admin, "ShowFacets") else None
    actions = ("send_a_message", "disconnect")
    change_list_template = "admin/django_aws_api_gateway_websockets/session_list.html"

    class Media:
        css = {"all": ["django_aws_api_gateway_websockets/plan.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("user", "api_gateway", "memberships")

    @admin.display(description=_("channels"))
    def channels(self, session: WebSocketSession) -> str:
        """Return the first channels of a connection, and "…" if there are more."""
        names = session.channels
        return ", ".join([*names[:CHANNELS], "…"] if len(names) > CHANNELS else names)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find sessions with one index per query. A condition with OR would read the whole table on some databases."""
        term = search_term.strip()
        if not term:
            return queryset, False
        users = get_user_model()._default_manager.filter(**{get_user_model().USERNAME_FIELD: term})
        found: set[Any] = set()
        sessions = WebSocketSession.objects.using(queryset.db)
        for by_index in (
            sessions.filter(connection_id=term),
            sessions.for_user(list(users)),
            sessions.in_channel(term),
        ):
            found.update(by_index.order_by("-pk").values_list("pk", flat=True)[:FOUND])
        return queryset.filter(pk__in=found), False

    def get_urls(self) -> list[Any]:
        live = self.admin_site.admin_view(partial(live_page, self))
        name = f"{self.opts.app_label}_{self.opts.model_name}_live"
        return [path("live/", live, name=name), *super().get_urls()]

    # -- permissions ----------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WebSocketSession | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may send messages and disconnect. Both need the permission to change sessions."""
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    # -- actions --------------------------------------------------------------------------------------

    @admin.action(description=session_pages.SEND.title, permissions=["operate"])
    def send_a_message(self, request: HttpRequest, queryset: WebSocketSessionQuerySet) -> HttpResponse:
        return session_pages.run(self, request, queryset, session_pages.SEND)

    @admin.action(description=session_pages.DISCONNECT.title, permissions=["operate"])
    def disconnect(self, request: HttpRequest, queryset: WebSocketSessionQuerySet) -> HttpResponse:
        return session_pages.run(self, request, queryset, session_pages.DISCONNECT)

    # -- deleting -------------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count the rows of "all sessions" instead of loading them."""
        if isinstance(objs, list):  # the page of one session
            return super().get_deleted_objects(objs, request)
        total, connected = objs.count(), objs.filter(connected=True).count()
        text = _("%(total)s sessions. %(connected)s of them are connected, and will be disconnected first.")
        missing = set() if self.has_delete_permission(request) else {self.opts.verbose_name}
        shown = str(text) % {"total": f"{total:,}", "connected": f"{connected:,}"}
        return [shown], {self.opts.verbose_name_plural: total}, missing, []
