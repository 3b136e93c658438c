"""The minimal IAM policies: one for provisioning, derived from the operations that it uses, and one for sending."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Iterable
from urllib.parse import quote

from .. import protocol
from .operations import OPERATIONS

if TYPE_CHECKING:
    from ..models import ApiGateway

#: POST sends, DELETE disconnects, GET asks whether a connection is open.
_CONNECTION_METHODS = ("POST", "DELETE", "GET")
# AWS also checks this action if tags are sent with a creation.
_TAG_ON_CREATE = ("apigateway:TagResource", ("/apis", "/apis/*", "/domainnames", "/domainnames/*"))


def provisioning_policy(gateways: Iterable[ApiGateway] = ()) -> dict[str, Any]:
    """Return the policy that the commands and the admin need, narrowed to ``gateways`` if any are given."""
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
    """Return the policy that sending needs, narrowed to the stages of ``gateways`` if any are given."""
    stages = [(_partition(one), _region(one), f"{one.api_id or '*'}/{_literal(one.stage)}") for one in gateways] or [
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
    """Return ``path`` with the identifiers of ``gateway`` for its first ``*``, or nothing if it has no identifier.

    The domain and the zone that the row was mapped to are included, because an update removes them.
    """
    if path == "hostedzone/*":
        zones = {gateway.hosted_zone_id if gateway.manage_dns_record else "", gateway.mapped_hosted_zone_id}
        return [f"hostedzone/{_literal(zone)}" for zone in zones if zone]
    domains = [name for name in {gateway.domain_name, gateway.mapped_domain_name} if name]
    # Reading is allowed for every domain. An API does not know its domains, so an import reads them all.
    if path.startswith("/domainnames") and action != "apigateway:GET":
        return [path.replace("*", _literal(name), 1) for name in domains]
    if path.startswith("/apis/*") and gateway.api_id:
        return [path.replace("*", gateway.api_id, 1)]
    if path == "/tags/*" and gateway.api_id:
        return [f"/tags/{one}" for one in _tagged(gateway, domains)]
    return [path]


def _tagged(gateway: ApiGateway, domains: Iterable[str]) -> set[str]:
    """Return the ARNs of the resources that the gateway tags. In the path of a tag, an ARN is one escaped segment."""
    # An unknown region becomes a wildcard.
    prefix = quote(f"arn:{_partition(gateway)}:apigateway:{_region(gateway)}::/", safe="*")
    apis = {f"{prefix}apis%2F{gateway.api_id}{rest}" for rest in ("", "%2F*")}
    # It is not documented whether IAM compares the * of a wildcard domain escaped or unescaped.
    names = {escaped for name in domains for escaped in (quote(name), _literal(name))}
    return {*apis, *(f"{prefix}domainnames%2F{name}" for name in names)}


def _literal(name: str) -> str:
    """Escape the characters in ``name`` that IAM treats as wildcards, such as the * of *.example.com."""
    return re.sub(r"[*?$]", lambda found: f"${{{found.group()}}}", name)


def _arn(partition: str, region: str, action: str, path: str) -> str:
    return (
        f"arn:{partition}:route53:::{path}"
        if action.startswith("route53:")
        else (f"arn:{partition}:apigateway:{region}::{path}")
    )


def _without_covered(resources: set[str]) -> list[str]:
    """Return ``resources``, sorted, without those that a shorter one ending in ``*`` covers."""
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
