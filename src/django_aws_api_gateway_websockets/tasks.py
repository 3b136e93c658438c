"""What a Celery worker's autodiscovery imports; empty where the site has chosen another engine."""

from __future__ import annotations

from .conf import conf

if conf.BACKGROUND == "celery":
    from .delivery.background_celery import deliver_chunk, disconnect_targets

    __all__ = ["deliver_chunk", "disconnect_targets"]
