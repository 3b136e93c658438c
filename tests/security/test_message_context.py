"""What a handler finds beside the message: the language of the handshake, and no session."""

from __future__ import annotations

import pytest
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext

from django_aws_api_gateway_websockets.exceptions import NoSessionInMessage
from tests.views import ExampleView

USES = {
    "item": lambda request: request.session["cart"],
    "set": lambda request: request.session.__setitem__("cart", 1),
    "get": lambda request: request.session.get("cart"),
    "in": lambda request: "cart" in request.session,
    "key": lambda request: request.session.session_key,
    "save": lambda request: request.session.save(),
    "flush": lambda request: request.session.flush(),
    "logout": logout,
    "iterate": lambda request: list(request.session),
}


class ContextView(ExampleView):
    gone = []

    def default(self, request, *args, **kwargs):
        USES[self.body["use"]](request)

    def test(self, request, *args, **kwargs):
        return HttpResponse(f"{gettext('Yes')} {request.LANGUAGE_CODE} {translation.get_language()}")

    async def help(self, request, *args, **kwargs):
        return HttpResponse(gettext("Yes"))

    def disconnect(self, request, *args, **kwargs):
        self.gone.append(translation.get_language())
        return super().disconnect(request, *args, **kwargs)


urlpatterns = [path("ws/<slug:route>", ContextView.as_view())]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def translated(settings):
    at = settings.MIDDLEWARE.index("django.middleware.common.CommonMiddleware")
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:at],
        "django.middleware.locale.LocaleMiddleware",
        *settings.MIDDLEWARE[at:],
    ]


@pytest.mark.parametrize("use", USES)
def test_a_session_in_a_message_is_an_error_that_says_so(connect, alice, use):
    socket = connect(alice)
    before = Session.objects.count()
    with pytest.raises(NoSessionInMessage, match=r"request\.session is not available in a message"):
        socket.send_json({"action": "x", "use": use})
    assert Session.objects.count() == before


@pytest.mark.parametrize("action", ["refuse", "test", "help"])
def test_messages_write_no_session(connect, alice, settings, action):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    socket = connect(alice)
    before = Session.objects.count()
    for _ in range(3):
        assert socket.send_json({"action": action}).status_code in (200, 400)
        assert "Set-Cookie" not in socket.response.headers
    socket.disconnect()
    assert Session.objects.count() == before


@pytest.mark.parametrize(
    ("headers", "language", "yes"),
    [
        ({"Accept-Language": "de"}, "de", "Ja"),
        ({"Accept-Language": "fr-CH, fr;q=0.9"}, "fr", "Oui"),
        ({"Cookie": "django_language=es"}, "es", "Sí"),
        ({"Accept-Language": "xx"}, "en", "Yes"),
        ({}, "en", "Yes"),
    ],
)
def test_handlers_have_the_language_of_the_handshake(connect, translated, headers, language, yes):
    socket = connect(headers=headers)
    assert socket.session.language == language
    for _ in range(2):
        said = socket.send_json({"action": "test"}).content.decode().lower()
        assert said == f"{yes} {language} {language}".lower()
    assert socket.send_json({"action": "help"}).content.decode().lower() == yes.lower()
    ContextView.gone.clear()
    socket.disconnect()
    assert ContextView.gone == [language]


def test_two_connections_keep_their_languages_apart(connect, translated):
    german, french = (connect(headers={"Accept-Language": code}) for code in ("de", "fr"))
    for socket, yes in ((german, "Ja"), (french, "Oui"), (german, "Ja")):
        assert socket.send_json({"action": "test"}).content.decode().startswith((yes, yes.lower()))


def test_a_row_without_a_language_uses_the_sites(connect):
    socket = connect()
    socket.session.own_row.update(language="")
    with translation.override("it"):
        assert socket.send_json({"action": "test"}).content == "Sì it it".encode()
