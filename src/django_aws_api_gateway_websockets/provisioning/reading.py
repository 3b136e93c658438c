"""What AWS has, read anew each time and written in the form of ``resources``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, NamedTuple

from .. import protocol
from ..definition import OWNER_TAG, SECRET_PARAMETER, DomainDefinition
from ..exceptions import NotFound
from ..security.gateway_secret import is_gateway_secret
from . import resources as r
from .control import ControlPlane
from .resources import Resource

_SECRET = f"RequestParameters.{SECRET_PARAMETER}"


class MappedDomain(NamedTuple):
    """The domain that the row was mapped to, the zone of its DNS record, and where that record pointed."""

    name: str = ""
    hosted_zone_id: str = ""
    target: str = ""


NEVER_MAPPED = MappedDomain()


def _nobody(reference: str) -> bool:
    return False


class Owner(NamedTuple):
    """Whose resources count as the row's own.

    ``reference``: the value of the row's owner tag. ``is_sibling``: whether a reference is that of another gateway of
    this site. ``adopts``: the custom domain that the row names is taken over, whoever created it.
    """

    reference: str = ""
    is_sibling: Callable[[str], bool] = _nobody
    adopts: bool = False

    def owns(self, resource: Mapping[str, Any]) -> bool:
        """Whether the tags of ``resource`` say that it is the row's."""
        return bool(self.reference) and resource.get("Tags", {}).get(OWNER_TAG) == self.reference

    def may_share(self, resource: Mapping[str, Any]) -> bool:
        """Whether another gateway of this site made ``resource``."""
        return self.is_sibling(resource.get("Tags", {}).get(OWNER_TAG, ""))


NOBODY = Owner()


@dataclass
class Actual:
    """Everything that AWS has of one API and its custom domain. ``api_id`` is empty where there is no API."""

    api_id: str = ""
    api_endpoint: str = ""
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    #: What an interrupted run may leave: integrations that no route uses, second routes of a key, second mappings.
    left_over: list[Resource] = field(default_factory=list)
    #: Mappings of stages that somebody else made. They stay as long as the API does.
    mapped_elsewhere: list[Resource] = field(default_factory=list)
    #: Where the DNS record of the custom domain must point, and the zone of that name.
    domain_target: str = ""
    domain_target_zone: str = ""
    #: Whether other APIs are mapped to the custom domain too.
    domain_shared: bool = False
    #: The custom domain exists and does not carry the row's tag, so only mappings of this API on it are the row's.
    domain_foreign: bool = False
    #: Another gateway of this site made the custom domain, so this API may be mapped to it.
    domain_of_sibling: bool = False
    #: Records with the name of the custom domain that this gateway did not write.
    foreign_records: list[Mapping[str, Any]] = field(default_factory=list)
    #: The alias records that are the row's, word for word, by zone and domain name.
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
    tagged = (api["ApiId"] for api in control.items("GetApis") if Owner(owner).owns(api))
    return str(next(tagged, ""))


def find_domain(control: ControlPlane, api_id: str, stage_name: str) -> DomainDefinition | None:
    """The first custom domain that is mapped to the stage. An API does not know its own: every domain is asked."""
    for domain in control.items("GetDomainNames"):
        name = domain["DomainName"]
        for mapping in control.items("GetApiMappings", DomainName=name):
            if (mapping["ApiId"], mapping["Stage"]) == (api_id, stage_name):
                return DomainDefinition(name, _domain(domain), mapping.get("ApiMappingKey", ""))
    return None


def read(
    control: ControlPlane,
    api_id: str,
    stage_name: str,
    domain: DomainDefinition | None = None,
    mapped: MappedDomain = NEVER_MAPPED,
    owner: Owner = NOBODY,
) -> Actual:
    """Read everything that a plan needs to know of the API ``api_id``, and of its domains, which may outlive it.

    A domain of another name that carries the owner's tag was left by a run that died while the row was renamed.
    """
    actual = Actual(api_id)
    if api_id:
        _read_api(control, actual, stage_name)
    if domain is not None:
        _read_domain(control, actual, domain, mapped, owner)
    if domain is not None or mapped.name:
        _read_left(control, actual, domain, mapped, owner)
    return actual


