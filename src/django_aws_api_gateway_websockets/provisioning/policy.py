"""The least IAM policies: one for provisioning, from the operations that are really carried out, one for sending."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Iterable
from urllib.parse import quote

from .. import protocol
from .operations import OPERATIONS

if TYPE_CHECKING:
    from ..models import ApiGateway

#: POST sends, DELETE disconnects, GET asks whether a connection is open.
_CONNECTION_METHODS = ("POST", "DELETE", "GET")
# Authorised beside the operation where tags are sent with a creation; the HTTP methods alone do not cover it.
_TAG_ON_CREATE = ("apigateway:TagResource", ("/apis", "/apis/*", "/domainnames", "/domainnames/*"))


def provisioning_policy(gateways: Iterable[ApiGateway] = ()) -> dict[str, Any]:
    """What the commands and the admin need; narrowed to ``gateways`` where some are given."""
    chosen = list(gateways)
    needed: dict[str, set[str]] = defaultdict(set)
    actions = [*OPERATIONS.values(), *((_TAG_ON_CREATE[0], path) for path in _TAG_ON_CREATE[1])]
    for action, path in actions:
        needed[action].update(_resources(action, path, chosen))
    return _policy(
        {"Effect": "Allow", "Action": [action], "Resource": _without_covered(resources)}
        for action, resources in sorted(needed.items())
        if resources
    )


def sending_policy(gateways: Iterable[ApiGateway] = ()) -> dict[str, Any]:
    """What ``send_message`` and its kin need; narrowed to the stages of ``gateways`` where some are given."""
    stages = [(_partition(one), _region(one), f"{one.api_id or '*'}/{one.stage}") for one in gateways] or [
        ("aws", "*", "*/*")
    ]
    resources = [
        f"arn:{partition}:execute-api:{region}:*:{stage}/{method}/@connections/*"
        for partition, region, stage in stages
        for method in _CONNECTION_METHODS
    ]
    return _policy([{"Effect": "Allow", "Action": ["execute-api:ManageConnections"], "Resource": resources}])


def _resources(action: str, path: str, gateways: list[ApiGateway]) -> set[str]:
    if not gateways:
        return {_arn("aws", "*", action, path)}
    return {
        _arn(_partition(one), _region(one), action, narrowed)
        for one in gateways
        for narrowed in _narrowed(action, path, one)
    }


def _narrowed(action: str, path: str, gateway: ApiGateway) -> list[str]:
    """``path`` with the identifiers of ``gateway`` in place of its first ``*``; none where it has no such thing.

    What the row was mapped to counts as well as what it says now: an update removes the one for the other.
    """
    if path == "hostedzone/*":
        zones = {gateway.hosted_zone_id if gateway.manage_dns_record else "", gateway.mapped_hosted_zone_id}
        return [f"hostedzone/{zone}" for zone in zones if zone]
    domains = [name for name in {gateway.domain_name, gateway.mapped_domain_name} if name]
    # To read, any may be asked: an API does not know what is mapped to it, so an import looks through all of them.
    if path.startswith("/domainnames") and action != "apigateway:GET":
        return [path.replace("*", name, 1) for name in domains]
    if path.startswith("/apis/*") and gateway.api_id:
        return [path.replace("*", gateway.api_id, 1)]
    if path == "/tags/*" and gateway.api_id:
        # The ARN of what is tagged is one escaped segment of the path.
        prefix = f"arn:{_partition(gateway)}:apigateway:{_region(gateway)}::"
        tagged = [f"/apis/{gateway.api_id}", f"/apis/{gateway.api_id}/*", *(f"/domainnames/{one}" for one in domains)]
        return [f"/tags/{quote(prefix + one, safe='*')}" for one in tagged]
    return [path]


def _arn(partition: str, region: str, action: str, path: str) -> str:
    return (
        f"arn:{partition}:route53:::{path}"
        if action.startswith("route53:")
        else (f"arn:{partition}:apigateway:{region}::{path}")
    )


def _without_covered(resources: set[str]) -> list[str]:
    """Sorted, without those that a shorter one ending in ``*`` covers."""
    kept: list[str] = []
    for one in sorted(resources, key=len):
        if not any(wide.endswith("*") and one.startswith(wide[:-1]) for wide in kept):
            kept.append(one)
    return sorted(kept)


def _region(gateway: ApiGateway) -> str:
    url = gateway.api_endpoint.replace("wss:", "https:", 1)
    return protocol.parse_connections_url(url).region or "*"


def _partition(gateway: ApiGateway) -> str:
    region = _region(gateway)
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _policy(statements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
