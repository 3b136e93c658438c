"""DATABASES for the test site: TEST_DATABASE is sqlite (the default), postgresql or mariadb.

SQLite is in a file. In memory, the threads of a live server would share one connection, and so one transaction.

Host, port, user and password come from the variables that each database's own tools read, and default to a server
on this machine. TEST_DATABASE_NAME is the name of the database that the tests create, so that several runs can share a
server.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Dict

KIND = os.environ.get("TEST_DATABASE") or "sqlite"


def from_environment() -> Dict[str, Any]:
    kinds = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}
    return {"default": kinds[KIND]()}


def _name() -> str:
    return os.environ.get("TEST_DATABASE_NAME") or "test_websockets"


def _sqlite() -> Dict[str, Any]:
    path = str(Path(tempfile.gettempdir(), f"{_name()}-{os.getpid()}.sqlite3"))
    return {"ENGINE": "tests.sqlite", "NAME": path, "OPTIONS": {"timeout": 30}, "TEST": {"NAME": path}}


def _postgresql() -> Dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "postgres"),
        # Empty: libpq's own default, the Unix socket.
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", ""),
        "USER": os.environ.get("PGUSER", "postgres"),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
        "TEST": {"NAME": _name()},
    }


def _mariadb() -> Dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ.get("MYSQL_DATABASE", "test"),
        # 127.0.0.1 rather than localhost, which the client library takes as "the Unix socket".
        "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
        "PORT": os.environ.get("MYSQL_TCP_PORT", ""),
        "USER": os.environ.get("MYSQL_USER", "root"),
        "PASSWORD": os.environ.get("MYSQL_PWD", ""),
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"NAME": _name(), "CHARSET": "utf8mb4"},
    }