def _read_api(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    api = control.call("GetApi", ApiId=actual.api_id)
    actual.api_endpoint = api.get("ApiEndpoint", "")
    actual.add(Resource(r.API, api["Name"], _observed(r.API, api), actual.api_id))
    actual.add(_tags(control, r.API_TAGS, api["Name"], f"/apis/{actual.api_id}"))
    _read_routes(control, actual)
    _read_stages(control, actual, stage_name)


def _observed(kind: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    # What boto3 adds to every answer is no property.
    return r.TABLES[kind].observed({name: value for name, value in answer.items() if name != "ResponseMetadata"})


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
        target = {"Integration": key if integration else ""}
        actual.add(Resource(r.ROUTE, key, {**target, **_observed(r.ROUTE, route)}, route_id))
        if integration is not None:
            observed = _observed(r.INTEGRATION, integration)
            actual.add(Resource(r.INTEGRATION, key, observed, integration["IntegrationId"]))
        if key not in (protocol.CONNECT, protocol.DISCONNECT):
            _read_responses(control, actual, route)
    actual.left_over += [Resource(r.INTEGRATION, f"(unused) {one}", id=one) for one in integrations]


def _read_responses(control: ControlPlane, actual: Actual, route: Mapping[str, Any]) -> None:
    # Without this selection expression, or with another one, the response is never sent.
    selection = route.get("RouteResponseSelectionExpression", "")
    lost = {} if selection == protocol.DEFAULT else {"RouteResponseSelectionExpression": selection}
    for response in control.items("GetRouteResponses", ApiId=actual.api_id, RouteId=route["RouteId"]):
        found = {**lost, **_observed(r.ROUTE_RESPONSE, response)}
        actual.add(Resource(r.ROUTE_RESPONSE, route["RouteKey"], found, response["RouteResponseId"]))


def _read_stages(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    marks = {
        one["DeploymentId"]: one.get("Description", "") for one in control.items("GetDeployments", ApiId=actual.api_id)
    }
    in_use = set()
    for stage in control.items("GetStages", ApiId=actual.api_id):
        deployment_id = stage.get("DeploymentId", "")
        in_use.add(deployment_id)
        if stage["StageName"] == stage_name:
            deployment = {"DeploymentId": _fingerprint(marks.get(deployment_id, "")) or deployment_id}
            actual.add(Resource(r.STAGE, stage_name, {**_observed(r.STAGE, stage), **deployment}, stage_name))
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


def _read_domain(
    control: ControlPlane, actual: Actual, domain: DomainDefinition, mapped: MappedDomain, owner: Owner
) -> None:
    try:
        found = control.call("GetDomainName", DomainName=domain.name)
    except NotFound:
        _read_record(control, actual, domain, mapped)
        return
    configuration = found["DomainNameConfigurations"][0]
    actual.domain_target = configuration.get("ApiGatewayDomainName", "")
    actual.domain_target_zone = configuration.get("HostedZoneId", "")
    actual.domain_foreign = not (owner.adopts or owner.owns(found))
    actual.domain_of_sibling = owner.may_share(found)
    if not actual.domain_foreign:
        actual.add(Resource(r.DOMAIN, domain.name, _domain(found), domain.name))
        actual.add(Resource(r.DOMAIN_TAGS, domain.name, _without_aws(found.get("Tags", {}))))
        _read_record(control, actual, domain, mapped)
    _read_mappings(control, actual, domain)


def _domain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A domain with the members of its first configuration; further ones are a difference."""
    first, *further = answer["DomainNameConfigurations"]
    members = {name: value for name, value in answer.items() if name != "DomainNameConfigurations"}
    return _observed(r.DOMAIN, {**members, **first, "DomainNameConfigurations": further})


def _read_record(control: ControlPlane, actual: Actual, domain: DomainDefinition, mapped: MappedDomain) -> None:
    """The DNS record of the domain: the row's where it points at the domain, or where the row made it point before."""
    zone = domain.hosted_zone_id
    if not zone:
        return
    before = mapped.target if mapped.name == domain.name else ""
    for record in _address_records(control, zone, domain.name):
        target = _alias(record)
        if target and target in (actual.domain_target, before):
            moved = {} if target == actual.domain_target else {"AliasTarget": target}
            actual.records[zone, domain.name] = record
            actual.add(Resource(r.RECORD, domain.name, {"HostedZoneId": zone, **moved}, domain.name))
        else:
            actual.foreign_records.append(record)


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
            actual.add(Resource(r.MAPPING, domain.name, _observed(r.MAPPING, mapping), mapping["ApiMappingId"]))
        else:
            (actual.left_over if ours else actual.mapped_elsewhere).append(_too_much(domain.name, mapping))


def _too_much(domain_name: str, mapping: Mapping[str, Any]) -> Resource:
    key = mapping.get("ApiMappingKey")
    return Resource(r.MAPPING, f"{domain_name}/{key}" if key else domain_name, id=mapping["ApiMappingId"])


def _stages(actual: Actual) -> set[str]:
    """The stage of the row, and those that it had before."""
    return {one.key for one in (*actual.resources.values(), *actual.left_over) if one.kind == r.STAGE}


def _read_left(
    control: ControlPlane, actual: Actual, domain: DomainDefinition | None, mapped: MappedDomain, owner: Owner
) -> None:
    """Domains of other names that are the row's, and the record of this name in another zone."""
    zone = domain.hosted_zone_id if domain is not None else mapped.hosted_zone_id
    left = {one["DomainName"]: zone for one in control.items("GetDomainNames") if owner.owns(one)}
    if mapped.name:
        left[mapped.name] = mapped.hosted_zone_id
    for name, zone_of_name in left.items():
        if domain is None or domain.name != name:
            _read_left_domain(control, actual, MappedDomain(name, zone_of_name), owner)
        elif domain.hosted_zone_id and domain.hosted_zone_id != zone_of_name and not actual.domain_foreign:
            _read_left_record(control, actual, mapped, actual.domain_target)


def _read_left_domain(control: ControlPlane, actual: Actual, mapped: MappedDomain, owner: Owner) -> None:
    """A domain that the row named before: its mappings to this API, and the rest where the row made it for itself."""
    try:
        found = control.call("GetDomainName", DomainName=mapped.name)
        mappings = control.items("GetApiMappings", DomainName=mapped.name)
    except NotFound:
        return
    ours = [one for one in mappings if one["ApiId"] == actual.api_id]
    actual.left_over += [_too_much(mapped.name, one) for one in ours]
    if len(ours) == len(mappings) and owner.owns(found):
        _read_left_record(control, actual, mapped, found["DomainNameConfigurations"][0].get("ApiGatewayDomainName", ""))
        actual.left_over.append(Resource(r.DOMAIN, mapped.name, id=mapped.name))


def _read_left_record(control: ControlPlane, actual: Actual, mapped: MappedDomain, target: str) -> None:
    name, zone = mapped.name, mapped.hosted_zone_id
    for record in _address_records(control, zone, name) if zone else ():
        if target and _alias(record) == target:
            actual.records[zone, name] = record
            actual.left_over.append(Resource(r.RECORD, name, {"HostedZoneId": zone}, name))


def _address_records(control: ControlPlane, zone: str, name: str) -> list[Mapping[str, Any]]:
    """The records in ``zone`` that lead somebody who asks for ``name`` anywhere."""
    answer = control.call(
        "ListResourceRecordSets", HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="10"
    )
    # Route 53 writes the * of a wildcard as \052.
    named = (one for one in answer["ResourceRecordSets"] if _plain(one["Name"].replace("\\052", "*")) == _plain(name))
    return [one for one in named if one["Type"] in ("A", "CNAME")]


def _alias(record: Mapping[str, Any]) -> str:
    """Where an alias record points; empty for any other record."""
    return _plain(record.get("AliasTarget", {}).get("DNSName", "")) if record["Type"] == "A" else ""


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
