"""What AWS has, read anew each time and written in the form of ``resources``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, NamedTuple

from .. import protocol
from ..definition import (
    DEFAULT_API_KEY_SELECTION,
    DEFAULT_TIMEOUT_MILLIS,
    OWNER_TAG,
    SECRET_PARAMETER,
    DomainDefinition,
)
from ..exceptions import NotFound
from ..security.gateway_secret import is_gateway_secret
from . import resources as r
from .control import ControlPlane
from .resources import Resource

_SECRET = f"RequestParameters.{SECRET_PARAMETER}"


class MappedDomain(NamedTuple):
    """The domain that the row was mapped to, and the zone that its record was written into; empty: none."""

    name: str = ""
    hosted_zone_id: str = ""


NEVER_MAPPED = MappedDomain()


@dataclass
class Actual:
    """``api_id`` is empty where there is no API; ``ids`` has AWS's identifiers by kind and key."""

    api_id: str = ""
    api_endpoint: str = ""
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    #: Integrations that no route uses, second routes of a key, second mappings: what an interrupted run may leave.
    left_over: list[Resource] = field(default_factory=list)
    #: Mappings of stages that somebody else made: they stay as long as the API does.
    mapped_elsewhere: list[Resource] = field(default_factory=list)
    #: Where the DNS record of the custom domain must point, and the zone of that name.
    domain_target: str = ""
    domain_target_zone: str = ""
    #: Whether other APIs are mapped to the custom domain too.
    domain_shared: bool = False
    #: The alias records that are ours, word for word, by zone and domain name.
    records: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        self.resources[resource.name] = resource

    def get(self, kind: str, key: str) -> Resource | None:
        return self.resources.get((kind, key))

    def of_kind(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.kind == kind]


def sends_secret(actual: Actual) -> bool | None:
    """Whether every integration carries a secret that the view accepts; None where there is no integration."""
    carried = [one.properties.get(_SECRET) or "" for one in actual.of_kind(r.INTEGRATION)]
    if not carried:
        return None
    return all(is_gateway_secret(actual.api_id, value.strip("'")) for value in carried)


def find_api(control: ControlPlane, api_id: str | None, owner: str) -> str:
    """The id of the row's API: the recorded one if AWS still has it, else one tagged as the row's, else ``""``."""
    if api_id:
        try:
            return str(control.call("GetApi", ApiId=api_id)["ApiId"])
        except NotFound:
            pass
    tagged = (api["ApiId"] for api in control.items("GetApis") if _is_owned(api, owner))
    return str(next(tagged, ""))


def find_domain(control: ControlPlane, api_id: str, stage_name: str) -> DomainDefinition | None:
    """The first custom domain that is mapped to the stage. An API does not know its own: every domain is asked."""
    for domain in control.items("GetDomainNames"):
        name = domain["DomainName"]
        for mapping in control.items("GetApiMappings", DomainName=name):
            if (mapping["ApiId"], mapping["Stage"]) == (api_id, stage_name):
                certificate = domain["DomainNameConfigurations"][0].get("CertificateArn", "")
                return DomainDefinition(name, certificate, mapping.get("ApiMappingKey", ""))
    return None


def read(
    control: ControlPlane,
    api_id: str,
    stage_name: str,
    domain: DomainDefinition | None = None,
    mapped: MappedDomain = NEVER_MAPPED,
    owner: str = "",
) -> Actual:
    """Everything that a plan needs to know of the API ``api_id``, and of its domains, which may outlive it.

    A domain that ``owner`` made under another name was left by a run that died while the row was being renamed.
    """
    actual = Actual(api_id)
    if api_id:
        _read_api(control, actual, stage_name)
    if domain is not None:
        _read_domain(control, actual, domain, owner)
    if domain is not None or mapped.name:
        _read_left(control, actual, domain, mapped, owner)
    return actual


