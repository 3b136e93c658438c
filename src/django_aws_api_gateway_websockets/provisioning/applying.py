"""Carrying out a plan, step by step, each id reported the moment it is held.

A run that dies half way leaves a state like any other: the next one reads it and goes on from there.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..exceptions import NotFound
from . import resources as r
from .control import ControlPlane
from .planning import CREATE, DELETE, UPDATE, Plan, Step
from .reading import Actual
from .resources import Resource

#: Called with the facts that the row keeps, under the names of its fields.
Record = Callable[[Mapping[str, Any]], None]
#: Called with each step before it is carried out.
Progress = Callable[[Step], None]


class Applier:
    """Applies a plan that was made against ``actual``."""

    def __init__(
        self,
        control: ControlPlane,
        tags: Mapping[str, str],
        actual: Actual,
        record: Record,
        progress: Progress,
    ) -> None:
        self._control, self._tags, self._actual = control, tags, actual
        self._record, self._progress = record, progress
        self._ids = {name: resource.id for name, resource in actual.resources.items()}
        self._do: Mapping[tuple[str, str], Callable[[Step], None]] = {
            (r.API, UPDATE): self._update_api,
            (r.API_TAGS, UPDATE): lambda step: self._tag(step, f"/apis/{self._api}"),
            (r.INTEGRATION, CREATE): self._create_integration,
            (r.INTEGRATION, UPDATE): self._update_integration,
            (r.ROUTE, CREATE): self._create_route,
            (r.ROUTE, UPDATE): self._update_route,
            (r.ROUTE_RESPONSE, CREATE): self._create_route_response,
            (r.ROUTE_RESPONSE, UPDATE): self._select_route_response,
            (r.DEPLOYMENT, CREATE): self._create_deployment,
            (r.STAGE, CREATE): self._create_stage,
            (r.STAGE, UPDATE): self._update_stage,
            (r.STAGE_TAGS, UPDATE): lambda step: self._tag(step, f"/apis/{self._api}/stages/{step.resource.key}"),
            (r.DOMAIN, CREATE): self._create_domain,
            (r.DOMAIN, UPDATE): self._update_domain,
            (r.DOMAIN_TAGS, UPDATE): lambda step: self._tag(step, f"/domainnames/{step.resource.key}"),
            (r.MAPPING, CREATE): self._create_mapping,
            (r.MAPPING, UPDATE): self._update_mapping,
            (r.RECORD, CREATE): self._write_record,
        }

    @property
    def _api(self) -> str:
        return self._actual.api_id

    def apply(self, plan: Plan) -> None:
        """Raises the first ``AwsError``; what was done before it stays done."""
        for step in plan:
            self._progress(step)
            if step.action == DELETE:
                self._delete(step)
            else:
                self._do[step.resource.kind, step.action](step)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._control.call(operation, **parameters)

    def _on_api(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._call(operation, ApiId=self._api, **parameters)

    def _id(self, kind: str, step: Step) -> str:
        return self._ids[kind, step.resource.key]

    # -- the API and its tags -------------------------------------------------------------------------

    def _update_api(self, step: Step) -> None:
        self._on_api("UpdateApi", **_new(step))

    def _tag(self, step: Step, path: str) -> None:
        arn = self._control.arn(path)
        tags = {change.name: change.new for change in step.changes if change.new is not None}
        gone = [change.name for change in step.changes if change.new is None]
        if tags:
            self._call("TagResource", ResourceArn=arn, Tags=tags)
        if gone:
            self._call("UntagResource", ResourceArn=arn, TagKeys=gone)

    # -- routes ---------------------------------------------------------------------------------------

    def _create_integration(self, step: Step) -> None:
        created = self._on_api("CreateIntegration", **_integration(step.resource.properties))
        self._ids[step.resource.name] = created["IntegrationId"]

    def _update_integration(self, step: Step) -> None:
        # AWS merges the map into what is there; an empty value takes a parameter out.
        gone = {change.name: "" for change in step.changes if change.new is None}
        parameters = _integration({**step.resource.properties, **gone})
        self._on_api("UpdateIntegration", IntegrationId=self._id(r.INTEGRATION, step), **parameters)

    def _create_route(self, step: Step) -> None:
        created = self._on_api("CreateRoute", RouteKey=step.resource.key, Target=self._target(step))
        self._ids[step.resource.name] = created["RouteId"]

    def _update_route(self, step: Step) -> None:
        self._on_api(
            "UpdateRoute",
            RouteId=self._id(r.ROUTE, step),
            Target=self._target(step),
            AuthorizationType="NONE",
            ApiKeyRequired=False,
        )

    def _target(self, step: Step) -> str:
        return f"integrations/{self._id(r.INTEGRATION, step)}"

    def _create_route_response(self, step: Step) -> None:
        self._select_route_response(step)
        self._on_api("CreateRouteResponse", RouteId=self._id(r.ROUTE, step), RouteResponseKey="$default")

    def _select_route_response(self, step: Step) -> None:
        self._on_api("UpdateRoute", RouteId=self._id(r.ROUTE, step), RouteResponseSelectionExpression="$default")

    # -- deployment and stage -------------------------------------------------------------------------

    def _create_deployment(self, step: Step) -> None:
        created = self._on_api("CreateDeployment", Description=r.DEPLOYMENT_MARK + step.resource.key)
        self._ids[step.resource.name] = created["DeploymentId"]

    def _create_stage(self, step: Step) -> None:
        parameters = self._stage(step.resource.properties)
        self._on_api("CreateStage", StageName=step.resource.key, Tags=dict(self._tags), **parameters)

    def _update_stage(self, step: Step) -> None:
        name, changed = step.resource.key, {change.name: change.new for change in step.changes}
        if changed.get("AccessLogSettings.DestinationArn") == "":
            self._on_api("DeleteAccessLogSettings", StageName=name)
        gone = {key: "" for key, new in changed.items() if new is None and key.startswith("StageVariables.")}
        parameters = self._stage({**step.resource.properties, **gone})
        if "ClientCertificateId" in changed:
            parameters["ClientCertificateId"] = changed["ClientCertificateId"]
        # A throttle cannot be taken away again: the account's own limit says the same.
        for limit, account in (("ThrottlingRateLimit", r.ACCOUNT_RATE), ("ThrottlingBurstLimit", r.ACCOUNT_BURST)):
            if changed.get(f"DefaultRouteSettings.{limit}", "") is None:
                parameters["DefaultRouteSettings"][limit] = account
        self._on_api("UpdateStage", StageName=name, **parameters)

    def _stage(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        settings = r.nested(properties, "DefaultRouteSettings")
        logs = r.nested(properties, "AccessLogSettings")
        parameters = {
            "Description": properties["Description"],
            "DeploymentId": self._ids[r.DEPLOYMENT, properties["DeploymentId"]],
            "DefaultRouteSettings": {name: value for name, value in settings.items() if value is not None},
            "StageVariables": r.nested(properties, "StageVariables"),
        }
        if logs.get("DestinationArn"):
            parameters["AccessLogSettings"] = logs
        if properties["ClientCertificateId"]:
            parameters["ClientCertificateId"] = properties["ClientCertificateId"]
        return parameters

    # -- custom domain --------------------------------------------------------------------------------

    def _create_domain(self, step: Step) -> None:
        self._note_domain(
            self._call(
                "CreateDomainName",
                DomainName=step.resource.key,
                DomainNameConfigurations=[_domain_configuration(step.resource)],
                Tags=dict(self._tags),
            )
        )

    def _update_domain(self, step: Step) -> None:
        self._note_domain(
            self._call(
                "UpdateDomainName",
                DomainName=step.resource.key,
                DomainNameConfigurations=[_domain_configuration(step.resource)],
            )
        )

    def _note_domain(self, answer: Mapping[str, Any]) -> None:
        configuration = answer["DomainNameConfigurations"][0]
        self._actual.domain_target = configuration["ApiGatewayDomainName"]
        self._actual.domain_target_zone = configuration.get("HostedZoneId", "")
        self._record({"api_gateway_domain_name": self._actual.domain_target})

    def _create_mapping(self, step: Step) -> None:
        mapping = self._call("CreateApiMapping", DomainName=step.resource.key, **_mapping(step))
        self._record({"api_mapping_id": mapping["ApiMappingId"], "custom_domain_created": True})

    def _update_mapping(self, step: Step) -> None:
        mapping_id = self._id(r.MAPPING, step)
        self._call("UpdateApiMapping", DomainName=step.resource.key, ApiMappingId=mapping_id, **_mapping(step))

    def _write_record(self, step: Step) -> None:
        target = {
            "HostedZoneId": self._actual.domain_target_zone,
            "DNSName": self._actual.domain_target,
            "EvaluateTargetHealth": False,
        }
        self._change_record("UPSERT", step, {"Name": step.resource.key, "Type": "A", "AliasTarget": target})

    def _change_record(self, action: str, step: Step, record: Mapping[str, Any]) -> None:
        self._call(
            "ChangeResourceRecordSets",
            HostedZoneId=step.resource.properties["HostedZoneId"],
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )

    # -- removing -------------------------------------------------------------------------------------

    def _delete(self, step: Step) -> None:
        one = step.resource
        try:
            if one.kind == r.RECORD:
                # Route 53 deletes a record only where it is told exactly what it holds.
                self._change_record("DELETE", step, self._actual.records[one.properties["HostedZoneId"], one.key])
            else:
                operation, parameters = self._deletion(one)
                self._call(operation, **parameters)
        except NotFound:
            # Gone already, which is what was wanted.
            pass

    def _deletion(self, one: Resource) -> tuple[str, dict[str, Any]]:
        api = {"ApiId": self._api}
        if one.kind == r.ROUTE_RESPONSE:
            route_id = self._ids[r.ROUTE, one.key]
            return "DeleteRouteResponse", {**api, "RouteId": route_id, "RouteResponseId": one.id}
        if one.kind == r.ROUTE_SETTINGS:
            return "DeleteRouteSettings", {**api, "StageName": one.id, "RouteKey": one.key}
        table: Mapping[str, tuple[str, dict[str, Any]]] = {
            r.API: ("DeleteApi", api),
            r.INTEGRATION: ("DeleteIntegration", {**api, "IntegrationId": one.id}),
            r.ROUTE: ("DeleteRoute", {**api, "RouteId": one.id}),
            r.DEPLOYMENT: ("DeleteDeployment", {**api, "DeploymentId": one.id}),
            r.STAGE: ("DeleteStage", {**api, "StageName": one.id}),
            r.DOMAIN: ("DeleteDomainName", {"DomainName": one.key}),
            # Its key is DOMAIN, or DOMAIN/MAPPING-KEY where there are several.
            r.MAPPING: ("DeleteApiMapping", {"DomainName": one.key.partition("/")[0], "ApiMappingId": one.id}),
        }
        return table[one.kind]


def api_parameters(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What CreateApi takes for an API with ``properties``. IpAddressType is unknown to old releases of boto3."""
    plain = {name: value for name, value in properties.items() if name != "Description" or value}
    if plain["IpAddressType"] == "ipv4":
        del plain["IpAddressType"]
    return {**plain, "ProtocolType": "WEBSOCKET"}


def _new(step: Step) -> dict[str, Any]:
    return {change.name: change.new for change in step.changes}


def _integration(properties: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in properties.items() if "." not in name}
    return {**plain, "RequestParameters": r.nested(properties, "RequestParameters")}


def _domain_configuration(domain: Resource) -> dict[str, Any]:
    return {**domain.properties, "SecurityPolicy": "TLS_1_2"}


def _mapping(step: Step) -> dict[str, Any]:
    return dict(step.resource.properties)
