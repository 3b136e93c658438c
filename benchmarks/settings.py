"""The smallest site that the benchmarks need. BENCH_DATABASE is a SQLite file or ``postgresql``."""

from __future__ import annotations

import os

from tests.databases import from_environment

SECRET_KEY = "for-benchmarks-only-0123456789-abcdefghijklmnopqrstuvwxyz"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "benchmarks.urls"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_aws_api_gateway_websockets",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION_NAME = "AKIDEXAMPLE", "not-a-secret", "eu-west-1"
WEBSOCKETS = {
    "SEND_TRANSPORT": os.environ.get("BENCH_TRANSPORT", ""),
    # The limits count as by default, but are never reached.
    "MESSAGES_PER_CONNECTION": "100000000/60s",
}

if os.environ.get("BENCH_DATABASE") == "postgresql":
    os.environ["TEST_DATABASE"] = "postgresql"
    DATABASES = from_environment()
    DATABASES["default"]["NAME"] = "websockets_bench"
else:
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("BENCH_DATABASE", ":memory:")}
    }
