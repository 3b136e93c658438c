"""Who may join which channel, as rows that the site's staff manages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..fields import ExactCharField
from ..security.channel_rules import matches


class Audience(models.TextChoices):
    ANYONE = "anyone", _("anyone")
    LOGGED_IN = "logged_in", _("whoever is logged in")
    STAFF = "staff", _("staff")
    GROUP = "group", _("a group")
    PERMISSION = "permission", _("whoever has a permission")


class ChannelRule(models.Model):
    """Lets an audience join the channels that match.

    Asked by views whose ``channel_rules`` hold ``ManagedChannels()``.
    """

    pattern = ExactCharField(
        _("channel or pattern"),
        max_length=255,
        help_text=_("“*” is any text, “?” one character, “{user_pk}” the primary key of the user who joins."),
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
        for name in (Audience.GROUP, Audience.PERMISSION):
            given = getattr(self, f"{name.value}_id") is not None
            if given != (self.audience == name):
                text = _("Not used for this audience: leave it empty.") if given else _("Choose one for this audience.")
                raise ValidationError({name.value: text})

    def allows(self, user: Any, channel_name: str) -> bool:
        """Whether ``user`` may join the channel because of this rule."""
        return matches(self.pattern, user, channel_name) and self._is_for(user)

    def _is_for(self, user: Any) -> bool:
        if self.audience == Audience.ANYONE:
            return True
        if not (user.is_authenticated and user.is_active):
            return False
        if self.audience == Audience.GROUP:
            return bool(user.groups.filter(pk=self.group_id).exists())
        if self.audience == Audience.PERMISSION and self.permission is not None:
            name = f"{self.permission.content_type.app_label}.{self.permission.codename}"
            return bool(user.has_perm(name))
        return self.audience == Audience.LOGGED_IN or (self.audience == Audience.STAFF and bool(user.is_staff))


class ManagedChannels:
    """A rule that asks the ``ChannelRule`` rows of the admin. One query for a join."""

    def allows(self, user: Any, channel_name: str) -> bool:
        # The content type is part of a permission's name.
        rows = ChannelRule.objects.select_related("permission__content_type")
        return any(row.allows(user, channel_name) for row in rows)
