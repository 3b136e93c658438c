"""What goes wrong on the way to AWS, and what happens meanwhile: through botocore's own hook."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from django_aws_api_gateway_websockets.aws import control_client
from django_aws_api_gateway_websockets.conf import conf


@pytest.fixture
def watch():
    hooked = []

    def watch(calls):
        events = control_client(conf.LOCAL_GATEWAY).meta.events
        events.register("before-send.apigatewayv2", calls)
        hooked.append((events, calls))
        return calls

    yield watch
    for events, calls in hooked:
        events.unregister("before-send.apigatewayv2", calls)


class Calls:
    """Watches what boto3 sends, through botocore's own hook, and loses the answer to the N-th write."""

    def __init__(self, lose=None):
        self.lose, self.writes = lose, 0
        self._session = URLLib3Session()

    def __call__(self, request, **kwargs):
        if request.method == "GET":
            return
        self.writes += 1
        if self.writes != self.lose:
            return
        # AWS carries it out, and nobody hears of it.
        self._session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url)


class Refuse:
    """Answers ``times`` calls by ``methods`` to ``path`` with an error of AWS, before they reach it."""

    def __init__(self, times, status, code, message="not now", methods=("POST",), path=""):
        self.times, self.status, self.code, self.methods = times, status, code, methods
        self.message, self.path = message, path

    def __call__(self, request, **kwargs):
        from botocore.awsrequest import AWSResponse

        if request.method not in self.methods or not request.url.endswith(self.path) or self.times == 0:
            return None
        self.times -= 1
        body = json.dumps({"message": self.message}).encode()
        headers = {"Content-Type": "application/json"}
        if self.code:
            headers["x-amzn-ErrorType"] = self.code
        return _Answer(AWSResponse(request.url, self.status, headers, None), body).response


class _Answer:
    def __init__(self, response, body):
        response._content = body
        self.response = response


class Meanwhile:
    """Somebody does something while the first call by ``method`` is under way."""

    def __init__(self, method, does):
        self.method, self.does = method, does

    def __call__(self, request, **kwargs):
        if request.method == self.method and self.does:
            does, self.does = self.does, None
            does()
