"""Validators for values that AWS would refuse, or that the settings do not allow."""

from __future__ import annotations

import re
from typing import Any, Sequence

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import conf

# Tags: 50 per resource, with keys up to 128 and values up to 256 characters (letters, digits, spaces and _ . : / = + -
# @; AWS, "Tagging").
_TAG = re.compile(r"[\w\s.:/=+@-]*\Z")
_VARIABLE_NAME = re.compile(r"\w{1,64}\Z", re.ASCII)
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]{1,512}\Z")
MAX_TAGS = 49  # AWS's limit is 50, and the owner tag is one of them.

stage_name = RegexValidator(
    r"^[A-Za-z0-9_-]{1,128}\Z", gettext_lazy("Use letters, digits, hyphens and underscores only.")
)
arn = RegexValidator(r"^arn:[^\s]+\Z", gettext_lazy("Enter an ARN: arn:aws:…"))
domain_name = RegexValidator(
    r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z",
    gettext_lazy("Enter a domain name in lower case, without https:// and path: ws.example.com"),
)


def check_tags(tags: Any) -> None:
    """Raise ``ValidationError`` for the first tag that AWS does not accept."""
    _check_strings(tags, '{"team": "web"}')
    if len(tags) > MAX_TAGS:
        raise ValidationError(_("Enter at most %(limit)d tags."), params={"limit": MAX_TAGS})
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise ValidationError(
                _("Rename the tag “%(key)s”: AWS reserves names that begin with “aws:”."), params={"key": key}
            )
        if not 1 <= len(key) <= 128 or len(value) > 256 or not _TAG.match(key) or not _TAG.match(value):
            raise ValidationError(
                _("AWS does not accept the length or a character of the tag “%(key)s”."), params={"key": key}
            )


def check_stage_variables(variables: Any) -> None:
    """Raise ``ValidationError`` for the first variable that AWS does not accept."""
    _check_strings(variables, '{"version": "2"}')
    for name, value in variables.items():
        if not _VARIABLE_NAME.match(name) or not _VARIABLE_VALUE.match(value):
            raise ValidationError(
                _("AWS does not accept the name or the value of the stage variable “%(name)s”."),
                params={"name": name},
            )


def check_allowed_domain(name: str) -> None:
    """Raise ``ValidationError`` for a custom domain that ``ALLOWED_DOMAINS`` does not list."""
    if not is_allowed_domain(name):
        raise ValidationError(
            _("Gateways may not use the domain %(name)s. Add it to ALLOWED_DOMAINS in WEBSOCKETS."),
            code="domain",
            params={"name": name},
        )


def check_allowed_zone(zone: str) -> None:
    """Raise ``ValidationError`` for a hosted zone that ``ALLOWED_HOSTED_ZONES`` does not list."""
    if not is_allowed_zone(zone):
        raise ValidationError(
            _("Gateways may not change records in the zone %(zone)s. Add it to ALLOWED_HOSTED_ZONES in WEBSOCKETS."),
            code="zone",
            params={"zone": zone},
        )


def is_allowed_domain(name: str) -> bool:
    """Return whether gateways may use the custom domain ``name``.

    ``*.example.com`` in the setting means its subdomains.
    """
    allowed: Sequence[str] | None = conf.ALLOWED_DOMAINS
    if allowed is None:
        return True
    plain = name.lower()
    return any(plain == one.lower() or (one.startswith("*.") and plain.endswith(one[1:].lower())) for one in allowed)


def is_allowed_zone(zone: str) -> bool:
    """Return whether gateways may write DNS records into the hosted zone ``zone``."""
    allowed: Sequence[str] | None = conf.ALLOWED_HOSTED_ZONES
    return allowed is None or zone in allowed


def _check_strings(value: Any, example: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValidationError(_("Enter an object of strings: %(example)s"), params={"example": example})
