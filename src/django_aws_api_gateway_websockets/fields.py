"""A text field that every database compares character for character, and a field for URLs."""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .security.targets import validate_target

_http_url = URLValidator(
    schemes=["http", "https"],
    # Unlike Django's validator, this one accepts the host of a container or a laptop: http://web:8000.
    regex=re.compile(r"^https?://[^\s/?#@']+(?:/[^\s?#']*)?$", re.IGNORECASE),
    message=_("Enter an http:// or https:// URL without query string."),
)


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """A ``CharField`` that distinguishes ``Room`` from ``room`` on MySQL and MariaDB too.

    Their default collations ignore case and accents, so two different connection ids or channels could be equal. The
    other databases compare exactly by default.
    """

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class HttpUrlField(models.CharField):  # type: ignore[type-arg]
    """An ``http(s)`` URL without a query string. Its host may be private."""

    default_validators = [_http_url, validate_target]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 500)
        super().__init__(*args, **kwargs)
