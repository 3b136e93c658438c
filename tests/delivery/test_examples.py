"""What docs/examples/sending.py does."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.models.closing import close_connections
from django_aws_api_gateway_websockets.signals import message_delivered
from tests.event_loop import run

everyone = WebSocketSession.objects
EXAMPLE = Path(__file__).resolve().parent.parent.parent / "docs" / "examples" / "sending.py"


@pytest.fixture
def example():
    example = SimpleNamespace(**runpy.run_path(str(EXAMPLE)))
    yield example
    message_delivered.disconnect(example.note)


@pytest.mark.django_db(transaction=True)
def test_the_page_on_sending(people, server, example, caplog):
    ids = people(3, channel_name="sales")
    server.script = {ids[0]: "busy"}
    assert example.tell_room("sales", "hi") == ids[:1]

    lot = SimpleNamespace(pk=7, save=lambda: None)
    example.sell(lot, "bob")
    assert server.received[ids[1]] == [{"text": "hi"}, {"sold": 7}]
    assert "None, chunk 1 of 1: 2 sent, 1 slow" in caplog.text

    run(example.greet(WebSocketSession.objects.select_related("api_gateway").get(connection_id=ids[2])))
    assert server.received[ids[2]][-1] == {"hello": "you"}
    with pytest.raises(ImproperlyConfigured):
        example.announce("no engine is chosen here")


@pytest.mark.django_db
def test_check_connection_is_what_aws_knows(people, server):
    ids = people(2)
    server.script = {ids[1]: "gone"}
    info = WebSocketSession.objects.get(connection_id=ids[0]).check_connection()
    assert (info.source_ip, info.user_agent) == ("192.0.2.7", "Firefox")
    assert (info.last_active_at - info.connected_at).total_seconds() == 600
    assert WebSocketSession.objects.get(connection_id=ids[1]).check_connection() is None
    assert not WebSocketSession.objects.get(connection_id=ids[1]).connected


@pytest.mark.django_db
def test_the_test_client_is_disconnected_and_checked(connect, alice):
    socket = connect(alice)
    assert socket.session.check_connection().source_ip == "127.0.0.1"
    assert socket.session.disconnect() is True
    assert socket.session.disconnect() is False
    assert socket.session.check_connection() is None
    assert not socket.session.connected


EXAMPLES = "docs.examples"


@pytest.mark.django_db
def test_a_push_that_fails_silently_ends_no_job(people, server, example, caplog):
    people(1, channel_name="job-7")
    job = SimpleNamespace(pk=7, percent=40)
    example.show_progress(job)
    server.stop()
    example.show_progress(job)
    assert [list(got) for got in server.received.values()] == [[{"percent": 40}]]
    assert "A message was not sent" in caplog.text


@pytest.mark.django_db
def test_a_transport_of_your_own(people, server, options, caplog):
    (name,) = people(1)
    options(SEND_TRANSPORT=f"{EXAMPLES}.own_transport.log_only")
    caplog.set_level("INFO")
    assert everyone.get().send_message({"n": 1}) is True
    assert everyone.all().send_message({"n": 1}).sent == [name]
    assert everyone.get().disconnect() is True
    assert not server.calls
    assert caplog.text.count(f"PostToConnection: 7 bytes to {name}") == 2
    assert f"DeleteConnection: 0 bytes to {name}" in caplog.text


@pytest.mark.django_db
def test_a_task_engine_of_your_own(people, server, options, django_capture_on_commit_callbacks):
    ids = people(5)
    options(BACKGROUND=f"{EXAMPLES}.own_engine.run_at_once", BACKGROUND_CHUNK=2)
    everyone.all().enqueue_message({"n": 1}, message_id="m1")
    assert server.received == {name: [{"n": 1, "_ws": {"id": "m1"}}] for name in ids}
    with django_capture_on_commit_callbacks(execute=True):
        close_connections(everyone.all(), "logout")
    assert sorted(call.connection_id for call in server.calls if call.method == "DELETE") == sorted(ids)


@pytest.mark.django_db
def test_an_encoder_of_your_own(people, server, options):
    (name,) = people(1)
    options(MESSAGE_ENCODER=f"{EXAMPLES}.own_encoder.camel_case")
    everyone.get().send_message({"user_name": "Ann"}, message_id="m1")
    assert server.received[name] == [{"userName": "Ann", "_ws": {"id": "m1"}}]


@pytest.mark.django_db(transaction=True)
def test_text_is_sent_from_async_code_and_after_the_commit(people, server):
    (name,) = people(1)
    assert run(everyone.select_related("api_gateway").get().asend_text('"one"')) is True
    assert run(everyone.all().asend_text('"many"')).sent == [name]
    with transaction.atomic():
        everyone.get().send_text('"later"', on_commit=True)
        everyone.all().send_text('"later"', on_commit=True)
        assert len(server.calls) == 2
    assert server.received[name] == ["one", "many", "later", "later"]


@pytest.mark.django_db
@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
def test_async_sends_fail_silently_too(people, server, many):
    people(1)
    server.everybody = "forbidden"
    sender = everyone.all() if many else everyone.select_related("api_gateway").get()
    result = async_to_sync(sender.asend_message)({"n": 1}, fail_silently=True)
    assert (list(result.failed) != []) if many else (result is False)
