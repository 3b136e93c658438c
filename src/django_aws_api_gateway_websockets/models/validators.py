"""Values that AWS would refuse, refused where they are entered."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Tags: 50 a resource, keys of 128 and values of 256 letters, digits, spaces and _ . : / = + - @ (AWS, "Tagging").
_TAG = re.compile(r"[\w\s.:/=+@-]*\Z")
_VARIABLE_NAME = re.compile(r"\w{1,64}\Z", re.ASCII)
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]{1,512}\Z")
MAX_TAGS = 49  # one of AWS's 50 is ours

stage_name = RegexValidator(
    r"^[A-Za-z0-9_-]{1,128}\Z", gettext_lazy("A stage name has letters, digits, hyphens and underscores only.")
)
arn = RegexValidator(r"^arn:[^\s]+\Z", gettext_lazy("Enter an ARN: arn:aws:…"))
domain_name = RegexValidator(
    r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z",
    gettext_lazy("Enter a domain name in lower case, without https:// and path: ws.example.com"),
)


def check_tags(tags: Any) -> None:
    """Raises ``ValidationError`` naming the first tag that AWS would not take."""
    _check_strings(tags, '{"team": "web"}')
    if len(tags) > MAX_TAGS:
        raise ValidationError(_("At most %(limit)d tags."), params={"limit": MAX_TAGS})
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise ValidationError(_("The tag “%(key)s” cannot be set: AWS keeps aws: for itself."), params={"key": key})
        if not 1 <= len(key) <= 128 or len(value) > 256 or not _TAG.match(key) or not _TAG.match(value):
            raise ValidationError(
                _("The tag “%(key)s” has a character or a length that AWS refuses."), params={"key": key}
            )


def check_stage_variables(variables: Any) -> None:
    """Raises ``ValidationError`` naming the first variable that AWS would not take."""
    _check_strings(variables, '{"version": "2"}')
    for name, value in variables.items():
        if not _VARIABLE_NAME.match(name) or not _VARIABLE_VALUE.match(value):
            raise ValidationError(
                _("The stage variable “%(name)s” has a name or a value with other characters than AWS takes."),
                params={"name": name},
            )


def _check_strings(value: Any, example: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValidationError(_("Enter an object of strings: %(example)s"), params={"example": example})
