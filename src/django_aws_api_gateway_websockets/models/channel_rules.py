"""Channel rules that the site's staff edits in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..fields import ExactCharField
from ..security.channel_rules import Channel, check_pattern


class Audience(models.TextChoices):
    """The users that a ``ChannelRule`` applies to."""

    ANYONE = "anyone", _("anyone")
    LOGGED_IN = "logged_in", _("logged-in users")
    STAFF = "staff", _("staff")
    GROUP = "group", _("a group")
    PERMISSION = "permission", _("users with a permission")


class ChannelRule(models.Model):
    """A rule that lets an audience join the channels that match a pattern.

    Views apply these rules if their ``channel_rules`` contain ``ManagedChannels()``.
    """

    pattern = ExactCharField(
        _("channel or pattern"),
        max_length=255,
        help_text=_(
            "“*” matches any text, “?” matches one character, "
            "and “{user_pk}” matches the primary key of the user who joins."
        ),
    )
    audience = models.CharField(_("audience"), max_length=16, choices=Audience.choices, default=Audience.LOGGED_IN)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("group"))
    permission = models.ForeignKey(
        Permission, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("permission")
    )

    class Meta:
        verbose_name = _("channel rule")
        verbose_name_plural = _("channel rules")

    def __str__(self) -> str:
        return f"{self.pattern}: {self.get_audience_display()}"

    def clean(self) -> None:
        try:
            # The form reports an empty pattern itself.
            if self.pattern:
                check_pattern(self.pattern)
        except ValueError as error:
            raise ValidationError({"pattern": str(error)}) from None
        for name in (Audience.GROUP, Audience.PERMISSION):
            given = getattr(self, f"{name.value}_id") is not None
            if given != (self.audience == name):
                text = _("Not used for this audience: leave it empty.") if given else _("Choose one for this audience.")
                raise ValidationError({name.value: text})

    def as_rule(self) -> Channel | None:
        """Return the rule of this row without its group. Return None if the row can allow nobody."""
        if self.audience not in Audience.values or (self.audience == Audience.PERMISSION and not self.permission):
            return None
        try:
            return Channel(
                self.pattern,
                login_required=self.audience != Audience.ANYONE,
                staff=self.audience == Audience.STAFF,
                permission=self._permission_name(),
            )
        except ValueError:
            return None

    def _permission_name(self) -> str | None:
        if self.audience != Audience.PERMISSION or self.permission is None:
            return None
        return f"{self.permission.content_type.app_label}.{self.permission.codename}"


class ManagedChannels:
    """A rule that applies the ``ChannelRule`` rows of the admin, with one query for each join."""

    def allows(self, user: Any, channel_name: str) -> bool:
        """Return whether one of the rows allows ``user`` to join the channel."""
        # The content type is part of a permission's name.
        rows = ChannelRule.objects.select_related("permission__content_type")
        # Groups are compared in the database. Checking each row in Python would cost one query per row.
        applies = ~models.Q(audience=Audience.GROUP)
        if user.is_authenticated:
            applies |= models.Q(group__in=user.groups.values("pk"))
        rules = (row.as_rule() for row in rows.filter(applies))
        return any(rule is not None and rule.allows(user, channel_name) for rule in rules)
