from __future__ import annotations

from django.contrib import admin

from ..models import ChannelRule


@admin.register(ChannelRule)
class ChannelRuleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("pattern", "audience", "group", "permission")
    list_filter = ("audience", "group")
    list_select_related = ("group", "permission__content_type")
    search_fields = ("pattern",)
    autocomplete_fields = ("group",)
    raw_id_fields = ("permission",)
