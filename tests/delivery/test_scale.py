"""A large send uses neither more connections nor more memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db.backends.signals import connection_created

from django_aws_api_gateway_websockets.delivery import DeliveryReport
from django_aws_api_gateway_websockets.delivery.connection_ids import ConnectionIds
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def sink():
    """A server in a process of its own, so that its memory is not ours."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline())
    process.terminate()
    process.wait()


def resident_megabytes():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_a_large_send_keeps_memory_and_db_connections_flat(people, sink, transport):
    """100,000 rows by libcurl, 5,000 by boto3's threads."""
    count = 100_000 if transport == "curl" else 5_000
    gateway = ApiGateway.objects.create(
        api_name="sink", target_base_endpoint="https://x/ws/", api_id="a1b2", api_endpoint=f"ws://127.0.0.1:{sink}"
    )
    people(count, gateway=gateway)
    WebSocketSession.objects.all()[:1].get().send_message({})  # imports boto3, which is not what is measured
    opened = []

    def note(sender, connection, **kwargs):
        opened.append(connection)

    connection_created.connect(note)
    before = resident_megabytes()
    try:
        report = WebSocketSession.objects.all().send_message({"n": 1})
    finally:
        connection_created.disconnect(note)
    assert len(report.sent) == count
    assert opened == []
    assert resident_megabytes() - before < 100


@pytest.mark.once
@pytest.mark.django_db
def test_queries_grow_with_the_rows_by_large_chunks_only(people, django_assert_num_queries):
    """Read 25,500 rows with 3 queries, and their gateway with one. Nothing is sent, because the deadline is over."""
    ids = people(25_500)
    with django_assert_num_queries(4):
        report = WebSocketSession.objects.all().send_message({"n": 1}, deadline=0)
    assert len(report.not_tried) == len(ids)


@pytest.mark.django_db
def test_a_join_that_repeats_rows_sends_once(people, server, make_user, django_user_model):
    from django.contrib.auth.models import Group

    user = make_user("carol")
    user.groups.set([Group.objects.create(name=name) for name in ("a1", "a2", "a3")])
    ids = people(3, user=user)
    report = WebSocketSession.objects.filter(user__groups__name__startswith="a").send_message({"n": 1})
    assert sorted(report.sent) == sorted(ids)
    assert len(server.calls) == 3


def test_ids_of_a_report_behave_as_a_list():
    report = DeliveryReport()
    names = [f"id{n}=" for n in range(5000)]
    report.sent.extend(names)
    assert report.sent == names
    assert list(report.sent) == names
    assert len(report.sent) == 5000
    assert "id4999=" in report.sent
    assert "id1=" in report.sent
    assert "other" not in report.sent
    assert report.sent != names[:-1]
    assert report.sent != [*names[:-1], "x"]
    assert repr(report.sent) == "<5000 connection ids, id0= …>"
    assert repr(report.gone) == "[]"


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 5000])
def test_ids_of_a_report_are_a_sequence(count):
    ids, names = ConnectionIds(), [f"id{n}=" for n in range(count)]
    ids.extend(names)
    assert isinstance(ids, Sequence)
    for index in (0, 1, -1, -2, 1023, 1024, -1024, count - 1, -count):
        if -count <= index < count:
            assert ids[index] == names[index]
        else:
            with pytest.raises(IndexError):
                ids[index]
    for cut in (
        slice(10),
        slice(-3, None),
        slice(1020, 1030),
        slice(None, None, 7),
        slice(None, None, -1),
        slice(9, 2),
    ):
        assert ids[cut] == names[cut]
    assert list(reversed(ids)) == names[::-1]
    assert all(ids.index(name) == place for place, name in enumerate(names[:3]))
    assert json.loads(json.dumps(list(ids))) == names


def test_a_report_can_be_written_as_json():
    report = DeliveryReport()
    report.sent.extend(["a=", "b="])
    report.failed["c="] = ValueError("no")
    assert json.loads(json.dumps(report.summary()))["error"] == "no"
    assert json.loads(json.dumps(report.counts()))["sent"] == 2
    assert json.loads(json.dumps(report.sent[:1])) == ["a="]


def test_slices_of_a_million_ids_are_quick():
    ids = ConnectionIds(f"L0SM9cOF{n:06x}=" for n in range(1_000_000))
    started = time.perf_counter()
    assert [len(ids[n : n + 10]) for n in range(0, 1_000_000, 10_000)] == [10] * 100
    assert ids[-1] == f"L0SM9cOF{999_999:06x}="
    assert time.perf_counter() - started < 0.5  # all ids in a list take longer than that to make
