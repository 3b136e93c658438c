"""What goes wrong reads the same by both transports, and shows no secret."""

from __future__ import annotations

import pytest

from django_aws_api_gateway_websockets.exceptions import AwsError, CredentialsError
from django_aws_api_gateway_websockets.models import WebSocketSession

from .conftest import ABLE
from .connections_server import _STATUS

pytestmark = pytest.mark.django_db
everyone = WebSocketSession.objects


def error_of(session, call):
    try:
        call(session)
    except AwsError as error:
        return type(error), error.status, error.code, error.said, error.operation, str(error)
    return everyone.values_list("connected", "closed_reason").get()


#: What boto3 fails to read, so that it gives no status.
UNREADABLE = {"other encoding", "a list", "null", "a number as the type", "deep"}
CALLS = {
    "send": lambda session: session.send_message({"n": 1}),
    "disconnect": lambda session: session.disconnect(),
    "look up": lambda session: session.check_connection(),
}


@pytest.mark.skipif(not ABLE, reason="needs Python 3.9: libcurl of the wheel for 3.8 is too old")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("behaviour", sorted(set(_STATUS) - UNREADABLE))
def test_an_error_is_the_same_by_both_transports(people, server, options, call, behaviour):
    people(1)
    server.everybody = behaviour
    errors = []
    for transport in ("boto3", "curl"):
        options(SEND_TRANSPORT=transport)
        everyone.update(connected=True, closed_reason="")
        errors.append(error_of(everyone.get(), CALLS[call]))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ("behaviour", "code", "said"),
    [
        ("forbidden", "ForbiddenException", "Forbidden"),
        ("busy", "LimitExceededException", "Limit exceeded"),
        ("type with a namespace", "DeniedException", "No"),
        ("type in the body", "OddException", "Odd"),
        ("code in the body", "OddException", "Odd"),
        ("no words", "500", "Internal Server Error"),
        ("plain text", "502", "upstream connect error"),
    ],
)
def test_code_and_text_are_those_of_aws(people, server, transport, behaviour, code, said):
    people(1)
    server.everybody = behaviour
    with pytest.raises(AwsError) as failed:
        everyone.get().send_message({"n": 1})
    assert (failed.value.code, failed.value.said) == (code, said)


def test_a_refused_signature_shows_no_session_token(people, server, transport):
    people(1)
    server.everybody = "bad signature"
    with pytest.raises(CredentialsError, match="does not match the signature") as failed:
        everyone.get().send_message({"n": 1})
    assert "planted-in-the-answer" not in f"{failed.value} {failed.value.said}"


def test_check_connection_is_the_same_by_both_transports(people, server, transport):
    people(1)
    info = everyone.get().check_connection()
    assert (info.connected_at.isoformat(), info.source_ip) == ("2026-01-02T03:04:05+00:00", "192.0.2.7")
    assert [call.method for call in server.calls] == ["GET"]


@pytest.mark.parametrize("shown", ["message", "call"])
def test_no_repr_shows_a_message(shown):
    from django_aws_api_gateway_websockets.delivery.payload import encoded
    from django_aws_api_gateway_websockets.delivery.transport import post

    message = encoded({"text": "private"})
    assert "private" not in repr(message if shown == "message" else post(message.data, message.has_id))


@pytest.mark.parametrize("behaviour", sorted(UNREADABLE))
def test_an_answer_that_cannot_be_read_is_an_error_of_ours(people, server, transport, behaviour):
    people(2)
    server.everybody = behaviour
    with pytest.raises(AwsError, match="Could not send to the connection"):
        everyone.first().send_message({"n": 1})
    with pytest.raises(AwsError) as failed:
        everyone.all().send_message({"n": 1})
    assert len(failed.value.report.failed) == 2
    for call in CALLS.values():
        with pytest.raises(AwsError, match="Could not"):
            call(everyone.first())


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("end", ["\n", "\r\nX-Evil: 1", "\r\n"])
def test_credentials_with_a_line_break_reach_no_header(people, server, transport, settings, name, end):
    settings.AWS_SESSION_TOKEN = "token"
    setattr(settings, name, f"planted{end}")
    people(1)
    with pytest.raises(AwsError) as failed:
        everyone.get().send_message({"n": 1})
    assert "planted" not in str(failed.value)
    assert not server.calls
