"""The settings of the site in test_storm_of_processes.py."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ.get("STORM_DATABASE", "")
ROOT_URLCONF = "tests.history.storm_site"
ALLOWED_HOSTS = ["*"]
# As in the demo, no request leaves the machine.
AWS_ACCESS_KEY_ID = AWS_SECRET_ACCESS_KEY = "local"
AWS_GATEWAY_REGION_NAME = "us-east-1"
WEBSOCKETS = {
    "LOCAL_GATEWAY": os.environ.get("STORM_GATEWAY"),
    "HISTORY": {"room-*": {"size": 1000}},
    # All pages have the same address, and they reconnect more often than real users.
    "CONNECTS_PER_IP": None,
    "CONNECTS_PER_USER": None,
    "MESSAGES_PER_CONNECTION": None,
}
