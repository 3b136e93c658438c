"""The confirmation page for an action in AWS: the plan of each chosen gateway, and a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..provisioning import Plan
from .operations import CREATE, UPDATE, Operation, left_to_do

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

TEMPLATE = "admin/django_aws_api_gateway_websockets/plan.html"


def run(
    admin: ModelAdmin[ApiGateway], request: HttpRequest, gateways: QuerySet[ApiGateway], operation: Operation
) -> HttpResponse | None:
    """Show the plans. After confirmation, carry the operation out and report the result."""
    chosen = list(gateways)
    if not all(allowed(admin, request, gateway, operation) for gateway in chosen):
        raise PermissionDenied
    if operation.act is not None and request.POST.get("confirmed"):
        for gateway in chosen:
            _act(admin, request, gateway, operation)
        return HttpResponseRedirect(request.get_full_path())
    return _page(admin, request, chosen, operation)


def allowed(admin: ModelAdmin[ApiGateway], request: HttpRequest, gateway: ApiGateway, operation: Operation) -> bool:
    """Return whether the user may run the operation on this gateway.

    The admin's own permissions are checked with the object.
    """
    may = admin.has_delete_permission if operation.destroys else admin.has_change_permission
    return may(request, gateway)


def _act(admin: ModelAdmin[ApiGateway], request: HttpRequest, gateway: ApiGateway, operation: Operation) -> None:
    assert operation.act is not None  # noqa: S101  # The caller has checked it.
    try:
        done = operation.act(gateway)
    except WebSocketsError as error:
        admin.message_user(request, f"{gateway}: {error}", messages.ERROR)
        admin.log_change(request, gateway, f"{operation.title}: {error}")
        return
    admin.message_user(request, str(operation.done) % gateway, messages.SUCCESS)
    if left_to_do(gateway):
        admin.message_user(request, left_to_do(gateway), messages.WARNING)
    admin.log_change(request, gateway, f"{operation.title}: {_steps(done)}")


def _steps(plan: Plan) -> str:
    return "; ".join(str(step) for step in plan) or "nothing to do"


def _page(
    admin: ModelAdmin[ApiGateway], request: HttpRequest, chosen: list[ApiGateway], operation: Operation
) -> TemplateResponse:
    looks = [_look(gateway, operation) for gateway in chosen]
    differs = any(look["plan"] for look in looks)
    if operation.act is None:
        for look in looks:
            admin.log_change(request, look["gateway"], f"{operation.title}: {look['outcome']}")
    context = {
        **admin.admin_site.each_context(request),
        "title": operation.title,
        "opts": admin.model._meta,
        "operation": operation,
        "looks": looks,
        "todo": operation.act is not None and differs,
        "next": _next(chosen) if operation.act is None and differs else None,
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _next(chosen: list[ApiGateway]) -> Operation:
    """Return the operation that updates AWS after a comparison."""
    return UPDATE if any(gateway.api_created for gateway in chosen) else CREATE


def _look(gateway: ApiGateway, operation: Operation) -> dict[str, Any]:
    plan, error = Plan(), ""
    try:
        plan = operation.plan(gateway)
    except WebSocketsError as refused:
        error = str(refused)
    left = "" if plan or error or operation.destroys else left_to_do(gateway)
    return {
        "gateway": gateway,
        "plan": plan.shown(),
        "error": error,
        "left": left,
        "outcome": error or _steps(plan),
        "open": gateway.sessions.filter(connected=True).count() if operation.destroys and plan else 0,
    }
