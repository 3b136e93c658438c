"""Every AWS operation that provisioning uses. No other can be called, and the IAM policy is derived from this list.

API Gateway authorises an operation by its HTTP method on the path of the resource.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

APIGATEWAY, ROUTE53 = "apigatewayv2", "route53"


class Operation(NamedTuple):
    """``path`` is the resource path that IAM checks. ``*`` stands for an identifier."""

    action: str
    path: str


_API, _DOMAIN = "/apis/*", "/domainnames/*"

OPERATIONS: Mapping[str, Operation] = {
    "GetApis": Operation("apigateway:GET", "/apis"),
    "CreateApi": Operation("apigateway:POST", "/apis"),
    "GetApi": Operation("apigateway:GET", _API),
    "UpdateApi": Operation("apigateway:PATCH", _API),
    "DeleteApi": Operation("apigateway:DELETE", _API),
    "GetIntegrations": Operation("apigateway:GET", _API + "/integrations"),
    "CreateIntegration": Operation("apigateway:POST", _API + "/integrations"),
    "UpdateIntegration": Operation("apigateway:PATCH", _API + "/integrations/*"),
    "DeleteIntegration": Operation("apigateway:DELETE", _API + "/integrations/*"),
    "GetRoutes": Operation("apigateway:GET", _API + "/routes"),
    "CreateRoute": Operation("apigateway:POST", _API + "/routes"),
    "UpdateRoute": Operation("apigateway:PATCH", _API + "/routes/*"),
    "DeleteRoute": Operation("apigateway:DELETE", _API + "/routes/*"),
    "GetRouteResponses": Operation("apigateway:GET", _API + "/routes/*/routeresponses"),
    "CreateRouteResponse": Operation("apigateway:POST", _API + "/routes/*/routeresponses"),
    "DeleteRouteResponse": Operation("apigateway:DELETE", _API + "/routes/*/routeresponses/*"),
    "GetDeployments": Operation("apigateway:GET", _API + "/deployments"),
    "CreateDeployment": Operation("apigateway:POST", _API + "/deployments"),
    "DeleteDeployment": Operation("apigateway:DELETE", _API + "/deployments/*"),
    "GetStages": Operation("apigateway:GET", _API + "/stages"),
    "CreateStage": Operation("apigateway:POST", _API + "/stages"),
    "UpdateStage": Operation("apigateway:PATCH", _API + "/stages/*"),
    "DeleteStage": Operation("apigateway:DELETE", _API + "/stages/*"),
    "DeleteRouteSettings": Operation("apigateway:DELETE", _API + "/stages/*/routesettings/*"),
    "DeleteAccessLogSettings": Operation("apigateway:DELETE", _API + "/stages/*/accesslogsettings"),
    "GetTags": Operation("apigateway:GET", "/tags/*"),
    "TagResource": Operation("apigateway:POST", "/tags/*"),
    "UntagResource": Operation("apigateway:DELETE", "/tags/*"),
    "CreateDomainName": Operation("apigateway:POST", "/domainnames"),
    "GetDomainNames": Operation("apigateway:GET", "/domainnames"),
    "GetDomainName": Operation("apigateway:GET", _DOMAIN),
    "UpdateDomainName": Operation("apigateway:PATCH", _DOMAIN),
    "DeleteDomainName": Operation("apigateway:DELETE", _DOMAIN),
    "GetApiMappings": Operation("apigateway:GET", _DOMAIN + "/apimappings"),
    "CreateApiMapping": Operation("apigateway:POST", _DOMAIN + "/apimappings"),
    "UpdateApiMapping": Operation("apigateway:PATCH", _DOMAIN + "/apimappings/*"),
    "DeleteApiMapping": Operation("apigateway:DELETE", _DOMAIN + "/apimappings/*"),
    "ListResourceRecordSets": Operation("route53:ListResourceRecordSets", "hostedzone/*"),
    "ChangeResourceRecordSets": Operation("route53:ChangeResourceRecordSets", "hostedzone/*"),
}

SERVICES: Mapping[str, str] = {
    name: ROUTE53 if operation.action.startswith("route53:") else APIGATEWAY for name, operation in OPERATIONS.items()
}


def iam_resource(operation: str) -> tuple[str, str]:
    """Return the IAM action that ``operation`` needs, and the path of the resource."""
    return OPERATIONS[operation]
