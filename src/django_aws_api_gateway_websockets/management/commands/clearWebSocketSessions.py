from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...models import WebSocketSession


class Command(BaseCommand):
    help = "Delete the WebSocket sessions that are closed. Meant for a scheduler, as Django's clearsessions is."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = WebSocketSession.objects.clear_closed()
        self.stdout.write(f"Deleted {deleted} closed WebSocket session{'' if deleted == 1 else 's'}.")
