from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.generic import RedirectView

from django_aws_api_gateway_websockets.views import WebSocketCheckView

from .sockets import ChatView
from .views import board, room

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="room"), {"slug": "lobby"}),
    path("rooms/<slug:slug>/", room, name="room"),
    path("board/", board, name="board"),
    path("login/", LoginView.as_view(template_name="chat/login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("ws/<slug:route>", ChatView.as_view()),
    path("ws-check/", WebSocketCheckView.as_view(socket_view=ChatView), name="ws-check"),
    path("admin/", admin.site.urls),
]
