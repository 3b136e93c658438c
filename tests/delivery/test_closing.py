"""Closing many connections: in chunks, and within one deadline."""

from __future__ import annotations

import math
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.models.batches import batches
from django_aws_api_gateway_websockets.models.closing import close_connections

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("transport")]
everyone = WebSocketSession.objects


@pytest.mark.parametrize(("count", "chunk"), [(7, 3), (1200, 1000), (1001, 500), (1, 1000)])
def test_rows_are_closed_in_chunks_as_they_are_read(people, options, count, chunk, django_capture_on_commit_callbacks):
    options(BACKGROUND="tests.delivery.test_closing.keep", BACKGROUND_CHUNK=chunk)
    ids = people(count)
    del KEPT[:]
    with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as queries:
        assert close_connections(everyone.order_by("-created_on"), "logout") == count
    updates = [one["sql"] for one in queries if one["sql"].startswith("UPDATE") and "closed_reason" in one["sql"]]
    assert len(updates) == sum(math.ceil(len(part) / 500) for part in batches(ids, chunk))
    # The first 1,000 rows are read with one query, and the next 2,000 with another.
    reads = [one["sql"] for one in queries if "created_on" in one["sql"] and "LIMIT" in one["sql"]]
    assert len(reads) == (1 if count < 1000 else 2)
    assert [len(job.arguments[1]) for job in KEPT] == [len(part) for part in batches(ids, chunk)]
    assert {socket[0] for job in KEPT for socket in job.arguments[1]} == set(ids)
    assert everyone.filter(connected=False, closed_reason="logout").count() == count


KEPT = []


def keep(jobs):
    KEPT.extend(jobs)


@pytest.mark.django_db(transaction=True)
def test_all_chunks_share_one_deadline(people, server, options, caplog):
    options(CLOSE_DEADLINE=0.4, BACKGROUND_CHUNK=5)
    people(50, protocol_version=2)
    server.everybody = "hang"
    began = time.monotonic()
    assert close_connections(everyone.all(), "logout") == 50  # no transaction: each chunk is closed at once
    assert time.monotonic() - began < 2
    assert not everyone.filter(connected=True).exists()
    assert caplog.text.count("was not closed, so its client can still listen") == 50


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("given", ["argument", "setting"])
def test_disconnect_has_a_deadline(people, server, options, given, version):
    options(SEND_DEADLINE=0.4 if given == "setting" else 60)
    ids = people(30, protocol_version=version)
    server.everybody = "hang"
    began = time.monotonic()
    report = everyone.all().disconnect(**({"deadline": 0.4} if given == "argument" else {}))
    assert time.monotonic() - began < 2
    assert {*report.timed_out, *report.not_tried} == set(ids)
    assert everyone.filter(connected=True).count() == 30


def test_the_admin_waits_only_briefly_for_a_disconnect(people, server, options, admin_client):
    options(CLOSE_DEADLINE=0.4)
    people(3)
    server.everybody = "hang"
    keys = list(everyone.values_list("pk", flat=True))
    began = time.monotonic()
    url = "/admin/django_aws_api_gateway_websockets/websocketsession/"
    answer = admin_client.post(url, {"action": "disconnect", "_selected_action": keys, "confirmed": "1"}, follow=True)
    assert time.monotonic() - began < 4
    assert "3 connections were not reached" in answer.content.decode()
