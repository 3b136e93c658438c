"""The statements of ``make scale``. Each runs in a small and in a large database in turn."""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import contextmanager
from datetime import timedelta
from statistics import median

from .scale_database import CROWD, THOUSAND, add_crowd, use

TURNS = 200


class Statements:
    """A wrapper for ``connection.execute_wrapper`` that adds up the time of statements."""

    def __init__(self):
        self.seconds, self.count, self.slowest = 0.0, 0, 0.0

    def __call__(self, execute, *arguments):
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            took = time.perf_counter() - started
            self.seconds, self.count, self.slowest = self.seconds + took, self.count + 1, max(self.slowest, took)


def side_by_side(sides, what, prepare, act, turns=TURNS):
    """Print the time that the statements of ``act`` take in each database: the medians of all turns."""
    from django.db import connections

    found = {side: [] for side in sides}
    for _ in range(turns):
        for side in sides:
            use(side)
            given = prepare()
            statements = Statements()
            with connections["default"].execute_wrapper(statements):
                act(given)
            found[side].append(statements.seconds)
    small, large = (median(found[side]) * 1000 for side in sides)
    print(f"| {what} | {small:,.2f} ms | {large:,.2f} ms | {large / small:.1f} |", flush=True)


def points(sides):
    """Print the table of single events. Times cover the statements, without Python and without the commit."""
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
    from django_aws_api_gateway_websockets.models.clearing import clean_up
    from django_aws_api_gateway_websockets.presence import is_online, online

    rows, numbers = WebSocketSession.objects, secrets.SystemRandom()

    def nothing():
        return None

    def user():
        return get_user_model().objects.get(username=f"user{numbers.randrange(1, 10_000)}")

    def anonymous():
        return {
            "connection_id": f"{secrets.token_hex(7)}=",
            "channel_name": f"Room {numbers.randrange(1000)}",
            "api_gateway": ApiGateway.objects.get(),
            "stage_name": "production",
        }

    def logged_in():
        login = {"session_key_hash": secrets.token_hex(32), "session_auth_hash": secrets.token_hex(32)}
        return {**anonymous(), **login, "user": user()}

    def opened():
        return rows.record(**logged_in())

    def joined():
        session = opened()
        session.join("Group 7")
        return session

    def window(_):
        rolled_back(lambda: next(clean_up(rows.filter(pk__lte=1000), timedelta(0))))

    side_by_side(sides, "connect, logged in", logged_in, lambda values: rows.record(**values))
    side_by_side(sides, "connect, anonymous", anonymous, lambda values: rows.record(**values))
    side_by_side(sides, "message", opened_socket, say)
    side_by_side(sides, "join", opened, lambda session: session.join("Group 7"))
    side_by_side(sides, "leave", joined, lambda session: session.leave("Group 7"))
    side_by_side(sides, "disconnect", opened, lambda session: session.mark_disconnected("client"))
    side_by_side(sides, "disconnect with a joined channel", joined, lambda session: session.mark_disconnected("client"))
    side_by_side(sides, "is_online", user, is_online)
    busy = get_user_model().objects.earliest("pk")
    what = "is_online, for a user with 2% of all rows, nearly all closed"
    side_by_side(sides, what, nothing, lambda _: is_online(busy))
    hundred = get_user_model().objects.order_by("pk")
    side_by_side(sides, "online, 100 users", lambda: list(hundred[100:200]), online)
    side_by_side(
        sides,
        "connections of a login",
        lambda: opened().session_key_hash,
        lambda login: list(rows.filter(session_key_hash=login, connected=True)),
    )
    one_open = rows.filter(channel_name="Busy", connected=True).order_by("pk")
    side_by_side(
        sides,
        "recipients of a channel with half of all rows, nearly all closed",
        nothing,
        lambda _: list(one_open.values_list("pk", "connection_id", "api_gateway_id")[:1000]),
    )
    side_by_side(sides, "a clean-up batch of 1,000 rows", nothing, window, 20)


def opened_socket():
    from django_aws_api_gateway_websockets.models import ApiGateway
    from django_aws_api_gateway_websockets.testing import GatewayClient

    return GatewayClient(ApiGateway.objects.get()).connect("/ws/")


def say(opened):
    assert opened.send_json({"action": "refuse"}).status_code == 400


def rolled_back(act):
    from django.db import transaction

    with transaction.atomic():
        act()
        transaction.set_rollback(True)


def whole(sides, what, ask, per=1, unit="ms", turns=15):
    """Print the best time of ``ask`` in each database, and the best CPU time of this process in brackets."""
    found = {side: [] for side in sides}
    for _ in range(turns):
        for side in sides:
            use(side)
            started, cpu = time.perf_counter(), time.process_time()
            ask()
            found[side].append((time.perf_counter() - started, time.process_time() - cpu))
    factor = (1e6 if unit == "µs" else 1e3) / per
    best = {side: [min(times) * factor for times in zip(*found[side])] for side in sides}
    parts = [f"{wall:,.2f} {unit} ({cpu:,.2f})" for wall, cpu in best.values()]
    small, large = (wall for wall, _ in best.values())
    print(f"| {what} | {' | '.join(parts)} | {large / small:.1f} |", flush=True)


