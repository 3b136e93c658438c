"""The page of the doctor: what ``checkApiGateway`` finds, for the chosen gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from ..doctor import Report, Visit, examine
from ..models import ApiGateway
from .operations import EXAMINE

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

TEMPLATE = "admin/django_aws_api_gateway_websockets/doctor.html"


def show(admin: ModelAdmin[ApiGateway], request: HttpRequest, gateways: QuerySet[ApiGateway]) -> TemplateResponse:
    """Examine the chosen gateways, and connect as the user of ``request``."""
    chosen = list(gateways)
    if not all(admin.has_change_permission(request, gateway) for gateway in chosen):
        raise PermissionDenied
    reports = [(gateway, examine(gateway, Visit(user=request.user))) for gateway in chosen]
    for gateway, report in reports:
        admin.log_change(request, gateway, f"{EXAMINE.title}: {_summary(report)}")
    context = {
        **admin.admin_site.each_context(request),
        "title": EXAMINE.title,
        "opts": admin.model._meta,
        "reports": reports,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _summary(report: Report) -> str:
    return ", ".join(finding.id for finding in report.findings) or "nothing is wrong"
