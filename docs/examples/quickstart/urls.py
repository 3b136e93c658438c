from django.contrib import admin
from django.http import Http404
from django.shortcuts import render
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway

from .sockets import ChatView


def index(request):
    gateway = ApiGateway.objects.first()
    if gateway is None:
        raise Http404("There is no gateway yet. Run: python manage.py runLocalGateway --site")
    return render(request, "index.html", {"socket_url": gateway.websocket_url_for(request)})


urlpatterns = [
    path("", index),
    path("ws/<slug:route>", ChatView.as_view()),
    path("admin/", admin.site.urls),
]