def _read_api(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    api = control.call("GetApi", ApiId=actual.api_id)
    actual.api_endpoint = api.get("ApiEndpoint", "")
    actual.add(Resource(r.API, api["Name"], _api(api), actual.api_id))
    actual.add(_tags(control, r.API_TAGS, api["Name"], f"/apis/{actual.api_id}"))
    _read_routes(control, actual)
    _read_stages(control, actual, stage_name)


def _api(api: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": api["Name"],
        "Description": api.get("Description", ""),
        "RouteSelectionExpression": api["RouteSelectionExpression"],
        "ApiKeySelectionExpression": api.get("ApiKeySelectionExpression") or DEFAULT_API_KEY_SELECTION,
        "DisableExecuteApiEndpoint": api.get("DisableExecuteApiEndpoint", False),
        "IpAddressType": api.get("IpAddressType") or "ipv4",
    }


def _tags(control: ControlPlane, kind: str, key: str, path: str) -> Resource:
    return Resource(kind, key, _without_aws(control.call("GetTags", ResourceArn=control.arn(path)).get("Tags") or {}))


def _without_aws(tags: Mapping[str, str]) -> dict[str, str]:
    """Without AWS's own, such as aws:cloudformation:stack-name, which can be neither written nor removed."""
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}


def _read_routes(control: ControlPlane, actual: Actual) -> None:
    integrations = {one["IntegrationId"]: one for one in control.items("GetIntegrations", ApiId=actual.api_id)}
    for route in control.items("GetRoutes", ApiId=actual.api_id):
        key, route_id = route["RouteKey"], route["RouteId"]
        if actual.get(r.ROUTE, key):
            actual.left_over.append(Resource(r.ROUTE, key, id=route_id))
            continue
        # Popped: an integration that two routes share is the first one's; the second gets one of its own.
        integration = integrations.pop(route.get("Target", "").partition("/")[2], None)
        actual.add(Resource(r.ROUTE, key, {"Integration": key if integration else "", **_access(route)}, route_id))
        if integration is not None:
            actual.add(Resource(r.INTEGRATION, key, _integration(integration), integration["IntegrationId"]))
        if key not in (protocol.CONNECT, protocol.DISCONNECT):
            _read_responses(control, actual, route)
    actual.left_over += [Resource(r.INTEGRATION, f"(unused) {one}", id=one) for one in integrations]


def _access(route: Mapping[str, Any]) -> dict[str, Any]:
    """Who may use the route, where somebody has limited that: a row does not."""
    limits = {"AuthorizationType": route.get("AuthorizationType"), "ApiKeyRequired": route.get("ApiKeyRequired")}
    return {name: value for name, value in limits.items() if value and value != "NONE"}


def _read_responses(control: ControlPlane, actual: Actual, route: Mapping[str, Any]) -> None:
    # Without it, or with another one, the response is never sent.
    selection = route.get("RouteResponseSelectionExpression", "")
    lost = {} if selection == protocol.DEFAULT else {"RouteResponseSelectionExpression": selection}
    for response in control.items("GetRouteResponses", ApiId=actual.api_id, RouteId=route["RouteId"]):
        actual.add(Resource(r.ROUTE_RESPONSE, route["RouteKey"], lost, response["RouteResponseId"]))


def _integration(integration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IntegrationType": integration.get("IntegrationType", ""),
        "IntegrationMethod": integration.get("IntegrationMethod", ""),
        "IntegrationUri": integration.get("IntegrationUri", ""),
        "TimeoutInMillis": integration.get("TimeoutInMillis", DEFAULT_TIMEOUT_MILLIS),
        **r.flat("RequestParameters", integration.get("RequestParameters")),
    }


