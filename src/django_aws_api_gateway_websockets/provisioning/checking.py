"""Refuse values that AWS would refuse half way, and resources of others, before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from django.core.exceptions import ValidationError

from ..exceptions import InvalidGateway
from ..protocol import is_loopback
from . import resources as r
from .actual import Actual
from .control import ControlPlane

if TYPE_CHECKING:
    from ..definition import ApiDefinition
    from ..models import ApiGateway


def check_row(gateway: ApiGateway, control: ControlPlane, with_domain: bool) -> None:
    """Raise ``InvalidGateway``, naming each field, for values that AWS would refuse half way."""
    problems: dict[str, list[str]] = {}
    _collect(problems, gateway.clean_fields)
    _collect(problems, gateway.clean)
    for route in gateway.additional_routes.all():
        _collect(problems, route.clean_fields, f"additional route {route.route_key}: ")
        _collect(problems, route.clean, f"additional route {route.route_key}: ")
    if with_domain and not gateway.domain_name:
        problems["domain_name"] = ["A custom domain needs a name."]
    if with_domain or gateway.has_domain:
        parts = gateway.certificate_arn.split(":")
        if len(parts) > 3 and parts[2] == "acm" and parts[3] != control.region:
            problems["certificate_arn"] = [
                f"The certificate is in {parts[3]}; a regional endpoint needs one in its own region, {control.region}."
            ]
    if control.is_aws and is_loopback(gateway.target_base_endpoint):
        problems.setdefault("target_base_endpoint", []).append(
            f"{gateway.target_base_endpoint} is on this machine, which AWS cannot reach. For the local gateway, "
            f"mark the row as local: createApiGateway --local --pk={gateway.pk}."
        )
    if problems:
        fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in problems.items())
        raise InvalidGateway(f"{gateway.api_name!r} cannot be created. {fields}", problems)
    control.check_holds(gateway.api_endpoint)


def _collect(problems: dict[str, list[str]], check: Callable[[], None], prefix: str = "") -> None:
    try:
        check()
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            problems.setdefault(prefix + name, []).extend(texts)


def check_ownership(actual: Actual, definition: ApiDefinition) -> None:
    """Raise ``InvalidGateway`` before something is overwritten that this gateway did not create."""
    domain = definition.domain
    if domain is None:
        return
    if actual.domain_foreign and not actual.domain_of_sibling and not actual.get(r.MAPPING, domain.name):
        text = (
            f"The custom domain {domain.name} exists in AWS, and this gateway did not create it. To take it over, with "
            "its certificate, its tags and its DNS record, run createCustomDomain --adopt. Or choose another name."
        )
        raise InvalidGateway(text, {"domain_name": [text]})
    if actual.foreign_records and not actual.get(r.RECORD, domain.name):
        kinds = " and ".join(sorted({str(record["Type"]) for record in actual.foreign_records}))
        text = (
            f"The hosted zone {domain.hosted_zone_id} has a record of type {kinds} for {domain.name} that this gateway "
            "did not write. Delete the record in Route 53, or turn off “manage the DNS record”."
        )
        raise InvalidGateway(text, {"manage_dns_record": [text]})