def crowds(sides):
    """Print the table of channels with many open connections, which both databases have."""
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import WebSocketSession
    from django_aws_api_gateway_websockets.models.recipients import open_rows, targets_of
    from django_aws_api_gateway_websockets.presence import is_online, online, presence

    for side in sides:
        use(side)
        add_crowd()
    rows = WebSocketSession.objects
    crowd, users = rows.in_channel("Crowd"), list(get_user_model().objects.order_by("pk")[:100])
    assert len(list(open_rows(crowd))) == CROWD
    assert sum(presence("Thousand").users.values()) == THOUSAND
    whole(sides, f"rows of in_channel, {CROWD:,} open, per row", lambda: list(open_rows(crowd)), CROWD, "µs")
    whole(sides, "the same as recipients of a send, per row", lambda: list(targets_of(crowd)), CROWD, "µs")
    few = rows.in_channel("Group 71")
    whole(sides, "in_channel, few connections", lambda: list(open_rows(few)))
    whole(sides, f"presence of {THOUSAND:,} users", lambda: presence("Thousand"))
    whole(sides, f"of which creating {THOUSAND:,} users", lambda: list(get_user_model().objects.all()[:THOUSAND]))
    whole(sides, "online, 100 users", lambda: online(users), turns=50)
    whole(sides, "is_online", lambda: is_online(users[3]), turns=50)
    several = get_user_model().objects.filter(username__in=[f"user{number}" for number in range(10)])
    whole(sides, "for_user with a queryset of 10 users", lambda: list(rows.for_user(several).open()))
    user = get_user_model().objects.filter(username="user5")
    whole(sides, "deletion of a user", lambda: rolled_back(user.get().delete), turns=3)


def pages(sides):
    """Print the table of the admin's pages."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    clients = {}
    for side in sides:
        use(side)
        clients[side] = Client()
        clients[side].force_login(get_user_model().objects.create_superuser("root", password="x"))
    base = "/admin/django_aws_api_gateway_websockets"
    one = WebSocketSession.objects.order_by("pk")[500].connection_id
    busy = get_user_model().objects.earliest("pk").pk

    def get(url):
        from django.db import connections

        response = clients[connections["default"]].get(url)
        assert response.status_code == 200, (url, response.status_code)

    for name, path in (
        ("Live", "websocketsession/live/"),
        ("the list", "websocketsession/"),
        ("the list, page 5", "websocketsession/?p=5"),
        ("the list, connected only", "websocketsession/?connected__exact=1"),
        ("search by user", "websocketsession/?q=user77"),
        ("search by channel", "websocketsession/?q=Room+77"),
        ("search by joined channel", "websocketsession/?q=Group+71"),
        ("search by connection id", f"websocketsession/?q={one}"),
        ("delete this gateway?", f"apigateway/{ApiGateway.objects.get().pk}/delete/"),
        ("delete a user with 2% of all rows?", f"../auth/user/{busy}/delete/"),
    ):
        url = f"{base}/{path}".replace(f"{base}/..", "/admin")
        whole(sides, f"admin: {name}", lambda url=url: get(url), turns=3)


def many_at_once(sides):
    """Print the times of work that involves thousands of rows, or that waits for a silent AWS."""
    for side in sides:
        use(side)
        clear_sessions()
    with silent_endpoint() as port:
        for side in sides:
            use(side)
            log_out(port)


def clear_sessions(count=5_000):
    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    expired = timezone.now() - timedelta(days=1)
    Session.objects.bulk_create(
        [Session(session_key=f"{n:032}", session_data="", expire_date=expired) for n in range(count)]
    )
    statements, started = Statements(), time.perf_counter()
    with connection.execute_wrapper(statements):
        call_command("clearsessions")
    took = time.perf_counter() - started
    print(f"`clearsessions` with {count:,} expired sessions: {took:.2f} s, {statements.count} statements.", flush=True)


@contextmanager
def silent_endpoint():
    """Yield the port of a server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(128)
        yield server.getsockname()[1]


def log_out(port, count=50):
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
    from django_aws_api_gateway_websockets.testing import GatewayClient

    client = GatewayClient(ApiGateway.objects.get())
    client.force_login(get_user_model().objects.get(username="user99"))
    opened = [client.connect("/ws/").session.pk for _ in range(count)]
    ApiGateway.objects.update(api_endpoint=f"ws://127.0.0.1:{port}")  # no longer this process
    started = time.perf_counter()
    client.logout()
    took = time.perf_counter() - started
    assert not WebSocketSession.objects.filter(pk__in=opened, connected=True).exists()
    print(f"A logout with {count} sockets while AWS is silent: {took:.2f} s.", flush=True)