def _read_stages(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    marks = {
        one["DeploymentId"]: one.get("Description", "") for one in control.items("GetDeployments", ApiId=actual.api_id)
    }
    in_use = set()
    for stage in control.items("GetStages", ApiId=actual.api_id):
        deployment_id = stage.get("DeploymentId", "")
        in_use.add(deployment_id)
        if stage["StageName"] == stage_name:
            properties = {**_stage(stage), "DeploymentId": _fingerprint(marks.get(deployment_id, "")) or deployment_id}
            actual.add(Resource(r.STAGE, stage_name, properties, stage_name))
            actual.add(_tags(control, r.STAGE_TAGS, stage_name, f"/apis/{actual.api_id}/stages/{stage_name}"))
            for key in stage.get("RouteSettings") or {}:
                actual.add(Resource(r.ROUTE_SETTINGS, key, id=stage_name))
        elif OWNER_TAG in stage.get("Tags", {}):
            actual.left_over.append(Resource(r.STAGE, stage["StageName"], id=stage["StageName"]))
    for deployment_id, mark in marks.items():
        if _fingerprint(mark):
            actual.add(Resource(r.DEPLOYMENT, _fingerprint(mark), {"in use": deployment_id in in_use}, deployment_id))


def _fingerprint(description: str) -> str:
    return description[len(r.DEPLOYMENT_MARK) :] if description.startswith(r.DEPLOYMENT_MARK) else ""


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    settings = stage.get("DefaultRouteSettings") or {}
    logs = stage.get("AccessLogSettings") or {}
    return {
        "Description": stage.get("Description", ""),
        "ClientCertificateId": stage.get("ClientCertificateId", ""),
        "DefaultRouteSettings.DataTraceEnabled": settings.get("DataTraceEnabled", False),
        "DefaultRouteSettings.DetailedMetricsEnabled": settings.get("DetailedMetricsEnabled", False),
        "DefaultRouteSettings.LoggingLevel": settings.get("LoggingLevel") or "OFF",
        "DefaultRouteSettings.ThrottlingRateLimit": r.rate_limit(settings.get("ThrottlingRateLimit")),
        "DefaultRouteSettings.ThrottlingBurstLimit": r.burst_limit(settings.get("ThrottlingBurstLimit")),
        "AccessLogSettings.DestinationArn": logs.get("DestinationArn", ""),
        "AccessLogSettings.Format": logs.get("Format", ""),
        **r.flat("StageVariables", stage.get("StageVariables")),
    }


def _read_domain(control: ControlPlane, actual: Actual, domain: DomainDefinition, owner: str) -> None:
    try:
        found = control.call("GetDomainName", DomainName=domain.name)
    except NotFound:
        return
    configuration = found["DomainNameConfigurations"][0]
    actual.domain_target = configuration.get("ApiGatewayDomainName", "")
    actual.domain_target_zone = configuration.get("HostedZoneId", "")
    properties = {
        "CertificateArn": configuration.get("CertificateArn", ""),
        "EndpointType": configuration.get("EndpointType", ""),
    }
    actual.add(Resource(r.DOMAIN, domain.name, properties, domain.name))
    if _is_owned(found, owner):
        # A name that several gateways share has the tags of the one that made it.
        actual.add(Resource(r.DOMAIN_TAGS, domain.name, _without_aws(found["Tags"])))
    _read_mappings(control, actual, domain)
    if domain.hosted_zone_id and _alias(control, actual, domain.hosted_zone_id, domain.name, actual.domain_target):
        actual.add(Resource(r.RECORD, domain.name, {"HostedZoneId": domain.hosted_zone_id}, domain.name))


def _read_mappings(control: ControlPlane, actual: Actual, domain: DomainDefinition) -> None:
    """The API's mapping with the wanted key, else one of the row's stage; a second one is too much."""
    mappings = control.items("GetApiMappings", DomainName=domain.name)
    found = [one for one in mappings if one["ApiId"] == actual.api_id]
    actual.domain_shared = len(found) < len(mappings)
    stages = _stages(actual)
    # A key is unique on its domain: whatever else has the wanted one would be in the way.
    found.sort(key=lambda one: (one.get("ApiMappingKey", "") != domain.mapping_key, one["Stage"] not in stages))
    for number, mapping in enumerate(found):
        key, ours = mapping.get("ApiMappingKey", ""), mapping["Stage"] in stages
        if number == 0 and (ours or key == domain.mapping_key):
            actual.add(Resource(r.MAPPING, domain.name, _mapping(mapping), mapping["ApiMappingId"]))
        else:
            (actual.left_over if ours else actual.mapped_elsewhere).append(_too_much(domain.name, mapping))


def _too_much(domain_name: str, mapping: Mapping[str, Any]) -> Resource:
    key = mapping.get("ApiMappingKey")
    return Resource(r.MAPPING, f"{domain_name}/{key}" if key else domain_name, id=mapping["ApiMappingId"])


def _stages(actual: Actual) -> set[str]:
    """The stage of the row, and those that it had before."""
    return {one.key for one in (*actual.resources.values(), *actual.left_over) if one.kind == r.STAGE}


def _read_left(
    control: ControlPlane, actual: Actual, domain: DomainDefinition | None, mapped: MappedDomain, owner: str
) -> None:
    """Domains of other names that are the row's, and the record of this name in another zone."""
    zone = domain.hosted_zone_id if domain is not None else mapped.hosted_zone_id
    left = {one["DomainName"]: zone for one in control.items("GetDomainNames") if _is_owned(one, owner)}
    if mapped.name:
        left[mapped.name] = mapped.hosted_zone_id
    for name, zone_of_name in left.items():
        if domain is None or domain.name != name:
            _read_left_domain(control, actual, MappedDomain(name, zone_of_name))
        elif domain.hosted_zone_id and zone_of_name and domain.hosted_zone_id != zone_of_name:
            _read_left_record(control, actual, mapped, actual.domain_target)


def _is_owned(resource: Mapping[str, Any], owner: str) -> bool:
    return bool(owner) and resource.get("Tags", {}).get(OWNER_TAG) == owner


def _read_left_domain(control: ControlPlane, actual: Actual, mapped: MappedDomain) -> None:
    """The domain that the row named before: our mapping, and the domain with its record where nobody else uses it."""
    try:
        found = control.call("GetDomainName", DomainName=mapped.name)
        mappings = control.items("GetApiMappings", DomainName=mapped.name)
    except NotFound:
        return
    ours = [one for one in mappings if one["ApiId"] == actual.api_id]
    actual.left_over += [_too_much(mapped.name, one) for one in ours]
    if len(ours) == len(mappings):
        _read_left_record(control, actual, mapped, found["DomainNameConfigurations"][0].get("ApiGatewayDomainName", ""))
        actual.left_over.append(Resource(r.DOMAIN, mapped.name, id=mapped.name))


def _read_left_record(control: ControlPlane, actual: Actual, mapped: MappedDomain, target: str) -> None:
    if mapped.hosted_zone_id and _alias(control, actual, mapped.hosted_zone_id, mapped.name, target):
        actual.left_over.append(Resource(r.RECORD, mapped.name, {"HostedZoneId": mapped.hosted_zone_id}, mapped.name))


def _mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ApiId": mapping["ApiId"],
        "Stage": mapping["Stage"],
        "ApiMappingKey": mapping.get("ApiMappingKey", ""),
    }


def _alias(control: ControlPlane, actual: Actual, zone: str, name: str, target: str) -> bool:
    """Whether ``name`` leads to ``target`` by a record in ``zone``; keeps the record."""
    answer = control.call(
        "ListResourceRecordSets", HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="10"
    )
    for record in answer["ResourceRecordSets"]:
        # Route 53 writes the * of a wildcard as \052.
        same = record["Name"].rstrip(".").replace("\\052", "*").lower() == name.lower()
        alias = record.get("AliasTarget", {}).get("DNSName", "").rstrip(".")
        if same and record["Type"] == "A" and alias == target:
            actual.records[zone, name] = record
            return True
    return False
