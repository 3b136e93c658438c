"""The gateway, described: what to create in AWS, and the ids that AWS gave."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Collection

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import definition, protocol
from ..definition import DomainDefinition
from ..exceptions import GatewayNotCreated
from ..fields import ExactCharField, HttpUrlField
from . import validators
from .describing import describe

if TYPE_CHECKING:
    from django.http import HttpRequest

    from ..provisioning import Plan


class Status(models.TextChoices):
    """What the last look at AWS found."""

    UNKNOWN = "", _("not looked at")
    IN_STEP = "in_step", _("in step")
    DIFFERS = "differs", _("differs")
    LACKS_DOMAIN = "lacks_domain", _("custom domain not created")
    NOT_CREATED = "not_created", _("not created")
    UNREACHABLE = "unreachable", _("unreachable")


class ApiGateway(models.Model):
    """A WebSocket API in AWS API Gateway, and the way from it to this site."""

    Status = Status

    api_name = models.CharField(_("API name"), max_length=128)
    api_description = models.CharField(_("API description"), max_length=1024, blank=True)
    default_channel_name = ExactCharField(
        _("default channel name"),
        max_length=255,
        blank=True,
        help_text=_("The channel of connections that name none in the query parameter “channel”."),
    )
    target_base_endpoint = HttpUrlField(
        _("target base endpoint"),
        help_text=_("Where WebSocketView is mounted, without the route: https://www.example.com/ws/"),
    )
    is_local = models.BooleanField(
        _("local"),
        default=False,
        help_text=_("Create the API on the local gateway (LOCAL_GATEWAY of the setting WEBSOCKETS), and never in AWS."),
    )
    domain_name = models.CharField(
        _("domain name"),
        max_length=253,
        blank=True,
        validators=[validators.domain_name],
        help_text=_("A domain of your own: ws.example.com"),
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
        help_text=_("A certificate of AWS Certificate Manager for the domain name, in the region of the API."),
    )
    api_mapping_key = models.CharField(
        _("API mapping key"),
        max_length=128,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_.+/-]+\Z", _("Letters, digits and _.+/- only."))],
        help_text=_("The path under the domain name, where several APIs share it: wss://ws.example.com/KEY"),
    )
    hosted_zone_id = models.CharField(
        _("hosted zone id"),
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"^[A-Z0-9]{1,32}\Z", _("Enter the id of a Route 53 zone: Z0123456789ABC"))],
    )
    manage_dns_record = models.BooleanField(
        _("manage the DNS record"),
        default=False,
        help_text=_("Write the alias record of the domain name into the hosted zone (Route 53)."),
    )
    api_key_selection_expression = models.CharField(
        _("API key selection expression"), max_length=128, default="$request.header.x-api-key"
    )
    route_selection_expression = models.CharField(
        _("route selection expression"), max_length=128, default=definition.DEFAULT_ROUTE_SELECTION
    )
    route_key = models.CharField(
        _("route key"),
        max_length=128,
        default=protocol.DEFAULT,
        help_text=_("AWS takes it for HTTP APIs only: it is kept, and never sent."),
    )
    integration_timeout = models.PositiveIntegerField(
        _("integration timeout"),
        default=definition.DEFAULT_TIMEOUT_MILLIS,
        validators=[MinValueValidator(50), MaxValueValidator(definition.DEFAULT_TIMEOUT_MILLIS)],
        help_text=_("Milliseconds that the gateway waits for this site to answer: 50 to 29000."),
    )
    two_way_replies = models.BooleanField(
        _("two-way replies"),
        default=False,
        help_text=_("Send what a handler returns back to the client. What an empty answer sends is not documented."),
    )
    disable_execute_api_endpoint = models.BooleanField(
        _("disable the execute-api endpoint"),
        default=False,
        help_text=_("Only the custom domain is served then; messages are sent through it too."),
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
        help_text=_("“production” when empty."),
    )
    stage_description = models.CharField(_("stage description"), max_length=1024, blank=True)
    stage_variables = models.JSONField(
        _("stage variables"),
        default=dict,
        blank=True,
        validators=[validators.check_stage_variables],
        help_text=_('For ${stageVariables.NAME} in integration URLs: {"version": "2"}. AWS advises against secrets.'),
    )
    throttling_rate = models.FloatField(
        _("throttling rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Requests a second, over all connections; empty: the account's limit."),
    )
    throttling_burst = models.PositiveIntegerField(
        _("throttling burst"), null=True, blank=True, help_text=_("Requests at once; empty: the account's limit.")
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
    client_certificate_id = models.CharField(
        _("client certificate id"),
        max_length=64,
        blank=True,
        help_text=_("The certificate by which the gateway shows itself to this site."),
    )
    tags = models.JSONField(
        _("tags"),
        default=dict,
        blank=True,
        validators=[validators.check_tags],
        help_text=_('Sent to AWS: {"team": "web"}'),
    )

    # Null rather than empty while there is no API, so that the database keeps one row to an API.
    api_id = models.CharField(_("API id"), max_length=64, blank=True, null=True, default=None, unique=True)
    api_endpoint = models.CharField(_("API endpoint"), max_length=500, blank=True)
    api_gateway_domain_name = models.CharField(
        _("API gateway domain name"),
        max_length=253,
        blank=True,
        help_text=_("Where the DNS record of your domain name must point."),
    )
    api_mapping_id = models.CharField(_("API mapping id"), max_length=64, blank=True)
    api_created = models.BooleanField(_("API created"), default=False)
    custom_domain_created = models.BooleanField(_("custom domain created"), default=False)

    # The owner's mark on the API in AWS. Not the primary key: two sites' databases have the same ones.
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
        help_text=_("Whether every integration in AWS carried the secret at the last look; without it events get 403."),
    )
    # What AWS was last brought to serve: the row may say something else by now. Empty where that was done by hand.
    served_stage_name = models.CharField(max_length=128, blank=True, editable=False)
    execute_api_closed = models.BooleanField(default=False, editable=False)
    # The domain that was mapped, which is to be left when the row names another.
    mapped_domain_name = models.CharField(max_length=253, blank=True, editable=False)
    mapped_hosted_zone_id = models.CharField(max_length=64, blank=True, editable=False)
    mapped_key = models.CharField(max_length=128, blank=True, editable=False)
    # Who changes the API in AWS right now, and until when that is to be believed.
    locked_by = models.CharField(max_length=64, blank=True, editable=False)
    locked_until = models.DateTimeField(null=True, editable=False)
    created_on = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_on = models.DateTimeField(_("updated on"), auto_now=True)

    class Meta:
        verbose_name = _("API gateway")
        verbose_name_plural = _("API gateways")

    def __str__(self) -> str:
        return self.api_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.api_id = self.api_id or None
        if self.api_created and self.status != Status.DIFFERS and self._is_news_for_aws():
            # So says the row; the next look at AWS says it for certain.
            self.status = Status.DIFFERS
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "status"}
        super().save(*args, **kwargs)

    def _is_news_for_aws(self) -> bool:
        saved = type(self).objects.filter(pk=self.pk).first()
        return saved is not None and saved.definition(with_domain=True) != self.definition(with_domain=True)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        # An emptied JSON field of a form is None; validators are not asked about what is empty.
        self.tags, self.stage_variables = self.tags or {}, self.stage_variables or {}
        super().clean_fields(exclude)

    def clean(self) -> None:
        errors = {}
        if self.disable_execute_api_endpoint and not self.domain_name:
            errors["disable_execute_api_endpoint"] = _("Without a custom domain the API could not be reached.")
        if self.domain_name and not self.certificate_arn:
            errors["certificate_arn"] = _("A custom domain needs a certificate.")
        if self.manage_dns_record and not self.hosted_zone_id:
            errors["hosted_zone_id"] = _("Which zone shall the DNS record be written into?")
        if self.access_log_destination and not self.access_log_format:
            errors["access_log_format"] = _("Access logs need a format.")
        if errors:
            raise ValidationError(errors)

    @property
    def stage(self) -> str:
        """The stage's name; ``production`` where none was given."""
        return self.stage_name or definition.DEFAULT_STAGE

    @property
    def connections_url(self) -> str:
        """Where ``@connections`` of this gateway is: derived from what AWS returned, or the custom domain."""
        # A domain serves before the endpoint is closed, and until it is opened again.
        closed = self.disable_execute_api_endpoint or self.execute_api_closed
        if self.custom_domain_created and (closed or not self.api_endpoint):
            return f"https://{self._domain_path}"
        if self.api_endpoint:
            return protocol.connections_url(self.api_endpoint, self._served_stage)
        raise GatewayNotCreated(
            f"The gateway {self.api_name!r} has no API endpoint, so nothing can be sent through it. "
            f"Run createApiGateway --pk={self.pk}."
        )

    @property
    def websocket_url(self) -> str:
        """What a browser connects to; empty before the API is created."""
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
        """The API's page in the AWS console; empty where there is none, as with a local gateway."""
        region = protocol.parse_connections_url(self.api_endpoint.replace("wss:", "https:", 1)).region
        if not self.api_id or not region:
            return ""
        suffix = "amazonaws.cn" if region.startswith("cn-") else "aws.amazon.com"
        return f"https://{region}.console.{suffix}/apigateway/main/develop/routes?api={self.api_id}&region={region}"

    @property
    def may_be_in_aws(self) -> bool:
        """Whether AWS has an API of this row, or may have one: its creation was begun, and no answer was heard."""
        return bool(self.api_id) or self.status == Status.DIFFERS

    @property
    def has_domain(self) -> bool:
        """Whether a custom domain was begun, so that plans look at it."""
        return bool(self.domain_name and (self.custom_domain_created or self.api_gateway_domain_name))

    @property
    def lacks_domain(self) -> bool:
        """Whether the row names a custom domain that was not begun: plans leave it to ``createCustomDomain``."""
        return bool(self.domain_name) and not self.has_domain

    def definition(self, with_domain: bool = False) -> definition.ApiDefinition:
        """The API that this row asks for; ``with_domain`` also where its custom domain was not begun.

        Its integrations carry the secret, which follows from the API id: before there is one, a
        placeholder stands in its place, and the definition is good for showing only.
        """
        return describe(self, with_domain)

    def domain_definition(self, with_domain: bool = False) -> DomainDefinition | None:
        """The custom domain, once it was begun; ``with_domain`` also before."""
        if not with_domain and not self.has_domain:
            return None
        zone = self.hosted_zone_id if self.manage_dns_record else ""
        return DomainDefinition(self.domain_name, self.certificate_arn, self.api_mapping_key, zone)

    def create_gateway(self) -> None:
        """Create the API in AWS, or go on where an earlier attempt stopped. Raises ``WebSocketsError``."""
        from ..provisioning import update_gateway

        update_gateway(self)

    def create_custom_domain(self) -> None:
        """Create the custom domain and its mapping in AWS. Raises ``WebSocketsError``."""
        from ..provisioning import update_gateway

        update_gateway(self, with_domain=True)

    def plan(self) -> Plan:
        """What ``updateApiGateway`` would do; empty when AWS has what this row says. Raises ``WebSocketsError``."""
        from ..provisioning import plan_gateway

        return plan_gateway(self)
