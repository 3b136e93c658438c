"""Additional routes: route keys with their own URL. Every change of one reaches AWS, however it is made."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterable

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from .. import protocol
from ..fields import HttpUrlField
from .gateways import ApiGateway, Status

#: The fields that describe the route in AWS.
_DESCRIBING = {"api_gateway", "api_gateway_id", "route_key", "integration_url"}


class AdditionalRouteQuerySet(models.QuerySet["ApiGatewayAdditionalRoute"]):
    """A queryset of additional routes.

    Changes by its bulk methods are deployed after the commit, as with ``save()``.
    """

    def update(self, **values: Any) -> int:
        """Update rows. If their gateway is deployed, deploy them after the commit."""
        if not _DESCRIBING.intersection(values):
            return super().update(**values)
        routes = dict(self.order_by().values_list("pk", "api_gateway_id"))
        updated = super().update(**{**values, "deployed": False})
        moved_to = self.model.objects.using(self.db).filter(pk__in=routes).values_list("api_gateway_id", flat=True)
        _routes_changed({*routes.values(), *moved_to}, self.db)
        return updated

    def bulk_create(self, objs: Iterable[ApiGatewayAdditionalRoute], *args: Any, **kwargs: Any) -> Any:
        """Create rows. If their gateway is deployed, deploy them after the commit."""
        routes = list(objs)
        for route in routes:
            route.deployed = False
        created = super().bulk_create(routes, *args, **kwargs)
        _routes_changed({route.api_gateway_id for route in routes}, self.db)
        return created


class ApiGatewayAdditionalRoute(models.Model):
    """A route key with its own URL. API Gateway posts the messages for that key to the URL."""

    api_gateway = models.ForeignKey(
        ApiGateway, on_delete=models.CASCADE, related_name="additional_routes", verbose_name=_("API gateway")
    )
    name = models.CharField(_("name"), max_length=128, help_text=_("A name for the admin. It is not sent to AWS."))
    route_key = models.CharField(
        _("route key"),
        max_length=128,
        help_text=_('The value that selects this route: “orders” selects {"action": "orders", …}.'),
        validators=[
            RegexValidator(r"^[^$\s'\"][^\s'\"]*\Z", _("A route key cannot contain spaces or quotes, or begin with $."))
        ],
    )
    integration_url = HttpUrlField(
        _("integration URL"),
        help_text=_(
            "The URL that gets these messages, such as https://www.example.com/ws/orders. The last part of the URL is "
            "the route that the view receives. It also names the method that handles the message."
        ),
    )
    deployed = models.BooleanField(_("deployed"), default=False, editable=False)

    objects = AdditionalRouteQuerySet.as_manager()

    class Meta:
        # Related managers write through this manager, for example in add().
        base_manager_name = "objects"
        verbose_name = _("additional route")
        verbose_name_plural = _("additional routes")
        constraints = [
            models.UniqueConstraint(fields=["api_gateway", "route_key"], name="websockets_one_route_per_key")
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and deploy after the commit if the gateway is deployed. ``deployed`` is True if that succeeded."""
        self.deployed = False
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "deployed"}
        # A route that moves to another gateway leaves the first one.
        left = set(type(self).objects.filter(pk=self.pk).values_list("api_gateway_id", flat=True))
        super().save(*args, **kwargs)
        _routes_changed(left - {self.api_gateway_id}, self._state.db)

    def clean(self) -> None:
        if self.route_key in protocol.PREDEFINED_ROUTES:
            raise ValidationError({"route_key": _("Every gateway has this route. Choose another key.")})


@receiver(post_save, sender=ApiGatewayAdditionalRoute)
def _saved(instance: ApiGatewayAdditionalRoute, raw: bool, using: str, **kwargs: Any) -> None:
    # loaddata saves raw rows one by one. Related rows may be missing, so nothing is deployed.
    _routes_changed({instance.api_gateway_id}, using, deploy=not raw)


@receiver(post_delete, sender=ApiGatewayAdditionalRoute)
def _deleted(instance: ApiGatewayAdditionalRoute, using: str, **kwargs: Any) -> None:
    # Because there is a receiver, Django also sends the signal for rows that a queryset or a cascade deletes.
    _routes_changed({instance.api_gateway_id}, using)


def _routes_changed(gateway_pks: Iterable[int], using: str | None, deploy: bool = True) -> None:
    """Mark deployed gateways as different from AWS, and deploy their routes after the commit."""
    from ..provisioning import deploy_routes

    for pk in gateway_pks:
        created = ApiGateway.objects.using(using).filter(pk=pk, api_created=True)
        if created.update(status=Status.DIFFERS) and deploy:
            transaction.on_commit(partial(deploy_routes, pk), using=using)
