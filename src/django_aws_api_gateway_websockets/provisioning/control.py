"""Calls to AWS's control plane: pages of a listing, retries within AWS's limits, and errors that name a permission."""

from __future__ import annotations

import re
import time
from typing import Any, Iterator

from django.views.decorators.debug import sensitive_variables

from ..aws import control_client, translated, without_frames
from ..definition import HiddenStr, is_reference
from ..exceptions import AwsError, AwsUnreachable, Conflict, PermissionMissing, Throttled
from .endpoints import check_place
from .operations import SERVICES, iam_resource

# "not authorized to perform: apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/apis because …"
_DENIED = re.compile(r"not authorized to perform: (\S+)(?: on resource: ([^\s\"]+))?")

# AWS's limits: one CreateDeployment per 5 seconds, one change of a domain name per 30 seconds, and 10 other calls per
# second.
_FIRST_DELAY = {"CreateDeployment": 5.0, "CreateDomainName": 30.0, "UpdateDomainName": 30.0}
_ATTEMPTS = 6
# Values of at most this length, such as '1', appear in every text.
_SHORTEST_SECRET = 5


def delays(operation: str, error: AwsError) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt at ``operation``. Yield nothing if a repetition is useless.

    If AWS refuses a call (429, 409), it did not carry it out, so the call can be repeated. A call without an answer may
    have been carried out, so only reads are repeated. The next run finds a resource that was created.
    """
    if isinstance(error, Throttled):
        first, attempts = _FIRST_DELAY.get(operation, 0.5), _ATTEMPTS
    elif isinstance(error, Conflict):
        first, attempts = 0.2, _ATTEMPTS
    elif operation.startswith(("Get", "List")) and (isinstance(error, AwsUnreachable) or (error.status or 0) >= 500):
        first, attempts = 0.2, 3
    else:
        return
    for attempt in range(attempts - 1):
        yield min(first * 2**attempt, 30.0)


class ControlPlane:
    """The calls of one run, to ``endpoint``, or to AWS if that is None."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint

    @property
    def region(self) -> str:
        return str(control_client(self.endpoint).meta.region_name)

    @property
    def partition(self) -> str:
        return str(control_client(self.endpoint).meta.partition)

    @property
    def is_aws(self) -> bool:
        """Whether the calls go to AWS and not to a local gateway."""
        return self.endpoint is None

    def check_holds(self, api_endpoint: str) -> None:
        """Raise ``InvalidGateway`` if the API is in AWS and this is a local gateway, or the other way round."""
        check_place(api_endpoint, is_local=not self.is_aws)

    def arn(self, path: str) -> str:
        """Return the ARN of an API Gateway resource. ``path`` begins with ``/apis/ID`` or ``/domainnames/NAME``."""
        return f"arn:{self.partition}:apigateway:{self.region}::{path}"

    @sensitive_variables("parameters")
    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Carry out ``operation``, a name such as ``CreateApi``. Raise ``AwsError`` if the last attempt fails."""
        waits: Iterator[float] | None = None
        while True:
            try:
                return self._call_once(operation, parameters)
            except AwsError as error:
                waits = delays(operation, error) if waits is None else waits
                wait = next(waits, None)
                if wait is None:
                    raise
                time.sleep(wait)

    def items(self, operation: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return every item of a listing, from all its pages."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.call(operation, **parameters, **token)
            found += page.get("Items", [])
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    @sensitive_variables("parameters")
    def _call_once(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        failure: Exception
        try:
            return _call(self.endpoint, operation, parameters)
        except AwsError as error:
            failure = error
            _hide_quotes(error, parameters)
            if isinstance(error, PermissionMissing):
                failure = _with_action(error, operation)
        except Exception as error:
            failure = error
        # The local variables of botocore's frames hold the body and with it the gateway's secret.
        raise without_frames(failure)


@sensitive_variables("parameters")
def _call(endpoint: str | None, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    client = control_client(endpoint, SERVICES[operation])
    methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    with translated(operation):
        answer: dict[str, Any] = _hiding(getattr(client, methods[operation])(**parameters))
        return answer


def _hiding(answer: Any) -> Any:
    """Return ``answer`` with hidden static values of request parameters, because they may be secrets."""
    if isinstance(answer, list):
        return [_hiding(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    found = {name: _hiding(value) for name, value in answer.items()}
    for name in ("RequestParameters", "RequestTemplates"):
        if isinstance(found.get(name), dict):
            found[name] = {key: _hidden(value) for key, value in found[name].items()}
    return found


@sensitive_variables()
def _hide_quotes(error: AwsError, parameters: dict[str, Any]) -> None:
    """Hide the hidden values of ``parameters`` in the text of ``error``.

    AWS quotes the value that it refuses: "Invalid mapping expression specified: 'VALUE'". It can shorten a long quote.
    """
    for value in _hidden_values(parameters):
        said = error.said.replace(value, "(hidden)")
        for length in range(len(value) - 1, _SHORTEST_SECRET, -1):
            if said.endswith(value[:length]):
                said = f"{said[:-length]}(hidden)"
                break
        error.args = (str(error).replace(error.said, said).replace(value, "(hidden)"),)
        error.said = said


def _hidden_values(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, HiddenStr):
        value = str.strip(parameters, "'")
        if len(value) > _SHORTEST_SECRET:
            yield value
    elif isinstance(parameters, dict):
        for value in parameters.values():
            yield from _hidden_values(value)


def _hidden(value: Any) -> Any:
    return HiddenStr(value) if isinstance(value, str) and not is_reference(value) else value


def _with_action(error: PermissionMissing, operation: str) -> PermissionMissing:
    """Return ``error`` with the missing IAM action if AWS names one. AWS also answers 403 for other reasons."""
    denied = _DENIED.search(error.said)
    if not denied and not error.code.startswith("AccessDenied"):
        return error
    action, resource = denied.groups() if denied else iam_resource(operation)
    return PermissionMissing(
        f"Could not {operation}: the credentials lack the IAM action {action}"
        f"{f' on {resource}' if resource else ''}. manage.py iamPolicy prints the policy that is needed. "
        f"AWS answered {error.status} {error.code}: {error.said}",
        operation=operation,
        status=error.status,
        code=error.code,
        said=error.said,
    )
