"""The admin's pages, as an operator sees them. `SCREENSHOTS=docs/images` keeps the pictures."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone

from django_aws_api_gateway_websockets.models import ApiGateway, ClosedReason, activity

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADMIN = "/admin/django_aws_api_gateway_websockets/apigateway/"


@pytest.fixture
def gateways(local_gateway, settings):
    """Three rows: one in step, one that differs, one that was not created."""
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "ALLOWED_TARGET_HOSTS": ["*.example.com"]}

    def describe(name, **values):
        target = f"https://{name}.example.com/ws/"
        return ApiGateway.objects.create(api_name=name, is_local=True, target_base_endpoint=target, **values)

    chat = describe("chat", api_description="The chat of the shop", tags={"team": "web"}, throttling_rate=500)
    chat.additional_routes.create(name="Orders", route_key="orders", integration_url="https://orders.example.com/ws")
    chat.create_gateway()
    prices = describe("prices")
    prices.create_gateway()
    prices.target_base_endpoint = "https://www.example.com/ws/"
    prices.two_way_replies, prices.throttling_rate = True, 50
    prices.save()
    prices.plan()
    describe("alerts").plan()
    return {gateway.api_name: gateway for gateway in ApiGateway.objects.all()}


@pytest.fixture
def window(make_window, live_server, admin_user):
    window = make_window(1440, 900)
    window.open(f"{live_server.url}{ADMIN}")
    window.fill("#id_username", "admin")
    window.fill("#id_password", "password", "\n")
    return window


@pytest.fixture
def sessions(gateways, make_user):
    """Some people in rooms, and some who have left."""
    chat, now = gateways["chat"], timezone.now()
    people = [make_user(name) for name in ("alice", "bob", "carol", "dave")]
    ends = ["", "", "", ClosedReason.CLIENT, "", ClosedReason.LOGOUT, "", ClosedReason.GONE, "", ClosedReason.EXPIRED]
    for number, reason in enumerate(reversed(ends)):
        session = chat.sessions.create(
            connection_id=f"L0SM9cOFvHcCI{number:x}w=",
            user=people[number % 4] if number != 6 else None,
            channel_name=("workshop", "lobby", "")[number % 3],
            stage_name="production",
            connected=not reason,
            closed_reason=reason,
        )
        born = now - timedelta(minutes=130 - 12 * number)
        chat.sessions.filter(pk=session.pk).update(created_on=born, last_activity_on=born + timedelta(minutes=7))
    return chat.sessions.order_by("-pk")


def choose(window, gateway, action):
    window.run(
        "document.querySelector(arguments[0]).checked = true;"
        "document.querySelector('[name=action]').value = arguments[1];"
        "document.querySelector('#changelist-form').submit()",
        f"[name=_selected_action][value='{gateway.pk}']",
        action,
    )


def keep(window, name):
    height = window.run("return document.documentElement.scrollHeight")
    window.resize(1440, max(height, 700))
    picture = window.screenshot()
    window.resize(1440, 900)
    if os.environ.get("SCREENSHOTS"):
        from PIL import Image

        path = Path(os.environ["SCREENSHOTS"], f"{name}.png")
        path.write_bytes(picture)
        image = Image.open(path)
        image.resize((1440, image.height * 1440 // image.width)).save(path, optimize=True)


def test_the_pages_of_gateways(gateways, window, live_server, settings):
    window.wait_for_text("#result_list", "prices")
    rows = window.text("#result_list tbody")
    assert [word in rows for word in ("in step", "differs", "not created", "ago")] == [True] * 4
    # The list is all there, not behind an edge.
    assert window.run("const list = document.querySelector('.results'); return list.scrollWidth <= list.clientWidth")
    keep(window, "admin-gateways")

    window.open(f"{live_server.url}{ADMIN}{gateways['chat'].pk}/change/")
    window.wait_for_text(".gateway-operations", "Update the API")
    assert "in step" in window.text(".gateway-status")
    keep(window, "admin-gateway")

    window.open(f"{live_server.url}{ADMIN}")
    window.wait_for_text("#result_list", "prices")
    choose(window, gateways["prices"], "update_api_gateway")
    window.wait_for_text(".gateway-plan", "https://www.example.com/ws/connect")
    keep(window, "admin-plan")

    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "LOCAL_GATEWAY": "http://127.0.0.1:9"}  # nobody listens there
    window.open(f"{live_server.url}{ADMIN}")
    window.wait_for_text("#result_list", "prices")
    choose(window, gateways["prices"], "plan_api_gateway")
    window.wait_for_text("#content", "Check the endpoint and the network")
    keep(window, "admin-error")


def test_the_pages_of_sessions(sessions, window, live_server):
    address = f"{live_server.url}/admin/django_aws_api_gateway_websockets/websocketsession/"
    window.wait_for_text("#result_list", "prices")
    window.open(address)
    window.wait_for_text("#result_list", "alice")
    rows = window.text("#result_list tbody")
    assert [word in rows for word in ("workshop", "carol", "logout")] == [True] * 3
    keep(window, "admin-sessions")
    assert window.run("const list = document.querySelector('.results'); return list.scrollWidth <= list.clientWidth")

    for action, name in (("send_a_message", "admin-send"), ("disconnect", "admin-disconnect")):
        window.open(address)
        window.wait_for_text("#result_list", "alice")
        window.run("document.querySelectorAll('[name=_selected_action]').forEach(box => box.checked = true)")
        choose(window, sessions[0], action)
        window.wait_for_text(".session-action", "6 connections")
        keep(window, name)


AXE = """
const done = arguments[0];
axe.run("#content").then(({violations}) =>
  done(violations.map(({id, impact, nodes}) => `${impact}: ${id} ${nodes[0].html}`)));
