from __future__ import annotations

from django.contrib import admin
from django.urls import path

from .views import ExampleView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("ws/<slug:route>", ExampleView.as_view()),
    path("debug/<slug:route>", ExampleView.as_view(debug=True)),
]
