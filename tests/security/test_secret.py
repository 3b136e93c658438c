"""The secret never leaks, and rotating it loses no message."""

from __future__ import annotations

import io
import json
import logging
import threading

import django
import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client, override_settings
from django.urls import include, path

from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.protocol import SECRET_HEADER
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret
from tests.views import ExampleView


class BrokenView(ExampleView):
    def test(self, request, *args, **kwargs):
        raise ValueError("a bug of the site")


urlpatterns = [
    path("ws/<slug:route>", BrokenView.as_view(debug=True)),
    path("plain/<slug:route>", ExampleView.as_view()),
    path("", include("tests.urls")),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.parametrize("debug", [True, False])
def test_an_exception_in_a_handler_does_not_show_the_secret(connect, alice, caplog, settings, monkeypatch, debug):
    settings.DEBUG = debug
    # Django 6.0 takes addresses, the older ones take pairs.
    settings.ADMINS = ["admin@example.com"] if django.VERSION >= (6, 0) else [("admin", "admin@example.com")]
    handler = logging.getLogger("django").handlers
    mailing = [one for one in handler if type(one).__name__ == "AdminEmailHandler"]
    for one in mailing:
        monkeypatch.setattr(one, "include_html", True)
        monkeypatch.setattr(one, "filters", [])
    socket = connect(alice)
    headers = socket.event_headers("$default")
    with caplog.at_level(logging.DEBUG):
        response = Client(raise_request_exception=False).post(
            "/ws/default", {"action": "test"}, content_type="application/json", headers=headers
        )
    assert response.status_code == 500
    sent = [str(part) for message in mail.outbox for part in (message.subject, message.body, message.alternatives)]
    assert sent
    for text in (response.content.decode(), *sent, caplog.text):
        assert headers[SECRET_HEADER] not in text
    if debug:
        assert "HTTP_X_WEBSOCKET_GATEWAY_SECRET" in response.content.decode()


@pytest.mark.parametrize("body", [{}, {"action": "refuse"}, {"action": "nobody"}])
def test_a_refusal_does_not_show_the_secret(connect, alice, caplog, body):
    socket = connect(alice)
    headers = socket.event_headers("$default")
    response = Client().post("/ws/default", body, content_type="application/json", headers=headers)
    assert headers[SECRET_HEADER] not in response.content.decode()
    assert headers[SECRET_HEADER] not in caplog.text


@pytest.fixture
def row(local_gateway):
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint="http://127.0.0.1:9/ws/")
    row.additional_routes.create(name="Orders", route_key="orders", integration_url="http://127.0.0.1:9/ws/orders")
    return row


def test_commands_admin_and_logs_do_not_show_the_secret(row, admin_client, caplog):
    said = io.StringIO()
    with caplog.at_level(logging.DEBUG, logger="django_aws_api_gateway_websockets"):
        for command in ("createApiGateway", "rotateGatewaySecret"):
            call_command(command, pk=row.pk, stdout=said, stderr=said)
        call_command("check", databases=["default"], stdout=said, stderr=said)
        call_command("dumpdata", stdout=said)
    row.refresh_from_db()
    for page in ("", f"{row.pk}/change/", f"{row.pk}/history/"):
        said.write(admin_client.get(f"/admin/django_aws_api_gateway_websockets/apigateway/{page}").content.decode())
    secret = gateway_secret(row.api_id)
    assert row.api_id in said.getvalue()
    assert secret not in said.getvalue()
    assert secret not in caplog.text
    assert secret not in repr(row.definition())


def secrets_in(gateway):
    """What the integrations of the gateway send, as AWS has it."""
    from django_aws_api_gateway_websockets.aws import control_client
    from django_aws_api_gateway_websockets.conf import conf

    key = f"integration.request.header.{SECRET_HEADER}"
    items = control_client(conf.LOCAL_GATEWAY).get_integrations(ApiId=gateway.api_id)["Items"]
    return [item["RequestParameters"][key].strip("'") for item in items]


def test_rotation_writes_the_new_secret_into_every_integration(row, settings):
    call_command("createApiGateway", pk=row.pk, stdout=io.StringIO())
    row.refresh_from_db()
    old = gateway_secret(row.api_id)
    assert secrets_in(row) == [old] * 4
    said = io.StringIO()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        new = gateway_secret(row.api_id)
        call_command("rotateGatewaySecret", all=True, stdout=said)
    assert secrets_in(row) == [new] * 4 != [old] * 4
    assert said.getvalue().count("(another secret) -> (the gateway's secret)") == 4, said.getvalue()
    assert new not in said.getvalue()


def test_what_cannot_be_rotated_is_said(row):
    with pytest.raises(CommandError, match="There is no API gateway with the primary key 0"):
        call_command("rotateGatewaySecret", pk=0)
    with pytest.raises(CommandError, match=r"is not in AWS yet\. Run createApiGateway"):
        call_command("rotateGatewaySecret", pk=row.pk)


def rotate():
    try:
        call_command("rotateGatewaySecret", all=True, stdout=io.StringIO())
    finally:
        connection.close()  # this thread's own, with which the database could not be destroyed after the tests


@pytest.mark.end_to_end
@pytest.mark.django_db(transaction=True)
def test_rotation_under_load_refuses_no_message(live_server, local_gateway, settings):
    websocket = pytest.importorskip("websockets.sync.client")
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "MESSAGES_PER_CONNECTION": None}
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/plain/")
    call_command("createApiGateway", pk=row.pk, stdout=io.StringIO())
    row.refresh_from_db()
    old_key, old_secret = settings.SECRET_KEY, gateway_secret(row.api_id)
    answered = 0
    with websocket.connect(row.websocket_url, origin=live_server.url) as socket:
        for number in range(1000):
            if number == 300:
                settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new key", [old_key]
                rotation = threading.Thread(target=rotate)
                rotation.start()
            socket.send(json.dumps({"action": "echo", "n": number}))
            answered += json.loads(socket.recv(timeout=20)) == {"default": {"action": "echo", "n": number}, "user": ""}
        rotation.join()
        assert answered == 1000
        settings.SECRET_KEY_FALLBACKS = []
        socket.send(json.dumps({"action": "echo", "n": 1001}))
        assert json.loads(socket.recv(timeout=20))["default"]["n"] == 1001
    session = row.sessions.get()
    retired = {SECRET_HEADER: old_secret, "x-amzn-apigateway-api-id": row.api_id, "connectionId": session.connection_id}
    assert Client().post("/plain/default", headers=retired).status_code == 403
