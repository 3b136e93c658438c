from django.contrib import admin
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache

from .models import Line
from .sockets import ChatView


@never_cache
def index(request):
    # The template reads the rows, after the tag `live` has read the position.
    return render(request, "index.html", {"lines": Line.objects.order_by("pk")})


urlpatterns = [
    path("", index),
    path("ws/<slug:route>", ChatView.as_view()),
    path("admin/", admin.site.urls),
]
