"""Settings, and a Celery app, of a site whose workers are processes of their own. Told by the environment."""

from __future__ import annotations

import os

from celery import Celery

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _APPS

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SITE_DATABASE"],
        "OPTIONS": {"timeout": 30},
    }
}
WEBSOCKETS = {"BACKGROUND": os.environ["SITE_ENGINE"], "BACKGROUND_CHUNK": 500, "BACKGROUND_LEASE": 3}
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION_NAME = "AKIDEXAMPLE", "secret", "eu-west-1"
INSTALLED_APPS = list(_APPS)
if WEBSOCKETS["BACKGROUND"] == "tasks":
    INSTALLED_APPS.append("django_tasks_db")
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

app = Celery(broker=os.environ.get("TEST_BROKER"))
app.conf.task_default_queue = os.environ.get("SITE_QUEUE", "websockets")
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_prefetch_multiplier = 1
app.autodiscover_tasks()
