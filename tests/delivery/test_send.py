"""``send_message`` over real sockets, by boto3 and by libcurl, to a server that misbehaves on demand."""

from __future__ import annotations

import datetime
import decimal
import re
import time
import uuid
from datetime import timedelta

import pytest
from django.utils.functional import lazystr

from django_aws_api_gateway_websockets.aws import connections_client
from django_aws_api_gateway_websockets.exceptions import (
    AwsError,
    AwsUnreachable,
    MessageTooLarge,
    PermissionMissing,
    SendTimedOut,
    Throttled,
)
from django_aws_api_gateway_websockets.models import WebSocketSession

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("transport")]

everyone = WebSocketSession.objects
GONE = ["gone", "gone without a type", "gone without a body"]


def open_ids():
    return set(everyone.filter(connected=True).values_list("connection_id", flat=True))


def test_everyone_gets_the_message_once(people, server):
    ids = people(300)
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.sent) == sorted(ids)
    assert report.complete
    assert report.total == 300
    assert server.received == {name: [{"n": 1}] for name in ids}


def test_rows_that_are_closed_get_nothing(people, server):
    ids = people(3)
    everyone.filter(connection_id=ids[0]).mark_disconnected()
    assert sorted(everyone.all().send_message({}).sent) == sorted(ids[1:])
    assert set(server.received) == set(ids[1:])


def test_the_report_lists_each_outcome_and_prints_one_line(people, server, options):
    options(SEND_READ_TIMEOUT=0.5, SEND_CONNECT_TIMEOUT=0.5)
    ids = people(30)
    server.script = dict(zip(ids, ["gone", "busy", "hang", "malformed", "broken", "reset", "too large"]))
    report = everyone.all().send_message({"n": 1})
    assert report.gone == ids[:1]
    assert report.slow == ids[1:2]
    assert report.timed_out == ids[2:3]
    assert sorted(report.failed) == sorted(ids[3:7])
    assert sorted(report.sent) == sorted(ids[7:])
    assert report.counts() == {
        "sent": 23, "gone": 1, "throttled": 0, "slow": 1, "timed_out": 1, "not_tried": 0, "failed": 4,
    }  # fmt: skip
    assert not report.complete
    line = str(report)
    assert line.startswith("23 sent, 1 gone, 1 slow, 1 timed out, 4 failed in ")
    assert "\n" not in line
    assert open_ids() == set(ids[1:])


@pytest.mark.parametrize("form", GONE)
@pytest.mark.parametrize(("age", "closes"), [(5, False), (60, True)])
def test_a_410_closes_old_rows_only(people, server, form, age, closes):
    """Three wire forms of 410, fresh and old, by one send and by a send to many."""
    ids = people(2, age=timedelta(seconds=age))
    server.everybody = form
    assert everyone.get(connection_id=ids[0]).send_message({}) is False
    assert everyone.all().send_message({}).total == (1 if closes else 2)
    assert open_ids() == (set() if closes else set(ids))


def test_gone_rows_are_closed_by_one_update_a_batch(people, server, django_assert_num_queries):
    people(40)
    server.everybody = "gone"
    with django_assert_num_queries(7):  # the rows, their gateway; a savepoint, a lock and an update of both tables
        assert len(everyone.all().send_message({}).gone) == 40


@pytest.mark.parametrize("many", [False, True], ids=["one row", "queryset"])
def test_an_oversized_message_raises_before_any_call(people, server, many):
    """131,072 bytes are sent, 131,073 are not."""
    people(1)
    fitting = {"t": "é" * ((131_072 - 8) // 2)}
    assert everyone.get().send_message(fitting) is True
    assert len(server.calls[0].body) == 131_072
    sender = everyone.all() if many else everyone.get()
    with pytest.raises(MessageTooLarge, match="131073 bytes"):
        sender.send_message({"t": fitting["t"] + "x"})
    assert len(server.calls) == 1


def test_dates_decimals_uuids_and_lazy_strings_can_be_sent(people, server):
    (name,) = people(1)
    everyone.all().send_message(
        {"d": datetime.date(2026, 1, 2), "n": decimal.Decimal("1.50"), "u": uuid.UUID(int=1), "l": lazystr("hi")}
    )
    assert server.received[name] == [
        {"d": "2026-01-02", "n": "1.50", "u": "00000000-0000-0000-0000-000000000001", "l": "hi"}
    ]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"x": {1, 2}}, "data['x'] is of type set,"),
        ({"a": [1, {"b": object()}]}, "data['a'][1]['b'] is of type object,"),
        ({"a": {(1, 2): 3}}, "data['a'] has a key of type tuple,"),
        ([b"secret"], "data[0] is of type bytes,"),
    ],
)
def test_what_json_cannot_hold_is_named_without_its_value(people, server, data, named):
    people(1)
    with pytest.raises(TypeError, match=re.escape(named)) as raised:
        everyone.all().send_message(data)
    assert "WEBSOCKETS['MESSAGE_ENCODER']" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert not server.calls


