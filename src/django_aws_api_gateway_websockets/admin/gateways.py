from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from ..models import ApiGateway, ApiGatewayAdditionalRoute
from ..models.deletion import why_gateway_stays
from . import doctor_page, operations, plan_page

AWS_FIELDS = (
    # The result of the last comparison, and its time. Opening a page does not query AWS.
    "status",
    "status_checked_on",
    "last_error",
    "sends_secret",
    "api_created",
    "api_id",
    "api_endpoint",
    "websocket_url",
    "console_link",
    "custom_domain_created",
    "api_gateway_domain_name",
    "api_mapping_id",
    "created_on",
    "updated_on",
)


class AdditionalRouteInline(admin.TabularInline):  # type: ignore[type-arg]
    model = ApiGatewayAdditionalRoute
    extra = 0
    fields = ("name", "route_key", "integration_url", "deployed")
    readonly_fields = ("deployed",)


@admin.register(ApiGateway)
class ApiGatewayAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (
        "api_name",
        "status_badge",
        "last_look",
        "is_api_created",
        "is_custom_domain_created",
        "sends_secret",
        "websocket_url",
    )
    list_filter = ("status", "is_local", "sends_secret", "api_created", "custom_domain_created")
    search_fields = ("api_name", "api_id", "domain_name")
    readonly_fields = AWS_FIELDS
    inlines = (AdditionalRouteInline,)
    change_form_template = "admin/django_aws_api_gateway_websockets/gateway_form.html"
    actions = (
        "create_api_gateway",
        "create_custom_domain",
        "check_api_gateway",
        "plan_api_gateway",
        "update_api_gateway",
        "delete_api_gateway",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "api_name",
                    "api_description",
                    "target_base_endpoint",
                    "is_local",
                    "default_channel_name",
                    "tags",
                )
            },
        ),
        (_("Stage"), {"fields": ("stage_name", "stage_description", "throttling_rate", "throttling_burst")}),
        (
            _("Custom domain"),
            {
                "fields": (
                    "domain_name",
                    "certificate_arn",
                    "api_mapping_key",
                    "hosted_zone_id",
                    "manage_dns_record",
                    "disable_execute_api_endpoint",
                )
            },
        ),
        (
            _("Logs and metrics"),
            {
                "classes": ("collapse",),
                "fields": (
                    "access_log_destination",
                    "access_log_format",
                    "logging_level",
                    "data_trace",
                    "detailed_metrics",
                ),
            },
        ),
        (
            _("Routing"),
            {
                "classes": ("collapse",),
                "fields": (
                    "route_selection_expression",
                    "two_way_replies",
                    "integration_timeout",
                    "stage_variables",
                    "client_certificate_id",
                    "ip_address_type",
                    "route_key",
                    "api_key_selection_expression",
                ),
            },
        ),
        (_("The API"), {"fields": AWS_FIELDS}),
    )

    class Media:
        css = {"all": ["django_aws_api_gateway_websockets/plan.css"]}

    # -- what is in AWS -------------------------------------------------------------------------------

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, gateway: ApiGateway) -> SafeString:
        return format_html(
            '<span class="gateway-badge {}">{}</span>', gateway.status or "unknown", gateway.get_status_display()
        )

    @admin.display(description=_("last compared"), ordering="status_checked_on", empty_value="-")
    def last_look(self, gateway: ApiGateway) -> str | None:
        if gateway.status_checked_on is None:
            return None
        return _("%s ago") % timesince(gateway.status_checked_on, depth=1)

    @admin.display(description=_("API Created"), boolean=True, ordering="api_created")
    def is_api_created(self, gateway: ApiGateway) -> bool:
        return gateway.api_created

    @admin.display(description=_("Custom Domain Created"), boolean=True, ordering="custom_domain_created")
    def is_custom_domain_created(self, gateway: ApiGateway) -> bool:
        return gateway.custom_domain_created

    @admin.display(description=_("AWS console"))
    def console_link(self, gateway: ApiGateway) -> str | SafeString:
        if not gateway.console_url:
            return "-"
        return format_html('<a href="{}">{}</a>', gateway.console_url, _("open in the AWS console"))

    @admin.display(description=_("WebSocket URL"), empty_value="-")
    def websocket_url(self, gateway: ApiGateway) -> str:
        return gateway.websocket_url

    # -- actions --------------------------------------------------------------------------------------

    @admin.action(description=operations.CREATE.title, permissions=["change"])
    def create_api_gateway(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse | None:
        return plan_page.run(self, request, queryset, operations.CREATE)

    @admin.action(description=operations.CREATE_DOMAIN.title, permissions=["change"])
    def create_custom_domain(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse | None:
        return plan_page.run(self, request, queryset, operations.CREATE_DOMAIN)

    @admin.action(description=operations.PLAN.title, permissions=["change"])
    def plan_api_gateway(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse | None:
        return plan_page.run(self, request, queryset, operations.PLAN)

    @admin.action(description=operations.EXAMINE.title, permissions=["change"])
    def check_api_gateway(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse:
        return doctor_page.show(self, request, queryset)

    @admin.action(description=operations.UPDATE.title, permissions=["change"])
    def update_api_gateway(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse | None:
        return plan_page.run(self, request, queryset, operations.UPDATE)

    @admin.action(description=operations.DELETE.title, permissions=["delete"])
    def delete_api_gateway(self, request: HttpRequest, queryset: QuerySet[ApiGateway]) -> HttpResponse | None:
        return plan_page.run(self, request, queryset, operations.DELETE)

    def get_fieldsets(self, request: HttpRequest, obj: ApiGateway | None = None) -> Any:
        """Leave out the link to the AWS console for a local gateway."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_local:
            return fieldsets
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field != "console_link"]})
            for name, options in fieldsets
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        gateway = kwargs.get("obj")
        offered = self.get_actions(request) if gateway is not None and gateway.pk else {}
        context["gateway_operations"] = [
            one
            for one in _fitting(gateway)
            if one.name in offered and plan_page.allowed(self, request, kwargs["obj"], one)
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    # -- deleting rows --------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Check first: if a gateway cannot be deleted, the list of rows that would go with it is not needed."""
        staying = [reason for reason in map(_why_it_stays, objs) if reason]
        if staying:
            return [], {}, set(), staying
        return super().get_deleted_objects(objs, request)

    # -- saving ---------------------------------------------------------------------------------------

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if any(formset.has_changed() for formset in formsets):
            _tell_after_deployment(self, request, form.instance.pk)
        elif form.has_changed() and form.instance.api_created and operations.left_to_do(form.instance):
            self.message_user(request, operations.left_to_do(form.instance), messages.WARNING)


def _why_it_stays(gateway: ApiGateway) -> str:
    """Return why the row cannot be deleted now, and what to do. Return an empty string if it can be deleted."""
    if gateway.api_id:
        text = _("%(name)s: the API %(id)s exists. Delete it first, with the action “Delete the API”.")
    elif gateway.may_be_in_aws:
        text = _(
            "%(name)s: its API may exist, because the answer to its creation was lost. Run “Compare with the row”."
        )
    else:
        connected = gateway.sessions.filter(connected=True).count()
        return why_gateway_stays(gateway, connected) if connected else ""
    return str(text) % {"name": gateway, "id": gateway.api_id}


def _fitting(gateway: ApiGateway | None) -> tuple[operations.Operation, ...]:
    """Return the action that makes sense next for ``gateway``."""
    if gateway is None or not gateway.may_be_in_aws:
        return operations.PLAN, operations.CREATE
    if not gateway.api_created:
        return operations.PLAN, operations.CREATE, operations.DELETE
    domain = (operations.CREATE_DOMAIN,) if gateway.domain_name and not gateway.custom_domain_created else ()
    return (operations.EXAMINE, operations.PLAN, operations.UPDATE, *domain, operations.DELETE)


@admin.register(ApiGatewayAdditionalRoute)
class AdditionalRouteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "route_key", "integration_url", "api_gateway", "deployed")
    list_filter = ("deployed", "api_gateway")
    list_select_related = ("api_gateway",)
    search_fields = ("name", "route_key", "integration_url")
    readonly_fields = ("deployed",)

    # Saving or deleting a route updates the whole gateway in AWS, so it requires the permission to change the gateway.

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and self._may_change_gateway(request)

    def has_change_permission(self, request: HttpRequest, obj: ApiGatewayAdditionalRoute | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_change_gateway(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiGatewayAdditionalRoute | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_change_gateway(request, obj)

    def _may_change_gateway(self, request: HttpRequest, route: ApiGatewayAdditionalRoute | None = None) -> bool:
        # The site's own admin of gateways, which may check permissions per object.
        registered = self.admin_site._registry.get(ApiGateway) or ApiGatewayAdmin(ApiGateway, self.admin_site)
        return registered.has_change_permission(request, route and route.api_gateway)

    def save_model(self, request: HttpRequest, obj: ApiGatewayAdditionalRoute, form: Any, change: bool) -> None:
        # The newly chosen gateway. The previous one was checked when the page was opened.
        if not self._may_change_gateway(request, obj):
            raise PermissionDenied
        super().save_model(request, obj, form, change)
        _tell_after_deployment(self, request, obj.api_gateway_id)

    def delete_model(self, request: HttpRequest, obj: ApiGatewayAdditionalRoute) -> None:
        super().delete_model(request, obj)
        _tell_after_deployment(self, request, obj.api_gateway_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiGatewayAdditionalRoute]) -> None:
        # Delete the rows one by one, because each deletion removes its route from AWS.
        for route in queryset:
            self.delete_model(request, route)


def _tell_after_deployment(model_admin: Any, request: HttpRequest, pk: int) -> None:
    """Report whether the deployment worked. Routes are deployed after the commit."""

    def tell() -> None:
        gateway = ApiGateway.objects.get(pk=pk)
        if not gateway.api_created:
            return
        if gateway.last_error:
            text = _("The routes are saved, but not deployed. %s") % gateway.last_error
            model_admin.message_user(request, text, messages.ERROR)
        else:
            model_admin.message_user(request, _("The routes of %s are deployed.") % gateway, messages.SUCCESS)

    transaction.on_commit(tell)
