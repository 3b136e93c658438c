"""``checkApiGateway --probe``: each answer of the local gateway turned around is found, and the file is taken."""

from __future__ import annotations

import io
import json
from pathlib import Path

import boto3
import pytest
from django.core.management import CommandError, call_command

from django_aws_api_gateway_websockets.answers import DEFAULTS, QUESTIONS, read_answers
from django_aws_api_gateway_websockets.local.server import LocalGateway
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import update_gateway

pytestmark = [pytest.mark.django_db, pytest.mark.end_to_end, pytest.mark.once]

#: What the probe cannot find out.
BY_HAND = {"connect_user_agent"}
TIMED = {"ping_resets", "push_resets"}
ASKED = [question for question in QUESTIONS if question.name not in BY_HAND]
IDLE = 3.0


def turned(number):
    """The answer of each question that stands ``number`` places after the default."""
    return {one.name: list(one.answers)[number % len(one.answers)] for one in ASKED}


def probe(live_server, settings, path, answers, *words):
    """Probe a local gateway that gives ``answers``. Return what was written to ``path`` and to the terminal."""
    out = io.StringIO()
    with LocalGateway(answers={**DEFAULTS, **answers}, idle_timeout=IDLE) as gateway:
        settings.WEBSOCKETS = {"LOCAL_GATEWAY": gateway.url}
        row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
        update_gateway(row)
        call_command("checkApiGateway", f"--pk={row.pk}", f"--probe={path}", *words, stdout=out)
        client = boto3.client(
            "apigatewayv2",
            endpoint_url=gateway.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        assert [api["ApiId"] for api in client.get_apis()["Items"]] == [row.api_id]
    return json.loads(path.read_text()), out.getvalue()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_answer_turned_around_is_found(live_server, settings, tmp_path, number):
    path, answers = tmp_path / "answers.json", turned(number)
    written, _said = probe(live_server, settings, path, answers, f"--idle={IDLE}")
    assert {name: one["answer"] for name, one in written.items()} == answers
    assert all(one["evidence"] for one in written.values())
    assert read_answers(path) == {**DEFAULTS, **answers}


def test_the_text_says_what_differs_and_why(live_server, settings, tmp_path):
    written, said = probe(live_server, settings, tmp_path / "answers.json", {"connect_5xx": 504})
    assert "504 (the local gateway: 502). The handshake was answered with 504." in said
    assert "The probe was skipped, because it takes 13 minutes. Add --idle." in said
    assert set(written) == {one.name for one in ASKED} - TIMED


def test_a_gateway_that_does_not_run_is_an_error(settings, tmp_path):
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": "http://127.0.0.1:9"}
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint="http://127.0.0.1/ws/")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9"):
        call_command("checkApiGateway", f"--pk={row.pk}", f"--probe={tmp_path / 'answers.json'}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "cannot be read"),
        ("[]", "is not a JSON object"),
        ('{"ping": "yes"}', 'do not exist: "ping"'),
        ('{"ping_resets": true}', 'ping_resets cannot be true. Expected one of "no", "yes"'),
        ('{"connect_5xx": {"answer": 200}}', "connect_5xx cannot be 200"),
        ("[" * 200_000, "cannot be read|is not a JSON object"),
        ('{"connect_5xx": ' + "[" * 200_000, "cannot be read"),
        ("\xff\x00", "cannot be read"),
    ],
)
def test_a_file_that_is_not_valid_says_why(tmp_path, text, why):
    path = tmp_path / "answers.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=why):
        read_answers(path)


@pytest.mark.parametrize("char", ["\x1b]0;owned\x07", "\r\n", "\u202e", "\x9b2J"])
@pytest.mark.parametrize("place", ['{"%s": 1}', '{"ping_resets": "%s"}', '{"ping_resets": {"answer": {"%s": 1}}}'])
def test_escape_sequences_in_a_file_of_answers_are_escaped(tmp_path, char, place):
    path = tmp_path / "answers.json"
    path.write_text(place % json.dumps(char)[1:-1], encoding="utf-8")
    with pytest.raises(ValueError) as refused:
        read_answers(path)
    assert str(refused.value).isprintable()
    path.write_text(place % ("x" * 100_000), encoding="utf-8")
    with pytest.raises(ValueError) as refused:
        read_answers(path)
    assert len(str(refused.value)) < 2_000


def test_answers_can_be_written_by_hand(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text('{"ping_resets": "yes", "connect_5xx": {"answer": 500}}')
    assert read_answers(path) == {**DEFAULTS, "ping_resets": "yes", "connect_5xx": 500}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_page_has_each_question(question):
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    answers = ", ".join(f"`{answer}`" for answer in question.answers)
    asked = question.asked or "it cannot be asked"
    assert f"| `{question.name}` | {question.text} | {asked} | {answers} |" in page
