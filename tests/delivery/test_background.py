"""``enqueue_message`` with real workers: processes of their own, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_aws_api_gateway_websockets.background import work
from django_aws_api_gateway_websockets.exceptions import AwsError
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.signals import message_delivered

ROOT = Path(__file__).parent.parent.parent

CELERY = ["celery", "-A", "tests.delivery.background_site", "worker", "--pool", "solo", "--loglevel", "info"]
DB_WORKER = ["django", "db_worker", "--interval", "0.2"]


class Site:
    """A site in processes: ``start`` a worker, ``run`` a command, ``kill`` as the kernel does."""

    def __init__(self, engine, folder):
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.delivery.background_site",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
            "SITE_ENGINE": engine,
            "SITE_DATABASE": str(folder / "site.sqlite3"),
            "SITE_QUEUE": f"websockets-{uuid.uuid4().hex}",
        }
        self.logs = folder
        self.workers = []

    def run(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments):
        log = (self.logs / f"worker{len(self.workers)}.log").open("w")
        names = ["--hostname", f"worker{len(self.workers)}@test"] if arguments[0] == "celery" else []
        worker = subprocess.Popen(
            [sys.executable, "-m", *arguments, *names], env=self.environment, cwd=ROOT, stdout=log, stderr=log
        )
        self.workers.append(worker)
        return worker

    def log(self):
        return "".join(path.read_text() for path in sorted(self.logs.glob("*.log")))

    def stop(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


@pytest.fixture
def site(tmp_path):
    sites = []

    def make(engine):
        sites.append(Site(engine, tmp_path))
        return sites[-1]

    yield make
    for site in sites:
        site.stop()


def wait_until(condition, site, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, site.log()[-5000:]
        time.sleep(0.02)


def broadcast(site, server, worker, count):
    """Two workers, one of them killed in the middle; returns when everybody has the message."""
    name = site.run("tests.delivery.broadcast", server.api_endpoint, str(count))
    victim = site.start(*worker)
    wait_until(lambda: len(server.received) > count // 20, site)
    site.start(*worker)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    killed_at = len(server.received)
    assert killed_at < count
    wait_until(lambda: len(server.received) == count, site)
    return name


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("TEST_BROKER"), reason="needs RabbitMQ: TEST_BROKER=amqp://guest:guest@127.0.0.1//"
)
def test_celery_loses_nobody_when_a_worker_is_killed(site, server):
    """Two Celery workers, RabbitMQ, 20,000 recipients, SIGKILL in the middle."""
    site = site("celery")
    name = broadcast(site, server, CELERY, 20_000)
    # The chunk under way when the worker died is sent again, and no other.
    assert sum(len(got) for got in server.received.values()) <= 20_000 + 2 * 500
    wait_until(lambda: "chunk 40 of 40" in site.log(), site)
    assert f"broadcast {name}" in site.log()


@pytest.mark.end_to_end
@pytest.mark.slow
def test_django_tasks_lose_nobody_when_a_worker_is_killed(site, server):
    """The database backend of Django's tasks, 20,000 recipients, SIGKILL in the middle."""
    pytest.importorskip("django_tasks_db", reason="needs Django 5.2, as django-tasks-db does")
    site = site("tasks")
    broadcast(site, server, DB_WORKER, 20_000)
    assert sum(len(got) for got in server.received.values()) <= 20_000 + 500


@pytest.mark.django_db
def test_a_chunk_reports_by_signal_and_log(people, server, caplog):
    ids = people(5)
    server.script = {ids[0]: "malformed"}
    told = []

    def receive(sender, **kwargs):
        told.append(kwargs)

    keys = list(WebSocketSession.objects.values_list("pk", flat=True))
    message_delivered.connect(receive)
    try:
        summary = work.deliver("b1", 2, 3, "default", '{"n":1}', False, keys)
    finally:
        message_delivered.disconnect(receive)
    (kwargs,) = told
    assert (kwargs["broadcast"], kwargs["chunk"], kwargs["chunks"]) == ("b1", 2, 3)
    assert len(kwargs["report"].sent) == 4
    assert (summary["sent"], summary["failed"]) == (4, 1)
    assert "broadcast b1, chunk 2 of 3): 4 sent, 1 failed" in caplog.text


@pytest.mark.django_db
def test_a_chunk_that_reaches_nobody_reports_too(people, server):
    """Who counts the reports of a broadcast waits for as many as there are chunks."""
    (name,) = people(1)
    server.script = {name: "broken"}
    told = []

    def receive(sender, report, chunk, **kwargs):
        told.append((chunk, list(report.failed)))

    message_delivered.connect(receive)
    try:
        keys = [WebSocketSession.objects.get().pk]
        with pytest.raises(AwsError, match="500"):
            work.deliver("b1", 2, 3, "default", '{"n":1}', False, keys)
    finally:
        message_delivered.disconnect(receive)
    assert told == [(2, [name])]


@pytest.mark.django_db
def test_a_receiver_that_fails_does_not_make_a_chunk_run_again(people, server, caplog):
    people(1)

    def receive(sender, **kwargs):
        raise ZeroDivisionError

    message_delivered.connect(receive)
    try:
        keys = [WebSocketSession.objects.get().pk]
        assert work.deliver("b1", 1, 1, "default", '{"n":1}', False, keys)["sent"] == 1
    finally:
        message_delivered.disconnect(receive)
    assert "A receiver of message_delivered failed" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["", "rq"])
def test_without_an_engine_the_error_names_the_setting(options, engine):
    options(BACKGROUND=engine)
    message = f'is {engine!r}. Use "celery", "tasks" or the dotted path'
    with pytest.raises(ImproperlyConfigured, match=message):
        WebSocketSession.objects.all().enqueue_message({"n": 1})