@pytest.mark.parametrize(("data", "error"), [(None, TypeError), ("x", TypeError), ({"n": float("nan")}, ValueError)])
def test_what_json_cannot_hold_raises_before_any_call(people, server, data, error):
    people(1)
    with pytest.raises(error):
        everyone.all().send_message(data)
    assert not server.calls


@pytest.mark.slow
def test_slow_clients_do_not_delay_the_others(people, server):
    """1% always answer 429 in 1,000: the other 990 are delivered, in at most twice the clean time."""
    slow = people(1000)[::100]
    ratios = []
    # The least of several tries: a busy machine delays any of them, a slow client would delay each.
    while len(ratios) < 12 and min(ratios, default=3) > 2:
        server.script = {}
        clean, _ = timed_send(server, slow)
        server.script = dict.fromkeys(slow, "busy")
        beside, report = timed_send(server, slow)
        assert sorted(report.slow) == sorted(slow)
        assert len(report.sent) == 990
        assert not report.throttled
        ratios.append(beside / clean)
    assert min(ratios) <= 2


def timed_send(server, slow):
    """Send to everyone; return the seconds until the last of those who are not slow had the message, and the report."""
    server.calls.clear()
    began = time.monotonic()
    report = everyone.all().send_message({"n": 1})
    return max(call.at for call in server.calls if call.connection_id not in slow) - began, report


def test_two_refusals_in_a_row_do_not_mark_a_client_slow(people, server):
    """An account at its limit may refuse a message twice. A slow client still refuses at the end."""
    ids = people(100)
    server.script = {ids[0]: "twice busy", ids[1]: "busy"}
    report = everyone.all().send_message({"n": 1})
    assert list(report.slow) == ids[1:2]
    assert len(report.sent) == 99


@pytest.mark.slow
@pytest.mark.parametrize("limit", [150, 400])
def test_a_throttled_account_slows_the_send_and_loses_nobody(people, server, limit):
    """The account takes fewer messages per second than are sent. The send finds that pace."""
    server.limit = limit
    people(1000)
    report = everyone.all().send_message({"n": 1})
    assert len(report.sent) == 1000, report
    assert len(server.calls) < 2000


@pytest.mark.slow
def test_hanging_clients_time_out_within_the_bound(people, server):
    """10 of 1,000 clients hang. The send ends within 15 s and names 10 as timed out."""
    ids = people(1000)
    server.script = dict.fromkeys(ids[::100], "hang")
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.timed_out) == sorted(ids[::100])
    assert len(report.sent) == 990
    assert report.elapsed < 15


@pytest.mark.slow
def test_a_deadline_ends_a_send_and_accounts_for_everyone(people, server):
    ids = people(600)
    server.everybody = "hang"
    started = time.monotonic()
    report = everyone.all().send_message({"n": 1}, deadline=0.5)
    assert time.monotonic() - started < 4
    assert sorted([*report.timed_out, *report.not_tried]) == sorted(ids)
    # What is said to be untried never left.
    assert {call.connection_id for call in server.calls} <= set(report.timed_out)


@pytest.mark.slow
def test_a_deadline_leaves_the_next_send_alone(people, server):
    people(40)
    server.everybody = "hang"
    everyone.all().send_message({"n": 1}, deadline=0.3)
    server.everybody = None
    assert len(everyone.all().send_message({"n": 2}).sent) == 40
    # Those that were under way may have arrived; what is new arrives once, and at everybody's.
    assert [got.count({"n": 2}) for got in server.received.values()] == [1] * 40


