"""Routes that go to a URL of their own, and their way to AWS."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from .. import protocol
from ..fields import HttpUrlField
from .gateways import ApiGateway, Status


class ApiGatewayAdditionalRoute(models.Model):
    """A route key that goes to a URL of its own."""

    api_gateway = models.ForeignKey(
        ApiGateway, on_delete=models.CASCADE, related_name="additional_routes", verbose_name=_("API gateway")
    )
    name = models.CharField(_("name"), max_length=128, help_text=_("For people only."))
    route_key = models.CharField(
        _("route key"),
        max_length=128,
        help_text=_('Which messages take the route: with "orders", those that look like {"action": "orders", …}.'),
        validators=[RegexValidator(r"^[^$\s'\"][^\s'\"]*\Z", _("A route key has no spaces or quotes, and no $."))],
    )
    integration_url = HttpUrlField(
        _("integration URL"),
        help_text=_(
            "Where they are posted, as https://www.example.com/ws/orders. The last part is the route that the view "
            "gets, and names the method that answers."
        ),
    )
    deployed = models.BooleanField(_("deployed"), default=False, editable=False)

    class Meta:
        verbose_name = _("additional route")
        verbose_name_plural = _("additional routes")
        constraints = [
            models.UniqueConstraint(fields=["api_gateway", "route_key"], name="websockets_one_route_per_key")
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and deploy after the commit where the gateway is deployed. A failure leaves ``deployed`` false."""
        self.deployed = False
        # A route that moves to another gateway leaves the one it was on.
        before = set(type(self).objects.filter(pk=self.pk).values_list("api_gateway_id", flat=True))
        super().save(*args, **kwargs)
        self._deploy_after_commit(*(before | {self.api_gateway_id}))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete, and take the route out of a deployed gateway after the commit."""
        deleted = super().delete(*args, **kwargs)
        self._deploy_after_commit(self.api_gateway_id)
        return deleted

    def clean(self) -> None:
        if self.route_key in protocol.PREDEFINED_ROUTES:
            raise ValidationError({"route_key": _("The gateway itself has this route.")})

    def _deploy_after_commit(self, *pks: int) -> None:
        from ..provisioning import deploy_routes

        for pk in pks:
            if ApiGateway.objects.filter(pk=pk, api_created=True).update(status=Status.DIFFERS):
                transaction.on_commit(partial(deploy_routes, pk))
