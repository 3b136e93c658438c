"""The table of gateway properties: for each, the row's field, AWS's name and AWS's default.

Everything that reads, writes, compares, imports or exports a property takes it from here. To add a property, add the
field to the model with a migration, to one of the tables below, to the admin's fieldsets, and to the docs.

In its flat form, a nested property has a dot in its name. ``"DefaultRouteSettings.LoggingLevel"`` is the member
``LoggingLevel`` of the structure ``DefaultRouteSettings``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping

from . import protocol

DEFAULT_ROUTE_SELECTION = "$request.body.action"
DEFAULT_API_KEY_SELECTION = "$request.header.x-api-key"
DEFAULT_TIMEOUT_MILLIS = int(protocol.INTEGRATION_TIMEOUT * 1000)
#: AWS's quotas for an account. They apply to a stage without its own throttling.
ACCOUNT_RATE, ACCOUNT_BURST = 10000.0, 5000

_EMPTY: tuple[Any, ...] = (None, "", False, {}, [])


@dataclass(frozen=True)
class Property:
    """One property of a resource in AWS.

    ``name``: AWS's name. ``field``: the row's field; empty for a property that no field describes. ``fixed``: the value
    that every gateway has, if no field describes it. ``default``: AWS's value if nobody set one. Creating a resource
    leaves it out. ``unset``: the value to write for ``default``, if AWS cannot remove a value. ``is_map``: a map of
    strings. AWS merges it into the existing map, and ``""`` removes a key. ``needs``: another property that AWS
    requires together with this one. ``deployed``: takes effect with the next deployment only.
    """

    name: str
    field: str = ""
    fixed: Any = None
    default: Any = None
    unset: Any = None
    is_map: bool = False
    needs: str = ""
    deployed: bool = False

    def folded(self, value: Any) -> Any:
        """Return ``value``, or ``default`` if ``value`` means the same."""
        return self.default if value in (None, "") or value == self.unset else value


@dataclass(frozen=True)
class Table:
    """The properties of one kind of resource.

    ``filled``: properties that AWS fills in and a gateway never changes. Another value is drift. ``ignored``:
    identifiers, dates and states. A property that is in none of the three is drift too.
    """

    properties: tuple[Property, ...]
    filled: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Property]:
        return iter(self.properties)

    def get(self, name: str) -> Property | None:
        """Return the property ``name``. For a key of a map, return the map."""
        return next((one for one in self if one.name == name or (one.is_map and name.startswith(one.name + "."))), None)

    def may_write(self, name: str) -> bool:
        """Return whether an update can write ``name``."""
        return self.get(name) is not None or name in self.filled

    def described(self, row: Any) -> dict[str, Any]:
        """Return what the fields of ``row`` ask for, with AWS's names."""
        found: dict[str, Any] = {}
        for one in self:
            if one.is_map:
                found.update(flat(one.name, getattr(row, one.field) if one.field else None))
            elif one.field or one.fixed is not None:
                needed = found[one.needs] if one.needs else True
                found[one.name] = (
                    one.folded(getattr(row, one.field) if one.field else one.fixed) if needed else one.default
                )
        return found

    def observed(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values in AWS's ``answer``, in the form of ``described``.

        Include everything that differs from it.
        """
        left = flat("", {name: value for name, value in answer.items() if name not in self.ignored})
        found: dict[str, Any] = {}
        for one in self:
            if not one.is_map:
                found[one.name] = one.folded(left.pop(one.name, None))
        differing = {name: value for name, value in left.items() if value not in _EMPTY}
        return {**found, **{name: value for name, value in differing.items() if self.filled.get(name) != value}}

    def row_values(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the row's fields that ask for ``properties``."""
        return {
            one.field: nested(properties, one.name) if one.is_map else properties[one.name] for one in self if one.field
        }

    def created(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a call that creates a resource with ``properties``."""
        return grouped({name: value for name, value in properties.items() if value != self.default(name)})

    def updated(self, properties: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a call that writes ``changed``, new values by name. None removes a value.

        If a member of a structure changes, the whole structure is written, because AWS may replace it with what it
        receives.
        """
        written = {name: self._reset(name) if new is None else new for name, new in changed.items()}
        members = {name.partition(".")[0] for name in changed}
        whole = {name: value for name, value in properties.items() if name.partition(".")[0] in members}
        return grouped({name: value for name, value in {**whole, **written}.items() if value is not None})

    def default(self, name: str) -> Any:
        """Return the value that ``name`` has in AWS if nobody set one."""
        one = self.get(name)
        return "" if one is None or one.is_map else one.default

    def _reset(self, name: str) -> Any:
        one = self.get(name)
        if one is None:
            return self.filled[name]
        return "" if one.is_map else one.unset


_MANAGED = {"ApiGatewayManaged": False}

API = Table(
    (
        Property("Name", "api_name"),
        Property("Description", "api_description", default=""),
        Property("RouteSelectionExpression", "route_selection_expression", deployed=True),
        Property(
            "ApiKeySelectionExpression",
            "api_key_selection_expression",
            default=DEFAULT_API_KEY_SELECTION,
            deployed=True,
        ),
        Property("DisableExecuteApiEndpoint", "disable_execute_api_endpoint", default=False, deployed=True),
        # Old releases of boto3 do not know this property, so the default must not be sent.
        Property("IpAddressType", "ip_address_type", default="ipv4"),
    ),
    filled={"DisableSchemaValidation": False, **_MANAGED},
    # The version is a label for people. AWS cannot remove it.
    ignored=("ApiId", "ApiEndpoint", "CreatedDate", "ImportInfo", "ProtocolType", "Tags", "Version", "Warnings"),
)

INTEGRATION = Table(
    (
        Property("IntegrationType", fixed="HTTP_PROXY"),
        Property("IntegrationMethod", fixed="POST"),
        Property("IntegrationUri"),
        Property("TimeoutInMillis", "integration_timeout"),
        Property("RequestParameters", is_map=True),
    ),
    filled={
        "ConnectionType": "INTERNET",
        "IntegrationResponseSelectionExpression": "${integration.response.statuscode}",
        "PassthroughBehavior": "WHEN_NO_MATCH",
        # The AWS console writes it.
        "TemplateSelectionExpression": "\\$default",
        **_MANAGED,
    },
    # The format version only matters for HTTP APIs.
    ignored=("IntegrationId", "PayloadFormatVersion"),
)

ROUTE = Table(
    (),
    filled={"ApiKeyRequired": False, "AuthorizationType": "NONE", **_MANAGED},
    # The target is compared as the integration that it names. The selection expression is compared with the route
    # response.
    ignored=("RouteId", "RouteKey", "RouteResponseSelectionExpression", "Target"),
)

ROUTE_RESPONSE = Table((), ignored=("RouteResponseId", "RouteResponseKey"))

STAGE = Table(
    (
        Property("Description", "stage_description", default=""),
        Property("ClientCertificateId", "client_certificate_id", default=""),
        Property("DefaultRouteSettings.DataTraceEnabled", "data_trace", default=False),
        Property("DefaultRouteSettings.DetailedMetricsEnabled", "detailed_metrics", default=False),
        Property("DefaultRouteSettings.LoggingLevel", "logging_level", default="OFF"),
        Property("DefaultRouteSettings.ThrottlingRateLimit", "throttling_rate", unset=ACCOUNT_RATE),
        Property("DefaultRouteSettings.ThrottlingBurstLimit", "throttling_burst", unset=ACCOUNT_BURST),
        Property("AccessLogSettings.DestinationArn", "access_log_destination", default=""),
        Property("AccessLogSettings.Format", "access_log_format", default="", needs="AccessLogSettings.DestinationArn"),
        Property("StageVariables", "stage_variables", is_map=True),
    ),
    filled={"AutoDeploy": False, **_MANAGED},
    ignored=(
        # The deployment is compared by its contents. Settings of single routes are separate resources.
        "DeploymentId",
        "RouteSettings",
        "CreatedDate",
        "LastDeploymentStatusMessage",
        "LastUpdatedDate",
        "StageName",
        "Tags",
    ),
)

#: A custom domain, with the members of its first configuration.
DOMAIN = Table(
    (
        Property("CertificateArn", "certificate_arn"),
        Property("EndpointType", fixed="REGIONAL"),
        Property("SecurityPolicy", fixed="TLS_1_2"),
    ),
    filled={
        "IpAddressType": "ipv4",
        "RoutingMode": "API_MAPPING_ONLY",
        **_MANAGED,
    },
    ignored=(
        "ApiGatewayDomainName",
        # It can have one value only.
        "ApiMappingSelectionExpression",
        "CertificateUploadDate",
        "DomainName",
        "DomainNameArn",
        "DomainNameStatus",
        "DomainNameStatusMessage",
        "HostedZoneId",
        "Tags",
    ),
)

MAPPING = Table(
    (Property("ApiId"), Property("Stage"), Property("ApiMappingKey", "api_mapping_key", default="")),
    ignored=("ApiMappingId",),
)

TABLES = (API, INTEGRATION, ROUTE, ROUTE_RESPONSE, STAGE, DOMAIN, MAPPING)

# AWS's answers that the row keeps, by field, with each field's value while nothing is known.
_API_FACTS: Mapping[str, Any] = {
    "api_id": None,
    "api_endpoint": "",
    "api_created": False,
    "sends_secret": None,
    "served_stage_name": "",
    "execute_api_closed": False,
}
_MAPPING_FACTS: Mapping[str, Any] = {"api_mapping_id": "", "custom_domain_created": False}
_DOMAIN_FACTS: Mapping[str, Any] = {
    "api_gateway_domain_name": "",
    "mapped_domain_name": "",
    "mapped_hosted_zone_id": "",
    "mapped_key": "",
}
#: A custom domain outlives its API. It is mapped to the next API, or removed with the rest.
WITHOUT_API: Mapping[str, Any] = {**_API_FACTS, **_MAPPING_FACTS}
WITHOUT_DOMAIN: Mapping[str, Any] = {**_MAPPING_FACTS, **_DOMAIN_FACTS}
#: The facts of a row that has nothing in AWS. Its keys are all the facts that exist.
WITHOUT_ANYTHING: Mapping[str, Any] = {**WITHOUT_API, **WITHOUT_DOMAIN}


def flat(name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``{"a": 1}`` as ``{"NAME.a": 1}``, at every depth. A key with an empty string has been removed."""
    found: dict[str, Any] = {}
    for key, value in (values or {}).items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            found.update(flat(path, value))
        elif value != "" or not name:
            found[path] = value
    return found


def nested(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the map that ``flat`` put under ``name``."""
    return {key[len(name) + 1 :]: value for key, value in properties.items() if key.startswith(name + ".")}


def grouped(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat properties as the parameters of a call: ``{"A.b": 1}`` as ``{"A": {"b": 1}}``."""
    found: dict[str, Any] = {}
    for name, value in properties.items():
        member, dot, key = name.partition(".")
        if dot:
            found.setdefault(member, {})[key] = value
        else:
            found[member] = value
    return found
