"""The test site without time zones."""

from tests.settings import *  # noqa: F403

USE_TZ = False
