"""An explanation for projects that import the models without installing the app."""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

_APP = "django_aws_api_gateway_websockets"

# Before the apps are ready, Django itself raises an error that they are not loaded yet.
if apps.apps_ready and not apps.is_installed(_APP):
    raise ImproperlyConfigured(
        f"The app is not installed. Add {_APP!r} to INSTALLED_APPS in your settings, and run manage.py migrate."
    )