@pytest.mark.slow
def test_at_the_deadline_an_answer_that_came_stands(people, server, options):
    """Who waits for another try has had one: nobody is called untried who may have the message."""
    options(SEND_READ_TIMEOUT=0.2, SEND_CONNECT_TIMEOUT=0.1, MESSAGE_IDS=True)
    ids = people(20)
    server.everybody = "hang"
    report = everyone.all().send_message({"n": 1}, deadline=0.5, rate=100)
    assert sorted(report.timed_out) == sorted(ids)
    server.everybody = "busy"
    report = everyone.all().send_message({"n": 1}, deadline=0.5)
    assert sorted(report.throttled) == sorted(ids)


@pytest.mark.slow
def test_a_budget_is_kept(people, server):
    people(100)
    report = everyone.all().send_message({"n": 1}, rate=100)
    assert len(report.sent) == 100
    seconds = server.calls[-1].at - server.calls[0].at
    assert seconds >= 0.85


@pytest.mark.slow
def test_a_read_timeout_is_not_retried(people, server, options):
    """Without ids, a late answer means one delivery and a report that says so."""
    options(SEND_READ_TIMEOUT=0.3, SEND_CONNECT_TIMEOUT=0.3)
    ids = people(20)
    server.script = dict.fromkeys(ids, "first late")
    server.script[ids[-1]] = "fine"
    server.late = 2
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.timed_out) == sorted(ids[:-1])
    assert all(len(server.received[name]) == 1 for name in ids)


@pytest.mark.slow
def test_with_ids_a_late_answer_is_retried_without_duplicates(people, server, options):
    """First answers delayed, 1,000 of 1,000 seen once by a client that drops ids it has seen."""
    options(SEND_READ_TIMEOUT=2, SEND_THREADS=100, MESSAGE_IDS=True)
    ids = people(1000)
    server.script = dict.fromkeys(ids[::10], "first late")
    server.late = 20
    report = everyone.all().send_message({"n": 1})
    assert len(report.sent) == 1000
    assert max(len(got) for got in server.received.values()) == 2
    for name in ids:
        assert len({message["_ws"]["id"] for message in server.received[name]}) == 1


def test_a_connection_that_is_reset_is_tried_once_more(people, server):
    ids = people(20)
    server.script = {ids[3]: "first reset", ids[4]: "first broken"}
    assert len(everyone.all().send_message({"n": 1}).sent) == 20


def test_a_message_that_was_taken_is_repeated_once_at_most(people, server):
    """Connections that are open already tempt HTTP libraries to repeat on their own."""
    ids = people(400)
    everyone.all().send_message({"n": 1})
    server.received.clear()
    server.script = dict.fromkeys(ids[::20], "taken, then cut")
    report = everyone.all().send_message({"n": 2})
    assert sorted(report.failed) == sorted(ids[::20])
    assert {len(server.received[name]) for name in ids[::20]} == {2}
    assert {len(server.received[name]) for name in set(ids) - set(ids[::20])} == {1}


@pytest.mark.parametrize("order", ["-pk", "-connection_id"])
def test_a_queryset_in_any_order_reaches_everyone_once(people, server, order):
    ids = people(1100)
    assert everyone.order_by(order).send_message({"n": 1}).total == len(ids)
    assert server.received == {name: [{"n": 1}] for name in ids}


# --- everybody --------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["broken", "reset"])
@pytest.mark.parametrize("which", [slice(None, None, 10), slice(-80, None)], ids=["every tenth", "the last ones"])
def test_many_that_fail_among_those_that_do_not_stop_nobody(people, server, behaviour, which):
    ids = people(800)
    server.script = dict.fromkeys(ids[which], behaviour)
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.failed) == sorted(ids[which])
    assert len(report.sent) == 720


@pytest.mark.parametrize("behaviour", ["nowhere", "malformed"])
def test_an_endpoint_that_is_no_gateway_stops_early_and_raises(people, server, behaviour):
    people(800)
    server.everybody = behaviour
    with pytest.raises(AwsError, match=r"AWS answered 40[04]") as raised:
        everyone.all().send_message({"n": 1})
    assert len(server.calls) < 700
    assert raised.value.report.total == 800


