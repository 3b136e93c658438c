"""Read the custom domains of an API, with their mappings and DNS records."""

from __future__ import annotations

from typing import Any, Mapping

from ..definition import DomainDefinition
from ..exceptions import NotFound
from . import resources as r
from .actual import Actual, MappedDomain, Owner, observed, without_aws
from .control import ControlPlane
from .resources import Resource


def find_domain(control: ControlPlane, api_id: str, stage_name: str) -> DomainDefinition | None:
    """Return the first custom domain that is mapped to the stage.

    An API does not list its domains, so ask every domain.
    """
    for domain in control.items("GetDomainNames"):
        name = domain["DomainName"]
        for mapping in control.items("GetApiMappings", DomainName=name):
            if (mapping["ApiId"], mapping["Stage"]) == (api_id, stage_name):
                return DomainDefinition(name, _domain(domain), mapping.get("ApiMappingKey", ""))
    return None


def read_domain(
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
        actual.add(Resource(r.DOMAIN_TAGS, domain.name, without_aws(found.get("Tags", {}))))
        _read_record(control, actual, domain, mapped)
    _read_mappings(control, actual, domain)


def _domain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a domain with the members of its first configuration. Further configurations count as a difference."""
    first, *further = answer["DomainNameConfigurations"]
    members = {name: value for name, value in answer.items() if name != "DomainNameConfigurations"}
    return observed(r.DOMAIN, {**members, **first, "DomainNameConfigurations": further})


def _read_record(control: ControlPlane, actual: Actual, domain: DomainDefinition, mapped: MappedDomain) -> None:
    """Return the row's DNS record of the domain. It points at the domain, or at an earlier target of the row."""
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
    """Return the API's mapping with the wanted key, or else one of the row's stage. Any further mapping is extra."""
    mappings = control.items("GetApiMappings", DomainName=domain.name)
    found = [one for one in mappings if one["ApiId"] == actual.api_id]
    actual.domain_shared = len(found) < len(mappings)
    stages = _stages(actual)
    # A key is unique on its domain, so another mapping with the wanted key would be in the way.
    found.sort(key=lambda one: (one.get("ApiMappingKey", "") != domain.mapping_key, one["Stage"] not in stages))
    for number, mapping in enumerate(found):
        key, ours = mapping.get("ApiMappingKey", ""), mapping["Stage"] in stages
        if number == 0 and (ours or key == domain.mapping_key):
            actual.add(Resource(r.MAPPING, domain.name, observed(r.MAPPING, mapping), mapping["ApiMappingId"]))
        else:
            (actual.left_over if ours else actual.mapped_elsewhere).append(_too_much(domain.name, mapping))


def _too_much(domain_name: str, mapping: Mapping[str, Any]) -> Resource:
    key = mapping.get("ApiMappingKey")
    return Resource(r.MAPPING, f"{domain_name}/{key}" if key else domain_name, id=mapping["ApiMappingId"])


def _stages(actual: Actual) -> set[str]:
    """The row's stage, and the stages that it had before."""
    return {one.key for one in (*actual.resources.values(), *actual.left_over) if one.kind == r.STAGE}


def read_left(
    control: ControlPlane, actual: Actual, domain: DomainDefinition | None, mapped: MappedDomain, owner: Owner
) -> None:
    """Read the row's domains with other names, and its record for this name in another zone."""
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
    """Read a domain that the row named before: its mappings to this API, or all of it if it was created for the row."""
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
    """Return the records in ``zone`` that answer a lookup of ``name``."""
    answer = control.call(
        "ListResourceRecordSets", HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="10"
    )
    # Route 53 writes the * of a wildcard as \052.
    named = (one for one in answer["ResourceRecordSets"] if _plain(one["Name"].replace("\\052", "*")) == _plain(name))
    return [one for one in named if one["Type"] in ("A", "CNAME")]


def _alias(record: Mapping[str, Any]) -> str:
    """Return the target of an alias record, or an empty string for any other record."""
    return _plain(record.get("AliasTarget", {}).get("DNSName", "")) if record["Type"] == "A" else ""


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
