"""Behavior that AWS does not document, and the probes that find it out for an account.

``checkApiGateway --probe`` asks an account, and writes a file of answers. ``runLocalGateway --answers`` reads it, so
that the local gateway behaves as that account does. Only the standard library is imported.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple, Union

Answer = Union[int, str]
Answers = Mapping[str, Answer]


class Question(NamedTuple):
    """``asked`` describes how the probe finds the answer. Empty means that it cannot, so edit the file by hand.

    ``answers`` gives what the local gateway does for each possible answer. The first one is the default.
    """

    name: str
    text: str
    asked: str
    answers: Mapping[Answer, str]

    @property
    def default(self) -> Answer:
        return next(iter(self.answers))


_STATUSES: Mapping[Answer, str] = {
    status: f"refuses the handshake with {status}" for status in (502, 500, 503, 504, 400, 403, 404, 408, 424, 429)
}
_ONE_WAY: Mapping[Answer, str] = {
    "nothing": "sends nothing",
    "error": "sends an error frame",
    "body": "sends the backend's body",
}
_MOCK = "a MOCK integration answers {} to {}"

QUESTIONS = (
    Question(
        "connect_5xx",
        "What does a client see when the backend of $connect answers 5xx?",
        _MOCK.format(500, "a handshake"),
        {**_STATUSES, 101: "accepts the handshake"},
    ),
    Question(
        "connect_3xx",
        "What does a client see when the backend of $connect answers 3xx?",
        _MOCK.format(302, "a handshake"),
        {**_STATUSES, 302: "refuses the handshake with 302", 101: "accepts the handshake"},
    ),
    Question(
        "connect_unreachable",
        "What does a client see when the backend of $connect cannot be reached?",
        "the integration has an address where nothing listens",
        _STATUSES,
    ),
    Question(
        "connect_timeout",
        "What does a client see when the backend of $connect answers too late?",
        "the integration has an address that never answers, and a timeout of 50 ms",
        _STATUSES,
    ),
    Question(
        "one_way_5xx",
        "What does a client get when the backend of a one-way route answers 5xx?",
        _MOCK.format(500, "a message"),
        _ONE_WAY,
    ),
    Question(
        "one_way_4xx",
        "What does a client get when the backend of a one-way route answers 4xx?",
        _MOCK.format(404, "a message"),
        _ONE_WAY,
    ),
    Question(
        "two_way_empty",
        "What does a client get when the backend of a two-way route answers with an empty body?",
        _MOCK.format("200 with an empty body", "a message"),
        {"nothing": "sends nothing", "frame": "sends an empty frame", "error": "sends an error frame"},
    ),
    Question(
        "disconnect_after_delete",
        "Does $disconnect arrive after DELETE @connections?",
        "a connection of the gateway is deleted, and its row is watched",
        {"yes": "calls $disconnect", "no": "does not call $disconnect"},
    ),
    Question(
        "disconnect_variables",
        "Can context.disconnectStatusCode and context.disconnectReason be mapped for HTTP?",
        "an integration with such a mapping is created",
        {"accepted": "takes the mapping, and sends no value", "refused": "refuses the mapping with 400"},
    ),
    Question(
        "ping_resets",
        "Does a ping of the client restart the idle timer?",
        "a connection sends a ping and nothing else, and is watched past the idle limit",
        {"no": "does not restart the timer", "yes": "restarts the timer"},
    ),
    Question(
        "push_resets",
        "Does a push restart the idle timer?",
        "a connection gets a push and sends nothing, and is watched past the idle limit",
        {"no": "does not restart the timer", "yes": "restarts the timer"},
    ),
    Question(
        "connect_user_agent",
        "Whose User-Agent does the backend get with $connect?",
        "",
        {
            "client": "passes the client's header on",
            "gateway": "sends AmazonAPIGateway_ID",
            "both": "sends the client's header, a comma and AmazonAPIGateway_ID",
        },
    ),
)

#: What the local gateway answers by default.
DEFAULTS: Answers = MappingProxyType({question.name: question.default for question in QUESTIONS})


def read_answers(path: Path) -> Answers:
    """Return the answers in the file at ``path``, and the default for every other question. Raise ValueError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{path} is not a JSON object of answers by name.")
    questions = {question.name: question for question in QUESTIONS}
    # The file may come from somebody else. JSON escapes the sequences that control a terminal.
    unknown = ", ".join(json.dumps(name) for name in sorted(set(given) - set(questions)))
    if unknown:
        raise ValueError(
            f"{path} answers questions that do not exist: {unknown:.200}. Expected {', '.join(questions)}."
        )
    return MappingProxyType({**DEFAULTS, **{name: _answer(path, questions[name], one) for name, one in given.items()}})


def write_answers(path: Path, found: Mapping[str, tuple[Answer, str]]) -> None:
    """Write ``found``, which maps each question's name to its answer and evidence."""
    document = {name: {"answer": answer, "evidence": evidence} for name, (answer, evidence) in found.items()}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _answer(path: Path, question: Question, given: Any) -> Answer:
    answer = given.get("answer") if isinstance(given, dict) else given
    for possible in question.answers:
        if answer == possible and not isinstance(answer, bool):
            return possible
    expected = ", ".join(map(json.dumps, question.answers))
    shown = json.dumps(answer)
    raise ValueError(f"{path}: {question.name} cannot be {shown:.100}. Expected one of {expected}.")
