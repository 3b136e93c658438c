"""A local gateway for tests in a browser."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.test import override_settings

from ..conf import SETTING
from ..models import ApiGateway
from ..provisioning import update_gateway


class LiveGateway:
    """The local gateway, running in a thread on a free port, with a live server as its target::

        with LiveGateway(self.live_server_url) as live:
            browser.get(self.live_server_url)  # whose page opens live.url

    ``fields`` are fields of the gateway row. This class needs the extra ``[local]``.
    """

    #: The row, while the gateway runs.
    gateway: ApiGateway

    def __init__(self, site: str, path: str = "/ws/", **fields: Any) -> None:
        target = f"{site.rstrip('/')}/{path.strip('/')}/"
        self._fields = {"api_name": "Live", "target_base_endpoint": target, "is_local": True, **fields}
        self._running = ExitStack()

    @property
    def url(self) -> str:
        """The URL that a browser connects to."""
        return self.gateway.websocket_url

    def start(self) -> LiveGateway:
        from ..local.server import LocalGateway

        local = self._running.enter_context(LocalGateway())
        options = {**getattr(settings, SETTING, {}), "LOCAL_GATEWAY": local.url}
        self._running.enter_context(override_settings(**{SETTING: options}))
        self.gateway = ApiGateway.objects.create(**self._fields)
        update_gateway(self.gateway)
        return self

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> LiveGateway:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