@pytest.mark.slow
def test_an_account_that_takes_nothing_ends_the_send(people, server):
    """Without a deadline, too: waiting does not help."""
    ids = people(60)
    server.everybody = "busy"
    report = everyone.all().send_message({"n": 1})
    assert sorted(report.throttled) == sorted(ids)
    assert report.elapsed < 20


@pytest.mark.parametrize("rate", [0, -5])
def test_a_rate_that_is_not_positive_is_refused_before_any_call(people, server, rate):
    people(1)
    with pytest.raises(ValueError, match=f"rate={rate} is not a number above 0"):
        everyone.all().send_message({"n": 1}, rate=rate)
    assert not server.calls


def test_no_permission_stops_early_and_raises_with_the_remedy(people, server):
    people(1000)
    server.everybody = "forbidden"
    with pytest.raises(PermissionMissing, match="IAM policy") as raised:
        everyone.all().send_message({"n": 1})
    assert len(server.calls) < 700
    assert raised.value.report.total == 1000


def test_one_refusal_among_many_stops_nobody(people, server):
    ids = people(20)
    server.script = {ids[0]: "forbidden"}
    report = everyone.all().send_message({"n": 1})
    assert list(report.failed) == ids[:1]
    assert len(report.sent) == 19


def test_an_endpoint_where_nobody_listens_raises(people, server):
    people(300)
    server.stop()
    with pytest.raises(AwsUnreachable, match="Check the endpoint"):
        everyone.all().send_message({"n": 1})


def test_no_credentials_raise_with_the_remedy(people, server, settings, monkeypatch, tmp_path):
    del settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    people(3)
    everyone.get(pk=everyone.first().pk).api_gateway.sessions.update(connected=True)
    gateway = everyone.first().api_gateway
    gateway.api_endpoint = "wss://a1b2.execute-api.eu-west-1.amazonaws.com"
    gateway.save()
    with pytest.raises(Exception, match="AWS_IAM_PROFILE") as raised:
        everyone.all().send_message({"n": 1})
    assert type(raised.value).__name__ == "CredentialsError"


def test_one_queryset_sends_to_the_endpoint_of_each_gateway(people, server, gateway_of):
    other = type(server)()
    try:
        first = people(5, gateway=gateway_of(server))
        second = people(5, gateway=gateway_of(other, "c3d4"), start=100)
        assert len(everyone.all().send_message({"n": 1}).sent) == 10
        assert (set(server.received), set(other.received)) == (set(first), set(second))
    finally:
        other.stop()


def test_a_gateway_that_is_not_created_is_in_nobody_elses_way(people, server, gateway_of):
    people(5, gateway=gateway_of(server))
    missing = gateway_of(server, "c3d4")
    missing.api_endpoint = ""
    missing.save()
    lost = people(2, gateway=missing, start=100)
    report = everyone.all().send_message({"n": 1})
    assert len(report.sent) == 5
    assert sorted(report.failed) == sorted(lost)
    with pytest.raises(Exception, match="has no API endpoint"):
        missing.sessions.all().send_message({"n": 1})


def test_a_defect_in_a_hook_of_the_site_ends_the_send_with_it(people, server, options):
    """botocore runs a site's own hooks in the thread that sends."""
    options(SEND_TRANSPORT="boto3")
    people(50)

    def hook(**kwargs):
        raise LookupError("a defect of the site's own")

    client = connections_client(server.url)
    client.meta.events.register("before-sign.apigatewaymanagementapi.*", hook)
    with pytest.raises(LookupError, match="a defect"):
        everyone.all().send_message({"n": 1})


def test_nobody_to_send_to_is_no_error(db):
    report = everyone.all().send_message({"n": 1})
    assert (report.total, report.complete) == (0, True)


# --- one ---------------------------------------------------------------------------------------


def test_one_session_gets_true_or_false(people, server):
    ids = people(2)
    server.script = {ids[1]: "gone"}
    assert everyone.get(connection_id=ids[0]).send_message({"n": 1}) is True
    assert everyone.get(connection_id=ids[1]).send_message({"n": 1}) is False


