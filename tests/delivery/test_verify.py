"""clearWebSocketSessions --verify: AWS is asked about open rows that have been silent for long."""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("transport")]
everyone = WebSocketSession.objects


@pytest.fixture
def silent(people):
    """``silent(5)``: the ids of open rows from which nothing came for 20 minutes."""

    def silent(count, minutes=20, **values):
        ids = people(count, **values)
        past = timezone.now() - timedelta(minutes=minutes)
        everyone.filter(connection_id__in=ids).update(created_on=past, last_activity_on=past)
        return ids

    return silent


def clear(capsys, *options):
    call_command("clearWebSocketSessions", "--format=json", *options)
    return json.loads(capsys.readouterr().out)


def reasons():
    return dict(everyone.values_list("connection_id", "closed_reason"))


def test_rows_that_aws_does_not_know_are_closed(silent, server, capsys):
    here, gone = silent(5), silent(3, start=5)
    server.script = dict.fromkeys(gone, "gone")
    done = clear(capsys, "--verify")
    assert (done["asked"], done["swept"], done["unanswered"]) == (8, 3, 0)
    assert reasons() == {**dict.fromkeys(here, ""), **dict.fromkeys(gone, ClosedReason.SWEPT)}
    assert {call.method for call in server.calls} == {"GET"}


@pytest.mark.parametrize(("minutes", "asked"), [(1, 0), (10, 0), (12, 1), (119, 1), (125, 0)])
def test_only_rows_in_doubt_cost_a_call(silent, server, capsys, minutes, asked):
    silent(1, minutes=minutes)
    assert clear(capsys, "--verify")["asked"] == asked
    assert len(server.calls) == asked


@pytest.mark.parametrize("options", [(), ("--verify", "--dry-run")])
def test_without_the_option_and_in_a_dry_run_nobody_is_asked(silent, server, capsys, options):
    silent(2)
    assert clear(capsys, *options)["asked"] == 0
    assert not server.calls


def test_the_budget_holds(silent, server, capsys):
    silent(30)
    started = time.monotonic()
    assert clear(capsys, "--verify", "--rate=20")["asked"] == 30
    assert 1.2 < time.monotonic() - started < 5


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "inf", "nan"])
def test_a_wrong_rate_is_refused(rate):
    with pytest.raises(CommandError, match="Write calls per second, such as 100"):
        call_command("clearWebSocketSessions", f"--rate={rate}")


def test_an_error_about_one_row_stops_no_other(silent, server, capsys):
    ids = silent(4)
    server.script = {ids[0]: "malformed", ids[1]: "gone"}
    done = clear(capsys, "--verify")
    assert (done["asked"], done["swept"], done["unanswered"]) == (4, 1, 1)
    assert reasons()[ids[0]] == ""


def test_the_rest_is_done_if_aws_cannot_be_reached(silent, people, server, capsys):
    silent(2)
    closed = people(3, start=2)
    past = timezone.now() - timedelta(hours=1)
    everyone.filter(connection_id__in=closed).update(connected=False, created_on=past, updated_on=past)
    server.stop()
    with pytest.raises(CommandError, match="Check the endpoint and the network"):
        call_command("clearWebSocketSessions", "--verify")
    assert "Deleted 3 closed WebSocket sessions." in capsys.readouterr().out
    assert everyone.filter(connected=True).count() == 2


def test_a_terminal_shows_the_progress(silent, server, capsys):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    ids, screen = silent(3), Screen()
    server.script = {ids[0]: "gone"}
    call_command("clearWebSocketSessions", "--verify", stderr=screen)
    assert "Asked AWS about " in screen.getvalue()
    said = "Deleted 0 closed WebSocket sessions. Asked AWS about 3 sessions, and closed 1 that it does not know."
    assert said in capsys.readouterr().out


def test_the_job_does_the_same_and_returns_the_counts(silent, server):
    gone = silent(2)
    server.everybody = "gone"
    done = JOBS["clear_sessions"](older_than=3600, verify=True, rate=50)
    assert json.loads(json.dumps(done))["swept"] == 2
    assert reasons() == dict.fromkeys(gone, ClosedReason.SWEPT)
    assert JOBS["clear_sessions"](older_than=3600)["deleted"] == 0


def test_celery_beat_finds_the_task(silent, server):
    pytest.importorskip("celery")
    engine = import_module("django_aws_api_gateway_websockets.background.celery_engine")
    silent(1)
    server.everybody = "gone"
    example = import_module("docs.examples.clean_up_by_celery").CELERY_BEAT_SCHEDULE["clear WebSocket sessions"]
    task = engine.TASKS["clear_sessions"]
    assert task.name == example["task"]
    assert task.apply(kwargs=example["kwargs"]).get()["swept"] == 1


def test_django_runs_the_task(silent, server):
    if find_spec("django.tasks") is None:
        pytest.importorskip("django_tasks", reason="needs Django 6, or the backport")
    engine = import_module("django_aws_api_gateway_websockets.background.django_tasks")
    silent(1)
    server.everybody = "gone"
    assert engine.clear_sessions.call(older_than=3600, verify=True)["swept"] == 1
