"""The operations that an administrator can run on a gateway in AWS.

Each shows its plan first and asks for confirmation.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from django.utils.translation import gettext_lazy as _

from ..models import ApiGateway
from ..provisioning import Plan, plan_gateway, plan_removal_of, remove_gateway, update_gateway


class Operation(NamedTuple):
    """``act`` is None if the operation only shows the plan."""

    name: str
    title: Any
    button: Any
    done: Any
    plan: Callable[[ApiGateway], Plan]
    act: Callable[[ApiGateway], Plan] | None
    destroys: bool = False


CREATE = Operation(
    "create_api_gateway",
    _("Create API Gateway"),
    _("Yes, create"),
    _("%s was created."),
    plan_gateway,
    update_gateway,
)
CREATE_DOMAIN = Operation(
    "create_custom_domain",
    _("Create Custom Domain record for the API"),
    _("Yes, create"),
    _("The custom domain of %s was created."),
    lambda gateway: plan_gateway(gateway, with_domain=True),
    lambda gateway: update_gateway(gateway, with_domain=True),
)
PLAN = Operation("plan_api_gateway", _("Compare with the row"), "", "", plan_gateway, None)
EXAMINE = Operation("check_api_gateway", _("Examine"), "", "", plan_gateway, None)
UPDATE = Operation(
    "update_api_gateway",
    _("Update the API"),
    _("Yes, update"),
    _("The API of %s was updated."),
    plan_gateway,
    update_gateway,
)
DELETE = Operation(
    "delete_api_gateway",
    _("Delete the API (the row stays)"),
    _("Yes, delete the API"),
    _("The API of %s was deleted."),
    plan_removal_of,
    remove_gateway,
    destroys=True,
)


def left_to_do(gateway: ApiGateway) -> str:
    """Return what AWS lacks, and the action that adds it. Return an empty string if nothing is missing."""
    if gateway.status not in (gateway.Status.DIFFERS, gateway.Status.LACKS_DOMAIN):
        return ""
    action = CREATE_DOMAIN if gateway.lacks_domain else UPDATE
    text = _("The API does not have the latest version of %(gateway)s. Choose “%(action)s” to update it.")
    return str(text) % {"gateway": gateway, "action": action.title}
