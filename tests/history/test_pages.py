"""The history outside of a socket: over HTTP, in templates, in the admin and in the system checks."""

from __future__ import annotations

import re

import pytest
from django.core.checks import run_checks
from django.template import Context, Template, TemplateSyntaxError
from django.urls import reverse

from django_aws_api_gateway_websockets.history import position, publish
from django_aws_api_gateway_websockets.models import HistoryMessage, WebSocketSession

from .conftest import MEMBERS_ONLY

pytestmark = pytest.mark.django_db


def say(*numbers, **options):
    return [publish("room-1", {"n": number}, **options).position for number in numbers]


@pytest.fixture
def get(client):
    return lambda **query: client.get("/ws-history/", query)


def test_http_returns_missed_messages(get):
    first, *_, last = say(1, 2, 3)
    answer = get(channel="room-1", since=first).json()
    assert [entry["message"] for entry in answer["missed"]] == [{"n": 2}, {"n": 3}]
    assert (answer["at"], answer["missed"][-1]["at"], answer["more"]) == (last, last, False)
    assert get(channel="room-1").json() == get(channel="room-1", since=last).json()
    assert get(channel="room-1").json() == {"at": last, "more": False, "missed": []}
    assert get(channel="room-1")["Cache-Control"].startswith("max-age=0")


def test_http_reports_a_gap(get):
    (at,) = say(1)
    response = get(channel="room-1", since="e1:40:x")
    assert (response.status_code, response.json()["gap"]) == (409, at)


@pytest.mark.parametrize(
    ("channel", "status"),
    [("room-staff", 403), ("lobby", 404), ("", 400), (" room-1", 400), ("room-" * 60, 400)],
)
def test_http_applies_the_channel_rules_of_the_socket(get, channel, status):
    response = get(channel=channel)
    assert (response.status_code, "message" in response.json()) == (status, True)


@pytest.mark.parametrize("name", MEMBERS_ONLY)
def test_http_refuses_a_user_who_could_not_connect(client, alice, name):
    say(1)
    url = f"/{name}/?channel=room-1&since=0:0:0"
    assert client.get(url).status_code == 403
    client.force_login(alice)
    assert [entry["message"] for entry in client.get(url).json()["missed"]] == [{"n": 1}]
    assert not WebSocketSession.objects.exists()


def test_http_leaves_out_what_excludes_the_user(client, get, alice):
    first, last = say(1, 2, exclude=alice)
    client.force_login(alice)
    assert get(channel="room-1", since=first).json() == {"at": last, "more": False, "missed": []}


def render(text, **context):
    return Template("{% load gateway_socket %}" + text).render(Context(context))


def test_the_position_tag_writes_the_position():
    (at,) = say(1)
    assert render('{% position "room-1" %}|{% position "lobby" %}|{% position "room-2" %}') == f"{at}||0:0:0"


def test_a_live_part_reads_its_position_before_its_rows():
    say(1)

    def rows():
        say(2)
        return HistoryMessage.objects.count()

    html = render("{% live room %}{{ rows }}{% endlive %}", room="room-1", rows=rows)
    found = re.fullmatch('<div data-live="room-1" data-at="(.*?)">2</div>', html)
    assert found[1].split(":")[1] == "1"
    assert position("room-1").split(":")[1] == "2"


def test_a_live_part_takes_the_position_of_the_view():
    html = render("{% live room at=at %}<b>{{ room }}</b>{% endlive %}", room='room-"1"', at="e1:2:x")
    assert html == '<div data-live="room-&quot;1&quot;" data-at="e1:2:x"><b>room-&quot;1&quot;</b></div>'


@pytest.mark.parametrize("tag", ['live "lobby"', "live", 'live "room-1" "e1:2:x"', 'live "room-1" at=a b=c'])
def test_wrong_live_tags_are_named(tag):
    with pytest.raises(TemplateSyntaxError, match="live"):
        render("{% " + tag + " %}{% endlive %}")


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ('live "room-1" at=position', "^`at` is empty. Is the variable in the context of the template\\?$"),
        ("live room", "^The tag live got no channel name. Is the variable in the context\\?$"),
        ('live "" at="e1:2:x"', "^The tag live got no channel name. Is the variable in the context\\?$"),
    ],
)
def test_a_live_tag_names_its_empty_argument(tag, says):
    with pytest.raises(TemplateSyntaxError, match=says):
        render("{% " + tag + " %}{% endlive %}", room=None)


def test_the_admin_shows_a_history_and_changes_nothing(admin_client, alice):
    say(1, 2, user=alice)
    publish("room-2", {"text": "elsewhere"})
    base = "admin:django_aws_api_gateway_websockets_"
    html = admin_client.get(reverse(f"{base}channelhistory_changelist")).content.decode()
    (link,) = re.findall(r'<a href="(/admin/[^"]*historymessage/\?history__id__exact=\d+)">', html.split("room-1")[1])[
        :1
    ]
    html = admin_client.get(link).content.decode()
    assert "{&quot;n&quot;:2}" in html
    assert "alice" in html
    assert "elsewhere" not in html
    message = HistoryMessage.objects.first()
    page = reverse(f"{base}historymessage_change", args=[message.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"body": "x"}).status_code == 403
    assert admin_client.post(reverse(f"{base}historymessage_delete", args=[message.pk])).status_code == 403
    assert admin_client.get(reverse(f"{base}historymessage_add")).status_code == 403


GOOD = {"size": 10}


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({"room-*": {"size": 10, "seconds": 60}, "lobby": GOOD}, []),
        ([], ["is a list, not a dict"]),
        ({"": GOOD}, ["is not a channel pattern"]),
        ({7: GOOD}, ["is not a channel pattern"]),
        ({"user-{user_pk}": GOOD}, ["{user_pk}"]),
        ({"*" * 17: GOOD}, ["17"]),
        ({"a": {}}, ["sets no limit"]),
        ({"a": 10}, ["sets no limit"]),
        ({"a": {"sise": 10}}, ["unknown key 'sise'"]),
        ({"a": {"size": 0}, "b": {"seconds": "300"}, "c": {"size": True}}, ["'size': 0", "'seconds': '300'", "True"]),
    ],
)
def test_the_setting_is_checked(settings, history, says):
    settings.WEBSOCKETS = {"HISTORY": history}
    found = [one for one in run_checks(tags=["websockets"]) if one.id == "websockets.E040"]
    assert len(found) == len(says)
    for error, text in zip(found, says):
        if "17" not in text:
            assert text in error.msg
        assert error.hint
