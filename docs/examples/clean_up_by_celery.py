from __future__ import annotations

CELERY_BEAT_SCHEDULE = {
    "clear WebSocket sessions": {
        "task": "django_aws_api_gateway_websockets.clear_sessions",
        "schedule": 3600,
        "kwargs": {"older_than": 24 * 3600, "verify": True},
    }
}
