"""Every function that takes channel names refuses other values, and says what to pass."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db.models import F, OuterRef, Value
from django.template import Context, Template, TemplateSyntaxError
from django.urls import path
from django.utils.translation import gettext_lazy

from django_aws_api_gateway_websockets.exceptions import InvalidBody
from django_aws_api_gateway_websockets.history import position, publish
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.presence import presence
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

everyone = WebSocketSession.objects


class RoomsView(WebSocketView):
    def move(self, request, *args, **kwargs):
        """{"action": "move"}"""
        self.join_channel(request, gettext_lazy("Users"))


urlpatterns = [path("ws/<slug:route>", RoomsView.as_view()), path("admin/", admin.site.urls)]


@pytest.fixture
def client():
    return GatewayClient()


@pytest.fixture
def session(client):
    return client.connect("/ws/").session


def render(tag, **context):
    return Template("{% load gateway_socket %}{% " + tag).render(Context(context))


@pytest.mark.parametrize("names", ["news", b"news", None, 5, {"news": 1}, gettext_lazy("Users")])
@pytest.mark.parametrize("method", ["join_all", "leave_all"])
def test_a_text_in_place_of_a_list_joins_nothing(session, method, names):
    session.join_all(["n", "e"])
    with pytest.raises(TypeError, match=rf"^{method}\(\) takes a list of channel names, not "):
        getattr(session, method)(names)
    assert session.channels == ["e", "n"]


def test_the_error_shows_the_list_to_pass(session):
    with pytest.raises(TypeError, match=r"not the text 'news'\. Pass \['news'\]\.$"):
        session.join_all("news")


@pytest.mark.parametrize("several", [list, tuple, set, iter])
def test_every_kind_of_list_is_taken(session, several):
    assert sorted(session.join_all(several(["a", "b"]))) == ["a", "b"]
    session.leave_all(several(["a", "b"]))
    assert session.channels == []


@pytest.mark.parametrize("name", [None, 5, ["a"]])
def test_leaving_something_else_is_an_error(session, name):
    with pytest.raises(TypeError, match=r"^A connection cannot leave .* Pass the name of a channel\.$"):
        session.leave(name)


@pytest.mark.parametrize("name", [None, 5, ["a"], "x" * 256])
def test_a_name_that_no_channel_has_is_not_written(session, name):
    for write in (session.join, session.set_channel):
        with pytest.raises(InvalidBody, match="A channel name must "):
            write(name)
    session.refresh_from_db()
    assert session.channels == []


@pytest.mark.parametrize("name", [None, 5, ["a"], {"a"}, b"a"])
@pytest.mark.parametrize(
    ("function", "call"), [("in_channel()", everyone.in_channel), ("presence", presence), ("position", position)]
)
def test_reading_takes_the_name_of_one_channel(session, settings, function, call, name):
    settings.WEBSOCKETS = {"HISTORY": {"*": {"size": 5}}}
    with pytest.raises(TypeError) as raised:
        call(name)
    assert str(raised.value).startswith(f"{function} takes the name of a channel, not {name!r}.")
    with pytest.raises(ValueError, match="got an empty channel name"):
        call("")


def test_lazy_names_name_channels(client, settings):
    settings.WEBSOCKETS = {"HISTORY": {"*": {"size": 5}}}
    name = gettext_lazy("Users")
    socket = client.connect("/ws/", channel=name)
    assert everyone.in_channel(name).get() == socket.session
    assert presence(name).anonymous == 1
    assert publish(name, {"n": 1}).position == position(name) != "0:0:0"
    assert (socket.receive_json()["n"], socket.join(name)["joined"].keys()) == (1, {"Users"})
    other = client.connect("/ws/")
    other.session.join_all([name])
    other.session.leave(name)
    assert other.session.channels == []
    other.send_json({"action": "move"})
    assert other.session.channel_name == "Users"
    client.assert_sent(to=name)


@pytest.mark.parametrize("expression", [OuterRef("channel_name"), F("channel_name"), Value("lobby")])
def test_in_channel_takes_no_expression(expression):
    with pytest.raises(TypeError, match=r"^in_channel\(\) takes the name of a channel, not "):
        everyone.in_channel(expression)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("encoder", ["json", "json.dumps"])
def test_a_number_that_browsers_cannot_parse_is_refused(session, settings, number, encoder):
    settings.WEBSOCKETS = {"MESSAGE_ENCODER": encoder}
    for send in (lambda data: publish("a", data), everyone.all().send_message, session.send_message):
        with pytest.raises(ValueError, match=r"(NaN|nfinit).*\. Send None or a text instead\.$"):
            send({"rows": [{"price": number}]})


def test_the_place_of_a_refused_number_is_named():
    with pytest.raises(ValueError, match=r"^data\['rows'\]\[0\]\['price'\] is NaN or infinite"):
        publish("a", {"rows": [{"price": float("nan")}]})


def test_a_text_with_the_word_nan_is_sent(client, settings):
    settings.WEBSOCKETS = {"MESSAGE_ENCODER": "json.dumps"}
    socket = client.connect("/ws/", channel="a")
    publish("a", {"text": "NaN and Infinity"})
    assert socket.receive_json()["text"] == "NaN and Infinity"


def test_data_that_contains_itself_is_refused_as_before():
    data = {}
    data["self"] = data
    with pytest.raises(ValueError, match="Circular"):
        publish("a", data)


def lines(data):
    return "\n".join(data["lines"])


def test_an_encoder_may_write_something_other_than_json(client, settings):
    settings.WEBSOCKETS = {"MESSAGE_ENCODER": f"{__name__}.lines"}
    socket = client.connect("/ws/")
    socket.session.send_message({"lines": ["Infinity", "NaN"]})
    assert socket.receive() == "Infinity\nNaN"


@pytest.mark.parametrize(
    "tag", ["live name %}{% endlive %}", "position name %}", 'websocket_url "chat" channel=name %}']
)
@pytest.mark.parametrize("name", [["a"], True, object()])
def test_a_tag_takes_the_name_of_a_channel(gateway, settings, tag, name):
    settings.WEBSOCKETS = {"HISTORY": {"*": {"size": 5}}}
    with pytest.raises(TemplateSyntaxError, match=r"takes the name of a channel, not "):
        render(tag, name=name)
    for good in ("5", 5, gettext_lazy("Users")):
        assert render(tag, name=good)


def test_the_tag_position_names_its_empty_argument():
    with pytest.raises(TemplateSyntaxError, match="The tag position got no channel name"):
        render("position room %}")


@pytest.mark.parametrize("option", ["token", "check"])
@pytest.mark.parametrize("value", [True, 1, ["ws-token"]])
def test_a_tag_option_takes_the_name_of_a_url(gateway, option, value):
    with pytest.raises(
        TemplateSyntaxError, match=rf"^gateway_socket has {option}=.* Write .*: {option}='ws-{option}'\.$"
    ):
        render(f'gateway_socket "chat" {option}=value %}}', value=value)


@pytest.mark.parametrize("name", [None, 5, ["a"]])
def test_the_test_client_takes_the_name_of_a_channel(client, name):
    with pytest.raises(TypeError, match=r"^join takes the name of a channel, not "):
        client.connect("/ws/").join(name)
    if name is not None:
        with pytest.raises(TypeError, match=r"^connect takes the name of a channel, not "):
            client.connect("/ws/", channel=name)
        with pytest.raises(
            TypeError, match=r"^to takes a socket, a session row, a user or the name of a channel, not "
        ):
            client.assert_not_sent(to=name)


@pytest.mark.parametrize(
    ("name", "why"), [("x" * 256, "at most 255 characters"), ("a\nb", "printable characters only")]
)
def test_a_refused_connect_says_what_is_wrong_with_a_name(client, caplog, name, why):
    with pytest.raises(HandshakeRefused, match=why) as refused:
        client.connect("/ws/", channel=name)
    assert refused.value.status_code == 400
    assert [why in line for line in caplog.messages if line.startswith("Refused /ws/connect: ")] == [True]


def test_send_of_the_test_client_points_to_send_json(client):
    with pytest.raises(TypeError, match=r"^send takes a text, not dict\. For a dict or a list, use send_json\.$"):
        client.connect("/ws/").send({"action": "move"})


def test_a_search_for_spaces_finds_every_session(admin_client, session):
    page = admin_client.get("/admin/django_aws_api_gateway_websockets/websocketsession/", {"q": " "})
    assert page.status_code == 200
