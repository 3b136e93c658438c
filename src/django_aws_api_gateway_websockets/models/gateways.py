"""The gateway: the API to create in AWS, and the ids that AWS returned."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Collection, Iterable

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext_lazy as _

from .. import definition, properties, protocol
from ..definition import DomainDefinition
from ..exceptions import GatewayNotCreated
from ..fields import ExactCharField, HttpUrlField
from . import validators
from .describing import describe, describe_domain

if TYPE_CHECKING:
    from django.http import HttpRequest

    from ..provisioning import Plan


class Status(models.TextChoices):
    """The outcome of the last comparison of a gateway with AWS."""

    UNKNOWN = "", _("never compared")
    IN_STEP = "in_step", _("in step")
    DIFFERS = "differs", _("differs")
    LACKS_DOMAIN = "lacks_domain", _("custom domain not created")
    NOT_CREATED = "not_created", _("not created")
    UNREACHABLE = "unreachable", _("unreachable")


#: The fields that describe the API in AWS. After an edit of one, a created gateway differs from AWS.
_DESCRIBING = {
    *(one.field for table in properties.TABLES for one in table if one.field),
    "tags",
    "target_base_endpoint",
    "two_way_replies",
    "stage_name",
    "domain_name",
    "hosted_zone_id",
    "manage_dns_record",
}


#: The fields that a view and a send read. For a message, the view loads only these.
SERVING = frozenset(
    {
        "id",
        "api_name",
        "api_id",
        "api_endpoint",
        "is_local",
        "default_channel_name",
        "route_selection_expression",
        "stage_name",
        "served_stage_name",
        "domain_name",
        "api_mapping_key",
        "mapped_domain_name",
        "mapped_key",
        "custom_domain_created",
        "disable_execute_api_endpoint",
        "execute_api_closed",
    }
)


class ApiGatewayQuerySet(models.QuerySet["ApiGateway"]):
    def update(self, **values: Any) -> int:
        """Update rows. If the values describe the API in AWS, created gateways differ from AWS from then on."""
        if _DESCRIBING.intersection(values) and "status" not in values:
            values["status"] = Case(When(api_created=True, then=Value(Status.DIFFERS)), default=F("status"))
        return super().update(**values)


class ApiGateway(models.Model):
    """A WebSocket API in AWS API Gateway, and the URL of this site that receives its events."""

    Status = Status

    api_name = models.CharField(_("API name"), max_length=128)
    api_description = models.CharField(_("API description"), max_length=1024, blank=True)
    default_channel_name = ExactCharField(
        _("default channel name"),
        max_length=255,
        blank=True,
        help_text=_("The channel for connections without the query parameter “channel”."),
    )
    target_base_endpoint = HttpUrlField(
        _("target base endpoint"),
        help_text=_("The URL where WebSocketView is mounted, without the route: https://www.example.com/ws/"),
    )
    is_local = models.BooleanField(
        _("local"),
        default=False,
        help_text=_("Create the API on the local gateway only (LOCAL_GATEWAY of the setting WEBSOCKETS)."),
    )
    domain_name = models.CharField(
        _("domain name"),
        max_length=253,
        blank=True,
        validators=[validators.domain_name, validators.check_allowed_domain],
        help_text=_("Your own domain: ws.example.com"),
    )
    certificate_arn = models.CharField(
        _("certificate ARN"),
        max_length=2048,
        blank=True,
        validators=[
            RegexValidator(
                r"^arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:\d*:\S+\Z",
                _("Enter the ARN of a certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID"),
            )
        ],
        help_text=_("A certificate of Certificate Manager (ACM) for the domain name, in the region of the API."),
    )
    api_mapping_key = models.CharField(
        _("API mapping key"),
        max_length=128,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_.+/-]+\Z", _("Letters, digits and _.+/- only."))],
        help_text=_("The path under the domain name, for several APIs on one domain: wss://ws.example.com/KEY"),
    )
    hosted_zone_id = models.CharField(
        _("hosted zone id"),
        max_length=64,
        blank=True,
        validators=[
            RegexValidator(r"^[A-Z0-9]{1,32}\Z", _("Enter the id of a Route 53 zone: Z0123456789ABC")),
            validators.check_allowed_zone,
        ],
    )
    manage_dns_record = models.BooleanField(
        _("manage the DNS record"),
        default=False,
        help_text=_("Create the alias record of the domain name in the hosted zone (Route 53)."),
    )
    api_key_selection_expression = models.CharField(
        _("API key selection expression"), max_length=128, default=properties.DEFAULT_API_KEY_SELECTION
    )
    route_selection_expression = models.CharField(
        _("route selection expression"), max_length=128, default=properties.DEFAULT_ROUTE_SELECTION
    )
    route_key = models.CharField(
        _("route key"),
        max_length=128,
        default=protocol.DEFAULT,
        help_text=_("API Gateway uses this for HTTP APIs only. It is stored and never sent."),
    )
    integration_timeout = models.PositiveIntegerField(
        _("integration timeout"),
        default=properties.DEFAULT_TIMEOUT_MILLIS,
        validators=[MinValueValidator(50), MaxValueValidator(properties.DEFAULT_TIMEOUT_MILLIS)],
        help_text=_("Milliseconds that the gateway waits for this site to answer: 50 to 29000."),
    )
    two_way_replies = models.BooleanField(
        _("two-way replies"),
        default=False,
        help_text=_(
            "Send the response of a handler back to the client. "
            "It is not documented what the client gets for an empty response."
        ),
    )
    disable_execute_api_endpoint = models.BooleanField(
        _("disable the execute-api endpoint"),
        default=False,
        help_text=_("Serve clients through the custom domain only. Messages are sent through it too."),
    )
    ip_address_type = models.CharField(
        _("IP address type"),
        max_length=16,
        default="ipv4",
        choices=[("ipv4", _("IPv4")), ("dualstack", _("IPv4 and IPv6"))],
    )
    stage_name = models.CharField(
        _("stage name"),
        max_length=128,
        blank=True,
        validators=[validators.stage_name],
        help_text=_("The default is “production”."),
    )
    stage_description = models.CharField(_("stage description"), max_length=1024, blank=True)
    stage_variables = models.JSONField(
        _("stage variables"),
        default=dict,
        blank=True,
        validators=[validators.check_stage_variables],
        help_text=_('For ${stageVariables.NAME} in integration URLs: {"version": "2"}. Keep no secrets in them.'),
    )
    throttling_rate = models.FloatField(
        _("throttling rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Requests per second over all connections. Leave empty for the account's limit."),
    )
    throttling_burst = models.PositiveIntegerField(
        _("throttling burst"),
        null=True,
        blank=True,
        help_text=_("Requests at once. Leave empty for the account's limit."),
    )
    access_log_destination = models.CharField(
        _("access log destination"),
        max_length=2048,
        blank=True,
        validators=[validators.arn],
        help_text=_("The ARN of a CloudWatch log group or a Firehose stream."),
    )
    access_log_format = models.CharField(
        _("access log format"),
        max_length=3000,
        blank=True,
        help_text=_('One line: {"requestId": "$context.requestId", "route": "$context.routeKey"}'),
    )
    logging_level = models.CharField(
        _("execution logging level"),
        max_length=5,
        default="OFF",
        choices=[("OFF", _("off")), ("ERROR", _("errors")), ("INFO", _("all events"))],
    )
    detailed_metrics = models.BooleanField(_("detailed metrics"), default=False)
    data_trace = models.BooleanField(
        _("data tracing"),
        default=False,
        help_text=_(
            "Write every message in full, with headers, to the execution log. Anyone who may read the log reads what "
            "your users send. Leave this off in production."
        ),
    )
    client_certificate_id = models.CharField(
        _("client certificate id"),
        max_length=64,
        blank=True,
        help_text=_("The client certificate that API Gateway presents to this site."),
    )
    tags = models.JSONField(
        _("tags"),
        default=dict,
        blank=True,
        validators=[validators.check_tags],
        help_text=_('Tags of the API and its resources: {"team": "web"}'),
    )

    # A row without an API has NULL and not "", so that the unique constraint allows several such rows.
    api_id = models.CharField(_("API id"), max_length=64, blank=True, null=True, default=None, unique=True)
    api_endpoint = models.CharField(_("API endpoint"), max_length=500, blank=True)
    api_gateway_domain_name = models.CharField(
        _("API gateway domain name"),
        max_length=253,
        blank=True,
        help_text=_("Point the DNS record of your domain name here."),
    )
    api_mapping_id = models.CharField(_("API mapping id"), max_length=64, blank=True)
    api_created = models.BooleanField(_("API created"), default=False)
    custom_domain_created = models.BooleanField(_("custom domain created"), default=False)

    # The owner tag of the API in AWS. Not the primary key, because the databases of two sites use the same keys.
    reference = models.UUIDField(_("reference"), default=uuid.uuid4, unique=True, editable=False)
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.UNKNOWN, editable=False
    )
    status_checked_on = models.DateTimeField(_("status checked on"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    sends_secret = models.BooleanField(
        _("sends the secret"),
        null=True,
        editable=False,
        help_text=_(
            "Whether every integration sent the gateway's secret at the last comparison. Without the secret, the "
            "view refuses events with 403."
        ),
    )
    # The state that AWS serves since the last update. The row may have changed since.
    served_stage_name = models.CharField(max_length=128, blank=True, editable=False)
    execute_api_closed = models.BooleanField(default=False, editable=False)
    # The domain that is mapped in AWS. An update removes its mapping if the row names another one.
    mapped_domain_name = models.CharField(max_length=253, blank=True, editable=False)
    mapped_hosted_zone_id = models.CharField(max_length=64, blank=True, editable=False)
    mapped_key = models.CharField(max_length=128, blank=True, editable=False)
    # The process that is changing the API in AWS, and the time when its lock ends.
    locked_by = models.CharField(max_length=64, blank=True, editable=False)
    locked_until = models.DateTimeField(null=True, editable=False)
    created_on = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_on = models.DateTimeField(_("updated on"), auto_now=True)

    objects = ApiGatewayQuerySet.as_manager()

    class Meta:
        verbose_name = _("API gateway")
        verbose_name_plural = _("API gateways")

    def __str__(self) -> str:
        return self.api_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.api_id = self.api_id or None
        if self.api_created and self.status != Status.DIFFERS and self._is_news_for_aws():
            # The next comparison with AWS shows the real state.
            self.status = Status.DIFFERS
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "status"}
        super().save(*args, **kwargs)

    def refresh_from_db(  # type: ignore[override]  # from_queryset is new in Django 5.1.
        self, using: str | None = None, fields: Iterable[str] | None = None, **kwargs: Any
    ) -> None:
        """Reload the row. To load one deferred field, load all deferred fields, in one query."""
        deferred = self.get_deferred_fields()
        if fields is not None and deferred.intersection(fields):
            fields = deferred.union(fields)
            # A replica may not know yet what the row's own database has, and save() would write that back.
            using = using or self._state.db
        super().refresh_from_db(using, fields, **kwargs)

    def _is_news_for_aws(self) -> bool:
        saved = type(self).objects.filter(pk=self.pk).first()
        return saved is not None and saved.definition(with_domain=True) != self.definition(with_domain=True)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        # A form gives None for an emptied JSON field, and Django does not validate empty values.
        self.tags, self.stage_variables = self.tags or {}, self.stage_variables or {}
        super().clean_fields(exclude)

    def clean(self) -> None:
        errors = {}
        if self.disable_execute_api_endpoint and not self.domain_name:
            errors["disable_execute_api_endpoint"] = _("Without a custom domain, clients could not reach the API.")
        if self.domain_name and not self.certificate_arn:
            errors["certificate_arn"] = _("A custom domain needs a certificate.")
        if self.manage_dns_record and not self.hosted_zone_id:
            errors["hosted_zone_id"] = _("Enter the hosted zone that gets the DNS record.")
        if self.access_log_destination and not self.access_log_format:
            errors["access_log_format"] = _("Access logs need a format.")
        if errors:
            raise ValidationError(errors)

    @property
    def stage(self) -> str:
        """The name of the stage; ``production`` by default."""
        return self.stage_name or definition.DEFAULT_STAGE

    @property
    def connections_url(self) -> str:
        """The URL of ``@connections`` for the stage that is served, at AWS's endpoint or the custom domain."""
        return self.connections_url_for("")

    def connections_url_for(self, stage: str) -> str:
        """Return the URL of ``@connections`` for connections that came through ``stage``; ``""`` is the stage served.

        The custom domain is mapped to the stage that is served. Clients reach other stages through AWS's own endpoint.
        Raise ``GatewayNotCreated`` if there is no API yet.
        """
        # The domain works before the endpoint is disabled, and until it is enabled again.
        closed = self.disable_execute_api_endpoint or self.execute_api_closed
        is_served = stage in ("", self._served_stage)
        if is_served and self.custom_domain_created and (closed or not self.api_endpoint):
            return f"https://{self._domain_path}"
        if self.api_endpoint:
            return protocol.connections_url(self.api_endpoint, stage or self._served_stage)
        raise GatewayNotCreated(
            f"The gateway {self.api_name!r} has no API endpoint, so nothing can be sent through it. "
            f"Run createApiGateway --pk={self.pk}."
        )

    @property
    def websocket_url(self) -> str:
        """The URL that a browser connects to; empty before the API is created."""
        if self.custom_domain_created and self._domain_path:
            return f"wss://{self._domain_path}"
        return f"{self.api_endpoint}/{self._served_stage}" if self.api_endpoint else ""

    def websocket_url_for(self, request: HttpRequest) -> str:
        """Return ``websocket_url`` for the page of ``request``: a local gateway is reached under the page's own host.

        A browser keeps the login of ``localhost`` and of ``127.0.0.1`` apart, so the socket must have the same host.
        """
        return protocol.same_loopback_host(self.websocket_url, request.get_host())

    @property
    def _served_stage(self) -> str:
        return self.served_stage_name or self.stage

    @property
    def _domain_path(self) -> str:
        mapped = self.mapped_domain_name, self.mapped_key
        name, key = mapped if self.mapped_domain_name else (self.domain_name, self.api_mapping_key)
        return f"{name}/{key}" if key else name

    @property
    def console_url(self) -> str:
        """The API's page in the AWS console; empty if there is none, as for a local gateway."""
        region = protocol.parse_connections_url(self.api_endpoint.replace("wss:", "https:", 1)).region
        if not self.api_id or not region:
            return ""
        suffix = "amazonaws.cn" if region.startswith("cn-") else "aws.amazon.com"
        return f"https://{region}.console.{suffix}/apigateway/main/develop/routes?api={self.api_id}&region={region}"

    @property
    def may_be_in_aws(self) -> bool:
        """Whether AWS has an API for this row, or may have one because the answer to its creation was lost."""
        return bool(self.api_id) or self.status == Status.DIFFERS

    @property
    def has_domain(self) -> bool:
        """Whether the creation of the custom domain has begun. Plans include the domain from then on."""
        return bool(self.domain_name and (self.custom_domain_created or self.api_gateway_domain_name))

    @property
    def lacks_domain(self) -> bool:
        """Whether the row names a custom domain that still has to be created with ``createCustomDomain``."""
        return bool(self.domain_name) and not self.has_domain

    def definition(self, with_domain: bool = False) -> definition.ApiDefinition:
        """Return the API that this row asks for. ``with_domain`` includes a custom domain whose creation has not begun.

        Its integrations hold the gateway's secret, which follows from the API id. Without an API id, a placeholder
        stands for the secret, and the definition can only be shown.
        """
        return describe(self, with_domain)

    def domain_definition(self, with_domain: bool = False) -> DomainDefinition | None:
        """Return the custom domain if its creation has begun. With ``with_domain``, return it before that too."""
        return describe_domain(self) if with_domain or self.has_domain else None

    def create_gateway(self) -> None:
        """Create the API in AWS, or continue an earlier attempt. Raises ``WebSocketsError``."""
        from ..provisioning import update_gateway

        update_gateway(self)

    def create_custom_domain(self) -> None:
        """Create the custom domain and its mapping in AWS. Raises ``WebSocketsError``."""
        from ..provisioning import update_gateway

        update_gateway(self, with_domain=True)

    def plan(self) -> Plan:
        """Return what ``updateApiGateway`` would do. The plan is empty if AWS already matches this row.

        Raises ``WebSocketsError``.
        """
        from ..provisioning import plan_gateway

        return plan_gateway(self)
