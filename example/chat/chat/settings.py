"""Settings of the example: a laptop, SQLite, and a local gateway on another port."""

from __future__ import annotations

import os
from pathlib import Path

PORT = os.environ.get("PORT", "8000")
WEBSOCKETS = {
    "LOCAL_GATEWAY": f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '8001')}",
    # A page that reconnects gets the messages that it missed.
    "HISTORY": {"*": {"size": 1000}},
}
# The database and the gateway's state. git ignores this folder.
DATA_DIR = Path(os.environ.get("CHAT_DATA_DIR") or Path(__file__).resolve().parents[3] / ".demo")

SECRET_KEY = "an-example-runs-on-a-laptop-so-its-key-may-be-read-by-everyone"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# Sockets come from the gateway's port, but their Origin is the page's.
CSRF_TRUSTED_ORIGINS = [f"http://{host}:{PORT}" for host in ALLOWED_HOSTS]
# Cookies ignore ports, so these names keep the example apart from other sites on this machine.
SESSION_COOKIE_NAME = "chat_session"
CSRF_COOKIE_NAME = "chat_csrf"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_aws_api_gateway_websockets",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "chat.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Otherwise, the development server would write a line for every message.
    "loggers": {"django.server": {"level": "ERROR"}},
}
