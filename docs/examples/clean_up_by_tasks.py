from __future__ import annotations

from django_aws_api_gateway_websockets.tasks import clear_sessions

clear_sessions.enqueue(older_than=24 * 3600, verify=True)
