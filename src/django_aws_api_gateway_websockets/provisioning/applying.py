"""Carry out a plan step by step. Each id is reported as soon as AWS returns it.

A run that dies half way leaves a partial state. The next run reads that state and continues from there.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from django.core.exceptions import ValidationError

from .. import properties
from ..exceptions import InvalidGateway, NotFound
from ..fields import HttpUrlField
from . import resources as r
from .actual import Actual
from .control import ControlPlane
from .planning import CREATE, DELETE, UPDATE, Plan, Step
from .resources import Resource

#: Called with facts for the row to keep, under the names of its fields.
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
            (r.ROUTE_RESPONSE, UPDATE): self._update_route_response,
            (r.DEPLOYMENT, CREATE): self._create_deployment,
            (r.STAGE, CREATE): self._create_stage,
            (r.STAGE, UPDATE): self._update_stage,
            (r.STAGE_TAGS, UPDATE): lambda step: self._tag(step, f"/apis/{self._api}/stages/{step.resource.key}"),
            (r.DOMAIN, CREATE): self._create_domain,
            (r.DOMAIN, UPDATE): self._update_domain,
            (r.DOMAIN_TAGS, UPDATE): lambda step: self._tag(step, f"/domainnames/{step.resource.key}"),
            (r.MAPPING, CREATE): self._create_mapping,
            (r.MAPPING, UPDATE): self._update_mapping,
            (r.RECORD, CREATE): self._create_record,
            (r.RECORD, UPDATE): self._move_record,
        }

    @property
    def _api(self) -> str:
        return self._actual.api_id

    def apply(self, plan: Plan) -> None:
        """Raise the first ``AwsError``. The steps before it remain done."""
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
        parameters = _updated(step)
        if parameters:
            self._on_api("UpdateApi", **parameters)

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
        one = step.resource
        _check_target(one)
        created = self._on_api("CreateIntegration", **properties.INTEGRATION.created(one.properties))
        self._ids[one.name] = created["IntegrationId"]

    def _update_integration(self, step: Step) -> None:
        if _must_replace(step):
            self._replace_integration(step)
            return
        _check_target(step.resource)
        self._on_api("UpdateIntegration", IntegrationId=self._id(r.INTEGRATION, step), **_updated(step))

    def _replace_integration(self, step: Step) -> None:
        old = self._id(r.INTEGRATION, step)
        self._create_integration(step)
        self._on_api("UpdateRoute", RouteId=self._id(r.ROUTE, step), Target=self._target(step))
        self._on_api("DeleteIntegration", IntegrationId=old)

    def _create_route(self, step: Step) -> None:
        created = self._on_api("CreateRoute", RouteKey=step.resource.key, Target=self._target(step))
        self._ids[r.ROUTE, step.resource.key] = created["RouteId"]

    def _update_route(self, step: Step) -> None:
        if _must_replace(step):
            self._replace_route(step)
            return
        self._on_api("UpdateRoute", RouteId=self._id(r.ROUTE, step), Target=self._target(step))

    def _replace_route(self, step: Step) -> None:
        # AWS refuses a second route with the same key. Meanwhile, the deployment keeps serving clients.
        self._on_api("DeleteRoute", RouteId=self._id(r.ROUTE, step))
        self._create_route(step)
        if (r.ROUTE_RESPONSE, step.resource.key) in self._ids:
            self._create_route_response(step)

    def _target(self, step: Step) -> str:
        return f"integrations/{self._id(r.INTEGRATION, step)}"

    def _create_route_response(self, step: Step) -> None:
        self._select_route_response(step)
        created = self._on_api("CreateRouteResponse", RouteId=self._id(r.ROUTE, step), RouteResponseKey="$default")
        self._ids[r.ROUTE_RESPONSE, step.resource.key] = created["RouteResponseId"]

    def _update_route_response(self, step: Step) -> None:
        if {change.name for change in step.changes} == {"RouteResponseSelectionExpression"}:
            self._select_route_response(step)
            return
        response_id = self._id(r.ROUTE_RESPONSE, step)
        self._on_api("DeleteRouteResponse", RouteId=self._id(r.ROUTE, step), RouteResponseId=response_id)
        self._create_route_response(step)

    def _select_route_response(self, step: Step) -> None:
        self._on_api("UpdateRoute", RouteId=self._id(r.ROUTE, step), RouteResponseSelectionExpression="$default")

    # -- deployment and stage -------------------------------------------------------------------------

    def _create_deployment(self, step: Step) -> None:
        created = self._on_api("CreateDeployment", Description=r.DEPLOYMENT_MARK + step.resource.key)
        self._ids[step.resource.name] = created["DeploymentId"]

    def _create_stage(self, step: Step) -> None:
        parameters = self._with_deployment(properties.STAGE.created(step.resource.properties))
        self._on_api("CreateStage", StageName=step.resource.key, Tags=dict(self._tags), **parameters)

    def _update_stage(self, step: Step) -> None:
        name, parameters = step.resource.key, self._with_deployment(_updated(step))
        logs = parameters.get("AccessLogSettings")
        if logs and not logs["DestinationArn"]:
            self._on_api("DeleteAccessLogSettings", StageName=name)
            del parameters["AccessLogSettings"]
        if parameters:
            self._on_api("UpdateStage", StageName=name, **parameters)

    def _with_deployment(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return ``parameters`` with AWS's id of the deployment in place of its fingerprint."""
        if "DeploymentId" in parameters:
            parameters["DeploymentId"] = self._ids[r.DEPLOYMENT, parameters["DeploymentId"]]
        return parameters

    # -- custom domain --------------------------------------------------------------------------------

    def _create_domain(self, step: Step) -> None:
        configuration = properties.DOMAIN.created(step.resource.properties)
        self._note_domain(
            self._call(
                "CreateDomainName",
                DomainName=step.resource.key,
                DomainNameConfigurations=[configuration],
                Tags=dict(self._tags),
            )
        )

    def _update_domain(self, step: Step) -> None:
        changed = _updated(step)
        parameters = {name: changed.pop(name) for name in ("RoutingMode",) if name in changed}
        if changed:
            # AWS only accepts a complete configuration.
            parameters["DomainNameConfigurations"] = [
                {**properties.DOMAIN.created(step.resource.properties), **changed}
            ]
        if parameters:
            self._note_domain(self._call("UpdateDomainName", DomainName=step.resource.key, **parameters))

    def _note_domain(self, answer: Mapping[str, Any]) -> None:
        configuration = answer["DomainNameConfigurations"][0]
        self._actual.domain_target = configuration["ApiGatewayDomainName"]
        self._actual.domain_target_zone = configuration.get("HostedZoneId", "")
        self._record({"api_gateway_domain_name": self._actual.domain_target})

    def _create_mapping(self, step: Step) -> None:
        parameters = properties.MAPPING.created(step.resource.properties)
        mapping = self._call("CreateApiMapping", DomainName=step.resource.key, **parameters)
        self._record({"api_mapping_id": mapping["ApiMappingId"], "custom_domain_created": True})

    def _update_mapping(self, step: Step) -> None:
        mapping_id = self._id(r.MAPPING, step)
        parameters = dict(step.resource.properties)
        self._call("UpdateApiMapping", DomainName=step.resource.key, ApiMappingId=mapping_id, **parameters)

    def _create_record(self, step: Step) -> None:
        # CREATE fails if somebody has created a record of this name meanwhile. UPSERT would replace it.
        self._change_records(step, {"Action": "CREATE", "ResourceRecordSet": self._alias_record(step)})

    def _move_record(self, step: Step) -> None:
        # Route 53 carries out both changes or none. It deletes a record only if the record still holds exactly this.
        old = self._actual.records[step.resource.properties["HostedZoneId"], step.resource.key]
        self._change_records(
            step,
            {"Action": "DELETE", "ResourceRecordSet": old},
            {"Action": "CREATE", "ResourceRecordSet": self._alias_record(step)},
        )

    def _delete_record(self, step: Step) -> None:
        old = self._actual.records[step.resource.properties["HostedZoneId"], step.resource.key]
        self._change_records(step, {"Action": "DELETE", "ResourceRecordSet": old})

    def _alias_record(self, step: Step) -> dict[str, Any]:
        target = {
            "HostedZoneId": self._actual.domain_target_zone,
            "DNSName": self._actual.domain_target,
            "EvaluateTargetHealth": False,
        }
        return {"Name": step.resource.key, "Type": "A", "AliasTarget": target}

    def _change_records(self, step: Step, *changes: Mapping[str, Any]) -> None:
        zone = step.resource.properties["HostedZoneId"]
        self._call("ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch={"Changes": list(changes)})

    # -- removing -------------------------------------------------------------------------------------

    def _delete(self, step: Step) -> None:
        try:
            if step.resource.kind == r.RECORD:
                self._delete_record(step)
            else:
                operation, parameters = self._deletion(step.resource)
                self._call(operation, **parameters)
        except NotFound:
            pass  # It is already gone.

    def _deletion(self, one: Resource) -> tuple[str, dict[str, Any]]:
        api = {"ApiId": self._api}
        if one.kind == r.ROUTE_RESPONSE:
            route_id = self._ids[r.ROUTE, one.key]
            return "DeleteRouteResponse", {**api, "RouteId": route_id, "RouteResponseId": self._ids[one.name]}
        if one.kind == r.ROUTE_SETTINGS:
            return "DeleteRouteSettings", {**api, "StageName": one.id, "RouteKey": one.key}
        table: Mapping[str, tuple[str, dict[str, Any]]] = {
            r.API: ("DeleteApi", api),
            r.INTEGRATION: ("DeleteIntegration", {**api, "IntegrationId": one.id}),
            r.ROUTE: ("DeleteRoute", {**api, "RouteId": one.id}),
            r.DEPLOYMENT: ("DeleteDeployment", {**api, "DeploymentId": one.id}),
            r.STAGE: ("DeleteStage", {**api, "StageName": one.id}),
            r.DOMAIN: ("DeleteDomainName", {"DomainName": one.key}),
            # Its key is DOMAIN, or DOMAIN/MAPPING-KEY if there are several.
            r.MAPPING: ("DeleteApiMapping", {"DomainName": one.key.partition("/")[0], "ApiMappingId": one.id}),
        }
        return table[one.kind]


def api_parameters(api: Resource) -> dict[str, Any]:
    """Return the parameters of CreateApi."""
    return {**properties.API.created(api.properties), "ProtocolType": "WEBSOCKET"}


def _updated(step: Step) -> dict[str, Any]:
    """Return the parameters of an update with the changes of ``step``, except those that have to be made by hand."""
    changed = {change.name: change.new for change in step.changes if not change.by_hand}
    return r.TABLES[step.resource.kind].updated(step.resource.properties, changed)


def _must_replace(step: Step) -> bool:
    """Return whether AWS has a property that an update cannot remove."""
    table, wanted = r.TABLES[step.resource.kind], step.resource.properties
    return any(change.name not in wanted and not table.get(change.name) for change in step.changes)


def _check_target(integration: Resource) -> None:
    """Raise ``InvalidGateway`` if the gateway's secret would be sent to a host that is not allowed.

    The URL was checked when somebody entered it, but a row can be changed without a form at any time.
    """
    uri = integration.properties["IntegrationUri"]
    try:
        for validate in HttpUrlField.default_validators:
            validate(uri)
    except ValidationError as error:
        text = f"The route {integration.key} was not written to AWS. {' '.join(error.messages)}"
        raise InvalidGateway(text, {"integration_url": [text]}) from None
