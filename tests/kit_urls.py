from __future__ import annotations

from django.urls import path

from .views import ExampleView


class OnCommitView(ExampleView):
    def later(self, request, *args, **kwargs):
        self.websocket_session.send_message({"later": True}, on_commit=True)


urlpatterns = [path("ws/<slug:route>", OnCommitView.as_view())]
