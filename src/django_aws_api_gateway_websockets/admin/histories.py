from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from ..models import ChannelHistory, HistoryMessage
from .paging import BoundedPaginator


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Show rows that only the package writes. A manual change would cause a gap for every client."""

    ordering = ("-pk",)
    sortable_by = ()
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets: ClassVar[Any] = admin.ShowFacets.NEVER if hasattr(admin, "ShowFacets") else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ChannelHistory)
class ChannelHistoryAdmin(ReadOnlyAdmin):
    list_display = ("channel_name", "last_offset", "epoch", "messages")
    search_fields = ("channel_name__exact",)
    search_help_text = _("Enter a whole channel name.")

    @admin.display(description=_("messages"))
    def messages(self, history: ChannelHistory) -> SafeString:
        opts = HistoryMessage._meta
        url = reverse(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_changelist")
        return format_html('<a href="{}?history__id__exact={}">{}</a>', url, history.pk, _("Show"))


@admin.register(HistoryMessage)
class HistoryMessageAdmin(ReadOnlyAdmin):
    list_display = ("offset", "history", "user", "text", "excluded", "size", "created_on")
    list_select_related = ("history", "user")

    @admin.display(description=_("message"))
    def text(self, message: HistoryMessage) -> str:
        return Truncator(message.body).chars(100)
