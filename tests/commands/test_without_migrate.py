"""Commands on a database that has no tables yet, or that cannot be opened."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.end_to_end

SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django_aws_api_gateway_websockets"
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": %r}}
SILENCED_SYSTEM_CHECKS = ["websockets.W001"]
"""
REMEDY = "CommandError: The tables of this package are missing or out of date. Run manage.py migrate.\n"


def run(folder, database, *words):
    (folder / "bare_settings.py").write_text(SETTINGS % str(database))
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bare_settings", "PYTHONPATH": path}
    command = [sys.executable, "-m", "django", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "words",
    [
        ("clearWebSocketSessions",),
        ("createApiGateway", "--pk=1"),
        ("importApiGateway", "--api-id=a1b2c3d4e5"),
        ("exportApiGateway", "--pk=1"),
        ("iamPolicy", "--pk=1"),
        ("checkApiGateway", "--pk=1"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_before_migrate_says_so(tmp_path, words):
    done = run(tmp_path, tmp_path / "db.sqlite3", *words)
    assert (done.returncode, done.stderr) == (1, REMEDY)


def test_a_database_that_is_down_is_not_blamed_on_migrate(tmp_path):
    done = run(tmp_path, tmp_path / "missing" / "db.sqlite3", "clearWebSocketSessions")
    assert "unable to open database file" in done.stderr
    assert "CommandError" not in done.stderr
