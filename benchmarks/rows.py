"""Rows for the benchmarks to send to."""

from __future__ import annotations

from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone


def make_sessions(api_endpoint, count, user=None):
    """Create ``count`` connected sessions of one gateway, and no others. Return the gateway.

    On a server, the database may still have the rows of an earlier run.
    """
    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    call_command("migrate", verbosity=0)
    sessions = WebSocketSession.objects.all()
    sessions._raw_delete(sessions.db)
    ApiGateway.objects.all().delete()
    gateway = ApiGateway.objects.create(
        api_name="bench", target_base_endpoint="https://x/ws/", api_id="a1b2", api_endpoint=api_endpoint
    )
    for start in range(0, count, 10_000):
        WebSocketSession.objects.bulk_create(
            [
                WebSocketSession(connection_id=f"L0SM9cOF{number:06x}=", api_gateway=gateway, user=user)
                for number in range(start, min(start + 10_000, count))
            ]
        )
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(hours=1))
    return gateway
