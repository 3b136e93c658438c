from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebSocketsConfig(AppConfig):
    name = "django_aws_api_gateway_websockets"
    verbose_name = _("Django AWS APIGateway WebSockets")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  registers them
        from .logins.revocation import connect_signals

        connect_signals()
