"""``python -m tests.delivery.broadcast API_ENDPOINT COUNT``: makes the site's database and enqueues a broadcast."""

from __future__ import annotations

import sys
from datetime import timedelta

import django
from django.core.management import call_command

if __name__ == "__main__":
    django.setup()

    from django.utils import timezone

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
    from tests.delivery.conftest import connection_id

    endpoint, count = sys.argv[1], int(sys.argv[2])
    call_command("migrate", verbosity=0)
    gateway = ApiGateway.objects.create(
        api_name="background", target_base_endpoint="https://testserver/ws/", api_id="a1b2", api_endpoint=endpoint
    )
    WebSocketSession.objects.bulk_create(
        [WebSocketSession(connection_id=connection_id(n), api_gateway=gateway) for n in range(count)], batch_size=5000
    )
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(hours=1))
    sys.stdout.write(WebSocketSession.objects.all().enqueue_message({"n": 1}))
