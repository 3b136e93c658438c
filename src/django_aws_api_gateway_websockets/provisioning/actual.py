"""The result of reading AWS: the resources of one API, and the owner of the custom domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, NamedTuple

from ..definition import OWNER_TAG
from . import resources as r
from .resources import Resource


class MappedDomain(NamedTuple):
    """The domain that the row was mapped to, the zone of its DNS record, and the target of that record."""

    name: str = ""
    hosted_zone_id: str = ""
    target: str = ""


NEVER_MAPPED = MappedDomain()


def _nobody(reference: str) -> bool:
    return False


class Owner(NamedTuple):
    """Decides which resources count as the row's own.

    ``reference``: the value of the row's owner tag. ``is_sibling``: whether a reference is that of another gateway of
    this site. ``adopts``: take over the custom domain that the row names, whoever created it.
    """

    reference: str = ""
    is_sibling: Callable[[str], bool] = _nobody
    adopts: bool = False

    def owns(self, resource: Mapping[str, Any]) -> bool:
        """Return whether the tags of ``resource`` mark it as the row's own."""
        return bool(self.reference) and resource.get("Tags", {}).get(OWNER_TAG) == self.reference

    def may_share(self, resource: Mapping[str, Any]) -> bool:
        """Return whether another gateway of this site created ``resource``."""
        return self.is_sibling(resource.get("Tags", {}).get(OWNER_TAG, ""))


NOBODY = Owner()


@dataclass
class Actual:
    """All resources in AWS that belong to one API and its custom domain. ``api_id`` is empty if there is no API."""

    api_id: str = ""
    api_endpoint: str = ""
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    #: Leftovers of an interrupted run: integrations that no route uses, second routes of a key, second mappings.
    left_over: list[Resource] = field(default_factory=list)
    #: Mappings of stages that somebody else created. They stay as long as the API does.
    mapped_elsewhere: list[Resource] = field(default_factory=list)
    #: The target that the DNS record of the custom domain needs, and the zone of that target.
    domain_target: str = ""
    domain_target_zone: str = ""
    #: Whether other APIs are mapped to the custom domain too.
    domain_shared: bool = False
    #: The custom domain exists without the row's tag, so only this API's mappings on it are the row's.
    domain_foreign: bool = False
    #: Another gateway of this site created the custom domain, so this API may be mapped to it.
    domain_of_sibling: bool = False
    #: Records with the name of the custom domain that this gateway did not write.
    foreign_records: list[Mapping[str, Any]] = field(default_factory=list)
    #: The alias records that belong to the row, exactly as AWS has them, by zone and domain name.
    records: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        self.resources[resource.name] = resource

    def get(self, kind: str, key: str) -> Resource | None:
        return self.resources.get((kind, key))

    def of_kind(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.kind == kind]


def observed(kind: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a resource of ``kind`` from AWS's ``answer``."""
    # boto3 adds this to every answer. It is not a property.
    return r.TABLES[kind].observed({name: value for name, value in answer.items() if name != "ResponseMetadata"})


def without_aws(tags: Mapping[str, str]) -> dict[str, str]:
    """Return ``tags`` without AWS's own, which nobody can write or remove, such as aws:cloudformation:stack-name."""
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}
