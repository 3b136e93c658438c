"""A large send uses neither more connections nor more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db.backends.signals import connection_created

from django_aws_api_gateway_websockets.delivery import DeliveryReport
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


@pytest.mark.django_db
def test_queries_grow_with_the_rows_by_large_chunks_only(people, django_assert_num_queries):
    """15,500 rows in 5 queries, and one for their gateway: nothing is sent, the deadline being over."""
    ids = people(15_500)
    with django_assert_num_queries(6):
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
