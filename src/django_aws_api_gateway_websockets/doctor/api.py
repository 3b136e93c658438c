"""The API as it exists in AWS, or on the local gateway."""

from __future__ import annotations

from typing import Iterator

from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..provisioning import plan_gateway
from ..provisioning.endpoints import place
from .finding import ERROR, WARNING, Finding


def created(gateway: ApiGateway) -> Iterator[Finding]:
    if not gateway.api_created:
        yield Finding(
            ERROR, "not-created", "The gateway has no API.",
            f"Run createApiGateway --pk={gateway.pk}.",
        )  # fmt: skip


def in_step(gateway: ApiGateway) -> Iterator[Finding]:
    """The plan is empty: routes, integrations, deployment, stage and mapping match the row."""
    if not gateway.api_created:
        return
    try:
        plan = plan_gateway(gateway)
    except WebSocketsError as error:
        remedy = "Follow the message. manage.py iamPolicy prints the required permissions."
        yield Finding(ERROR, "api-not-read", f"{place(gateway)}: {error}", remedy)
        return
    if gateway.status == gateway.Status.NOT_CREATED:
        what = f"The API {gateway.api_id} does not exist any more."
        yield Finding(ERROR, "api-gone", what, f"Run createApiGateway --pk={gateway.pk}.")
    elif plan:
        steps = ", ".join(map(str, plan))
        remedy = f"Run planApiGateway --pk={gateway.pk} to see how, then updateApiGateway --pk={gateway.pk}."
        yield Finding(WARNING, "api-differs", f"The API differs from the row: {steps}.", remedy)


def reachable(gateway: ApiGateway) -> Iterator[Finding]:
    """Messages can be sent: the callback URL is in service."""
    closed = gateway.disable_execute_api_endpoint or gateway.execute_api_closed
    if gateway.api_created and closed and not gateway.custom_domain_created:
        yield Finding(
            ERROR, "endpoint-closed", "The execute-api endpoint is disabled, and there is no custom domain.",
            f"Run createCustomDomain --pk={gateway.pk}, "
            "or clear 'disable the execute-api endpoint' and run updateApiGateway.",
        )  # fmt: skip
    elif gateway.lacks_domain and gateway.api_created:
        yield Finding(
            WARNING, "domain-not-created", f"The custom domain {gateway.domain_name} is not created.",
            f"Run createCustomDomain --pk={gateway.pk}.",
        )  # fmt: skip


PROBES = (created, reachable, in_step)
