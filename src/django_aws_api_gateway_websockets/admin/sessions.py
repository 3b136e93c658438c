from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from ..models import WebSocketSession


@admin.register(WebSocketSession)
class WebSocketSessionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who is connected. Rows come from the gateway: they can be looked at and deleted, not written."""

    list_display = (
        "connection_id",
        "user",
        "channel_name",
        "connected",
        "closed_reason",
        "api_gateway",
        "created_on",
        "last_activity_on",
    )
    list_filter = ("connected", "closed_reason", "api_gateway", "created_on")
    list_select_related = ("user", "api_gateway")
    search_fields = ("connection_id", "channel_name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WebSocketSession | None = None) -> bool:
        return False