@pytest.mark.parametrize(
    ("behaviour", "error", "calls"),
    [
        ("busy", Throttled, 3),
        ("forbidden", PermissionMissing, 1),
        ("hang", SendTimedOut, 1),
        ("reset", AwsUnreachable, 2),
    ],
)
def test_one_session_raises_what_went_wrong(people, server, options, behaviour, error, calls):
    options(SEND_READ_TIMEOUT=0.3, SEND_CONNECT_TIMEOUT=0.3)
    people(1)
    server.everybody = behaviour
    with pytest.raises(error):
        everyone.get().send_message({"n": 1})
    assert len(server.calls) == calls


def test_single_sends_reuse_their_connection(people, server):
    (name,) = people(1)
    session = everyone.get()
    for n in range(20):
        session.send_message({"n": n})
    assert server.received[name] == [{"n": n} for n in range(20)]
    assert server.connections == 1


# --- disconnect --------------------------------------------------------------------------------


def test_disconnect_closes_sockets_and_rows(people, server):
    ids = people(50)
    server.script = {ids[0]: "gone", ids[1]: "malformed"}
    report = everyone.all().disconnect()
    assert {call.method for call in server.calls} == {"DELETE"}
    assert (len(report.sent), report.gone, list(report.failed)) == (48, ids[:1], ids[1:2])
    assert open_ids() == {ids[1]}


def test_one_session_disconnects(people, server):
    ids = people(2)
    server.script = {ids[1]: "gone"}
    assert everyone.get(connection_id=ids[0]).disconnect() is True
    assert everyone.get(connection_id=ids[1]).disconnect() is False
    assert not open_ids()


@pytest.mark.parametrize(
    ("given", "kept"), [({}, "site"), ({"reason": "site"}, "site"), ({"reason": "kicked"}, "kicked")]
)
def test_disconnect_notes_the_reason(people, server, given, kept):
    ids = people(3)
    server.script = {ids[2]: "gone"}
    everyone.get(connection_id=ids[0]).disconnect(**given)
    everyone.all().disconnect(**given)
    assert dict(everyone.values_list("connection_id", "closed_reason")) == dict(zip(ids, [kept, kept, "gone"]))


@pytest.mark.parametrize("many", [False, True], ids=["one row", "queryset"])
@pytest.mark.parametrize("reason", ["", "logout", "gone", "SITE", None])
def test_disconnect_refuses_other_reasons(people, server, reason, many):
    people(1)
    sessions = everyone.all() if many else everyone.get()
    with pytest.raises(ValueError, match='reason="site" or reason="kicked"'):
        sessions.disconnect(reason=reason)
    assert not server.calls


def test_a_410_closes_with_the_reason_gone(people, server):
    ids = people(3)
    server.everybody = "gone"
    everyone.get(connection_id=ids[0]).send_message({})
    everyone.get(connection_id=ids[1]).check_connection()
    everyone.all().send_message({})
    assert set(everyone.values_list("connected", "closed_reason")) == {(False, "gone")}


@pytest.mark.once
def test_a_message_id_travels_under_the_reserved_key(people, server, options):
    ids = people(2)
    everyone.all().send_message({"n": 1}, message_id="m1")
    everyone.first().send_message({"n": 2, "_ws": {"channel": "room"}}, message_id="m2")
    assert server.received[ids[1]] == [{"n": 1, "_ws": {"id": "m1"}}]
    assert server.received[ids[0]][1] == {"n": 2, "_ws": {"channel": "room", "id": "m2"}}


@pytest.mark.once
def test_messages_get_ids_only_if_the_site_asks(people, server, options):
    ids = people(2)
    everyone.all().send_message({"n": 1})
    options(MESSAGE_IDS=True)
    everyone.all().send_message({"n": 2})
    everyone.all().send_message([3])
    everyone.all().send_message({"_ws": {"beat": True}})
    assert server.received[ids[0]] == server.received[ids[1]]
    plain, with_id, *rest = server.received[ids[0]]
    assert plain == {"n": 1}
    assert len(with_id.pop("_ws")["id"]) == 32
    assert [with_id, *rest] == [{"n": 2}, [3], {"_ws": {"beat": True}}]


@pytest.mark.once
@pytest.mark.parametrize("data", [[1], {"_ws": 1}])
def test_an_id_for_something_other_than_a_dict_is_refused(people, server, data):
    people(1)
    with pytest.raises(ValueError, match="message_id needs a dict"):
        everyone.get().send_message(data, message_id="m1")
