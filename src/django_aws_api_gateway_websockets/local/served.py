"""The members of each resource that the local gateway supports. It refuses all others in botocore's model.

A setting that AWS obeys and the local gateway ignores would work on your laptop and fail in AWS. It could even allow
on your laptop what AWS refuses.
"""

from __future__ import annotations

from typing import Any, Mapping

from .error_answers import BadRequest

#: Members that have the same effect as in AWS.
_SERVED: Mapping[str, str] = {
    "Api": "Name ProtocolType RouteSelectionExpression DisableExecuteApiEndpoint Tags",
    "Integration": "IntegrationType IntegrationMethod IntegrationUri TimeoutInMillis RequestParameters RequestTemplates"
    " PayloadFormatVersion",
    "IntegrationResponse": "IntegrationResponseKey ResponseTemplates",
    "Route": "RouteKey Target RequestParameters",
    "RouteResponse": "RouteResponseKey",
    "Stage": "StageName AutoDeploy DeploymentId StageVariables Tags",
    "Deployment": "StageName",
    "DomainName": "DomainName Tags",
    "ApiMapping": "ApiId Stage ApiMappingKey",
}

#: Members that are kept and returned, without effect. They describe, observe or slow down, or concern TLS. None of them
#: decides which requests pass or what a backend receives.
_KEPT: Mapping[str, str] = {
    "Api": "ApiKeySelectionExpression Description DisableSchemaValidation IpAddressType Version",
    "Integration": "Description",
    "Route": "OperationName",
    "Stage": "AccessLogSettings ClientCertificateId DefaultRouteSettings Description RouteSettings",
    "Deployment": "Description",
    "DomainName": "DomainNameConfigurations",
}

#: Members with only these values. AWS fills in most of them by itself.
_ONLY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Integration": {
        "ConnectionType": ("INTERNET",),
        "PassthroughBehavior": ("WHEN_NO_MATCH",),
        "TemplateSelectionExpression": ("\\$default", "$default"),
    },
    "IntegrationResponse": {"TemplateSelectionExpression": ("\\$default", "$default")},
    "Route": {"AuthorizationType": ("NONE",), "RouteResponseSelectionExpression": ("$default",)},
    "DomainName": {"RoutingMode": ("API_MAPPING_ONLY",)},
}


def check_served(kind: str, given: Mapping[str, Any]) -> None:
    """Raise BadRequest if the input ``given`` asks for something that the local gateway does not do."""
    free = {*_SERVED[kind].split(), *_KEPT.get(kind, "").split()}
    only = _ONLY.get(kind, {})
    for name, value in given.items():
        if name in free or not value:
            continue
        if name not in only:
            raise BadRequest(f"The local gateway does not serve {name} of {kind} resources. Leave it out.")
        if value not in only[name]:
            expected = " or ".join(only[name])
            raise BadRequest(f"The local gateway does not serve {name} {value!r} of {kind} resources, only {expected}.")