"""


@pytest.fixture
def three_hours(monkeypatch):
    """Events of an ordinary afternoon, which rises and falls."""
    cache.clear()
    now = time.time()
    with monkeypatch.context() as patch:
        for step in range(activity.STEPS):
            patch.setattr(time, "time", lambda step=step: now - step * activity.STEP)
            activity.count(activity.CONNECTS, 40 + (step * 7) % 23 - step)
            activity.count(activity.MESSAGES, 900 + (step * 131) % 420 - 12 * step)
            activity.count(ClosedReason.CLIENT, 30 + (step * 5) % 17 - step // 2)
            for number, reason in enumerate(("gone", "expired", "logout", "kicked", "swept", "refused")):
                activity.count(reason, (step * (2 * number + 3)) % 13 // (number + 1))
    activity.note_failure(Exception("The connection L0SM9cOFvHcCI7w= does not read: its buffer in AWS is full."))
    yield
    cache.clear()


def test_the_live_page(sessions, three_hours, window, live_server):
    window.wait_for_text("#result_list", "prices")
    window.open(f"{live_server.url}/admin/django_aws_api_gateway_websockets/websocketsession/live/")
    window.wait_for_text(".live h2", "6 open connections")
    assert "Removed by the site" in window.text(".live")
    assert window.run("return document.querySelectorAll('.live svg').length") == 3
    keep(window, "admin-live")

    # By keyboard: each table opens with Enter.
    for number in range(3):
        window.run("document.querySelectorAll('.live summary')[arguments[0]].focus()", number)
        window.press("ENTER")
    assert window.run("return document.querySelectorAll('.live details[open]').length") == 3
    assert window.run("return document.activeElement.tagName") == "SUMMARY"

    script = Path(pytest.importorskip("axe_selenium_python").__file__).with_name("node_modules") / "axe-core/axe.min.js"
    window.run(script.read_text())
    # axe takes what lies below the window for text on white, whatever the theme.
    window.resize(1440, window.run("return document.documentElement.scrollHeight"))
    for dark in (False, True):
        window.set_dark(dark)
        time.sleep(0.5)  # The admin's links fade from one colour to the other.
        assert [found for found in window.run_async(AXE) if found.startswith(("serious", "critical"))] == []
    window.resize(420, 900)
    assert window.run("return document.querySelector('.live').scrollWidth <= document.documentElement.clientWidth")
    assert [error for error in window.errors() if "favicon" not in error] == []
