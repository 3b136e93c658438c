from __future__ import annotations

from django.contrib import admin

from .models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ["sent_on", "room", "user", "text"]
    list_filter = ["room"]
    list_select_related = ["user"]
