"""Where a send goes: to the stage of each row, and nowhere that a job, a redirect or a silent AWS could lead it."""

from __future__ import annotations

import http.server
import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.exceptions import AwsUnreachable, PermissionMissing, WebSocketsError
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.models.closing import close_connections

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("transport")]
everyone = WebSocketSession.objects


def stages_called(server):
    return {call.path.split("/")[2] for call in server.calls}


@pytest.mark.parametrize("stage", ["beta", "production-2", ""])
def test_a_send_goes_to_the_stage_of_each_row(people, server, stage):
    people(2, stage_name="production")
    people(2, start=2, stage_name=stage)
    assert len(everyone.all().send_message({"n": 1}).sent) == 4
    assert stages_called(server) == {"production", stage or "production"}


@pytest.mark.parametrize("method", ["send", "disconnect", "look up"])
def test_a_single_call_goes_to_the_stage_of_its_row(people, server, method):
    people(1, stage_name="beta")
    row = everyone.get()
    {"send": lambda: row.send_message({}), "disconnect": row.disconnect, "look up": row.check_connection}[method]()
    assert stages_called(server) == {"beta"}


@pytest.mark.parametrize("behaviour", ["forbidden", "nowhere", "broken"])
@pytest.mark.parametrize("gone_stage", ["old", "renamed", "v1"])
def test_a_stage_that_is_gone_stops_no_other_stage(people, server, behaviour, gone_stage):
    lost = people(60, stage_name=gone_stage)
    reached = people(20, start=60, stage_name="production")
    server.script = dict.fromkeys(lost, behaviour)
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.sent) == sorted(reached)
    assert set(report.failed) == set(lost)


@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
@pytest.mark.parametrize("breaks", ["no server", "forbidden", "no URL"])
def test_fail_silently_logs_and_never_raises(people, server, caplog, many, breaks):
    people(1)
    row = everyone.select_related("api_gateway").get()
    if breaks == "no server":
        server.stop()
    elif breaks == "forbidden":
        server.everybody = "forbidden"
    else:
        ApiGateway.objects.update(api_endpoint="")
        row = everyone.select_related("api_gateway").get()
    sender = everyone.all() if many else row
    with pytest.raises(WebSocketsError):
        sender.send_message({"n": 1})
    result = sender.send_message({"n": 1}, fail_silently=True)
    assert (result.sent == []) if many else (result is False)
    assert "A message was not sent" in caplog.text


@pytest.mark.parametrize(
    "socket",
    [
        ["../../evil", 1, "production"],
        ["a b=", 1, "production"],
        ["http://evil.example/", 1, "production"],
        ["AAAAAAAAAAAAAAA=", 1, "production/../../x"],
        ["AAAAAAAAAAAAAAA=", 1, "x?y"],
        ["AAAAAAAAAAAAAAA=", 999, "production"],
    ],
)
def test_a_forged_job_reaches_no_url_of_its_own(people, server, socket):
    people(1)
    JOBS["disconnect"]("default", [socket])
    assert server.calls == []


@pytest.mark.parametrize("arguments", [("default", [["dict://127.0.0.1:11211/", "AAAA="]]), ("default",), ()])
def test_a_job_of_another_shape_is_an_error(server, arguments):
    with pytest.raises(TypeError):
        JOBS["disconnect"](*arguments)
    assert server.calls == []


@pytest.mark.parametrize("scheme", ["dict", "gopher", "file", "ftp"])
def test_only_http_is_spoken(people, server, scheme):
    people(1)
    ApiGateway.objects.update(api_endpoint=f"{scheme}://127.0.0.1:{server.port}/a1b2")
    with pytest.raises(WebSocketsError):
        everyone.select_related("api_gateway").get().send_message({"n": 1})
    assert server.connections == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(people, server, gateway_of, status):
    class Redirecting(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", server.url + "/@connections/x")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    redirecting = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=redirecting.serve_forever, daemon=True).start()
    try:
        people(1)
        ApiGateway.objects.update(api_endpoint=f"ws://127.0.0.1:{redirecting.server_port}/a1b2")
        with pytest.raises(WebSocketsError):
            everyone.select_related("api_gateway").get().send_message({"n": 1})
        assert server.calls == []
    finally:
        redirecting.shutdown()
        redirecting.server_close()


@pytest.mark.parametrize("count", [1, 50])
def test_a_page_waits_for_a_silent_aws_only_briefly(
    people, server, options, caplog, count, django_capture_on_commit_callbacks
):
    options(CLOSE_DEADLINE=0.3)
    people(count)
    server.everybody = "hang"
    began = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        assert close_connections(everyone.all(), "logout") == count
    assert time.monotonic() - began < 2.5
    assert everyone.filter(connected=True).count() == 0
    assert caplog.text.count("was not closed, so its client can still listen") == count


@pytest.mark.parametrize(
    ("behaviour", "error", "status", "code", "said"),
    [
        ("forbidden", PermissionMissing, 403, "ForbiddenException", "Forbidden"),
        ("malformed", WebSocketsError, 400, "BadRequestException", "Invalid connectionId"),
        ("broken", WebSocketsError, 500, "", "Internal server error"),
    ],
)
def test_both_transports_give_the_same_error(people, server, behaviour, error, status, code, said):
    people(1)
    server.everybody = behaviour
    with pytest.raises(error) as failed:
        everyone.get().send_message({"n": 1})
    assert (failed.value.status, failed.value.said) == (status, said)
    assert failed.value.code in (code, str(status))
    assert failed.value.operation.startswith("send to the connection")


@pytest.mark.parametrize(("value", "error"), [(b"x", TypeError), ({"a": 1}, TypeError), ("x" * 131_073, ValueError)])
def test_send_text_takes_text_of_128_kb(people, server, value, error):
    people(2)
    assert len(everyone.all().send_text('"as it is"').sent) == 2
    with pytest.raises(error):
        everyone.all().send_text(value)
    assert [text for texts in server.received.values() for text in texts] == ["as it is"] * 2


@pytest.mark.parametrize("data", [[2, "id", "Heartbeat", {}], [], [[1]]])
def test_a_list_is_sent_as_a_json_array(people, server, data):
    (name,) = people(1)
    everyone.get().send_message(data)
    assert server.received[name] == [data]


def test_nothing_that_a_setting_names_wrongly_is_used(people, server):
    people(1)
    with override_settings(WEBSOCKETS={"SEND_TRANSPORT": "tests.nowhere"}), pytest.raises(ImproperlyConfigured):
        everyone.get().send_message({"n": 1})
    server.stop()
    with pytest.raises(AwsUnreachable):
        everyone.get().send_message({"n": 1})
