"""A site that gives permissions for single gateways."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.backends import BaseBackend
from django.urls import path

from django_aws_api_gateway_websockets.admin.gateways import AdditionalRouteAdmin, ApiGatewayAdmin
from django_aws_api_gateway_websockets.models import ApiGateway, ApiGatewayAdditionalRoute


class ByName(BaseBackend):
    """Everybody may do anything with the gateway ``mine``, and with no other."""

    def has_perm(self, user_obj, perm, obj=None):
        return obj is not None and obj.api_name == "mine"


class ByObjectAdmin(ApiGatewayAdmin):
    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request) and self._for(request, "change", obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request) and self._for(request, "delete", obj)

    def _for(self, request, action, obj):
        return obj is None or request.user.has_perm(f"{self.opts.app_label}.{action}_apigateway", obj)


site = admin.AdminSite()
site.register(ApiGateway, ByObjectAdmin)
site.register(ApiGatewayAdditionalRoute, AdditionalRouteAdmin)
urlpatterns = [path("admin/", site.urls)]
