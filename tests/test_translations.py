"""The German translation: complete, compiled, and shown in the admin."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

import django_aws_api_gateway_websockets
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

pytestmark = pytest.mark.once

PACKAGE = Path(django_aws_api_gateway_websockets.__file__).parent
MESSAGES = PACKAGE / "locale" / "de" / "LC_MESSAGES"
MARKS = ("_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy")


def marked():
    """The msgids that the code and the templates mark."""
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    for path in PACKAGE.glob("templates/**/*.html"):
        calls = re.findall(r"""\bn?gettext\((?:u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"),?\s*)+""",
                           templatize(path.read_text(encoding="utf-8")))  # fmt: skip
        sources += [f"{call.rstrip(', ')})" for call in calls]
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
                assert isinstance(node.args[0], ast.Constant), ast.dump(node)
                yield node.args[0].value


def entries(text):
    """The translations of a .po file, as `gettext` keeps those of a .mo file."""
    for entry in text.split("\n\n")[1:]:
        parts = re.findall(r'^(msg\w+)(?:\[(\d)\])? "(.*)"$', entry, re.MULTILINE)
        (msgid,) = (ast.literal_eval(f'"{text}"') for name, _, text in parts if name == "msgid")
        for name, number, text in parts:
            if name == "msgstr":
                yield ((msgid, int(number)) if number else msgid), ast.literal_eval(f'"{text}"')


@pytest.fixture(scope="module")
def compiled():
    with (MESSAGES / "django.mo").open("rb") as file:
        catalog = dict(gettext.GNUTranslations(file)._catalog)
    del catalog[""]
    return catalog


def test_every_marked_text_is_translated(compiled):
    translated = {key[0] if isinstance(key, tuple) else key for key in compiled}
    found = set(marked())
    assert len(found) > 150
    assert found - translated == set(), "Run makemessages -l de and compilemessages in the package's folder."
    assert translated - found == set()


def test_the_compiled_file_is_that_of_the_source(compiled):
    text = (MESSAGES / "django.po").read_text(encoding="utf-8")
    assert "#, fuzzy" not in text
    written = dict(entries(text))
    assert written == compiled
    assert all(written.values())


def test_placeholders_are_kept(compiled):
    for key, text in compiled.items():
        names = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|\$\{[\w.]+\}")
        assert sorted(names.findall(text)) == sorted(names.findall(key[0] if isinstance(key, tuple) else key))


@pytest.fixture
def german_admin(admin_client, settings):
    settings.LANGUAGE_CODE = "de"
    # Other modules use the tests' own English.
    with translation.override("de"):
        yield admin_client


def page(client, name, *args):
    return client.get(reverse(f"admin:django_aws_api_gateway_websockets_{name}", args=args)).content.decode()


def test_the_admin_speaks_german(german_admin, gateway, alice):
    WebSocketSession.objects.create(connection_id="L0SM9cOFvHcCIxw=", user=alice, api_gateway=gateway)
    changelist = page(german_admin, "apigateway_changelist")
    assert "Eigene Domain für die API erstellen" in changelist
    assert "nie verglichen" in changelist
    assert "Auswahlausdruck für Routen" in page(german_admin, "apigateway_change", gateway.pk)
    assert "WebSocket-Sitzungen" in page(german_admin, "websocketsession_changelist")
    confirm = german_admin.post(
        reverse("admin:django_aws_api_gateway_websockets_websocketsession_changelist"),
        {"action": "disconnect", "_selected_action": [WebSocketSession.objects.get().pk]},
    ).content.decode()
    assert "Möchten Sie wirklich 1 Verbindung trennen?" in confirm


def test_errors_of_a_form_are_german(german_admin):
    url = reverse("admin:django_aws_api_gateway_websockets_apigateway_add")
    answer = german_admin.post(url, {"api_name": "x", "target_base_endpoint": "ftp://x/"}).content.decode()
    assert "Geben Sie eine URL mit http:// oder https:// und ohne Abfrageparameter ein." in answer
    assert not ApiGateway.objects.exists()
