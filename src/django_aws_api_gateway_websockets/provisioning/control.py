"""Calls to AWS's control plane: pages of a listing, retries within AWS's limits, and errors that name a permission."""

from __future__ import annotations

import re
import time
from typing import Any, Iterator

from django.views.decorators.debug import sensitive_variables

from ..aws import control_client, translated
from ..definition import HiddenStr, is_reference
from ..exceptions import AwsError, AwsUnreachable, Conflict, PermissionMissing, Throttled
from .endpoints import check_place
from .operations import SERVICES, iam_resource

# "not authorized to perform: apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/apis because …"
_DENIED = re.compile(r"not authorized to perform: (\S+)(?: on resource: ([^\s\"]+))?")

# AWS's limits: one CreateDeployment in 5 s, one change of a domain name in 30 s, 10 calls of others in a second.
_FIRST_DELAY = {"CreateDeployment": 5.0, "CreateDomainName": 30.0, "UpdateDomainName": 30.0}
_ATTEMPTS = 6


def delays(operation: str, error: AwsError) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt at ``operation``; nothing where another is no use.

    A call that AWS refused (429, 409) was not carried out, so it can be repeated. A call without an answer may have
    been carried out. Only reading is repeated then; the next run finds what a creation made.
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
    """The calls of one run, to ``endpoint`` or, where that is None, to AWS."""

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
        """Whether the calls go to AWS, and not to a local gateway."""
        return self.endpoint is None

    def check_holds(self, api_endpoint: str) -> None:
        """Raise ``InvalidGateway`` where the API is in AWS and this is a local gateway, or vice versa."""
        check_place(api_endpoint, is_local=not self.is_aws)

    def arn(self, path: str) -> str:
        """Return the ARN of an API Gateway resource; ``path`` begins with ``/apis/ID`` or ``/domainnames/NAME``."""
        return f"arn:{self.partition}:apigateway:{self.region}::{path}"

    @sensitive_variables("parameters")
    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Carry out ``operation``, a name such as ``CreateApi``. Raise ``AwsError`` when the last attempt fails."""
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
        except PermissionMissing as error:
            failure = _with_action(error, operation)
        except Exception as error:
            failure = error
        # Raised without the frames of botocore: their local variables hold the body, and with it the gateway's secret.
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)


@sensitive_variables("parameters")
def _call(endpoint: str | None, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    client = control_client(endpoint, SERVICES[operation])
    methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
    with translated(operation):
        answer: dict[str, Any] = _hiding(getattr(client, methods[operation])(**parameters))
        return answer


def _hiding(answer: Any) -> Any:
    """``answer`` with the static values of request parameters, which may be secrets, as strings that do not show."""
    if isinstance(answer, list):
        return [_hiding(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    found = {name: _hiding(value) for name, value in answer.items()}
    for name in ("RequestParameters", "RequestTemplates"):
        if isinstance(found.get(name), dict):
            found[name] = {key: _hidden(value) for key, value in found[name].items()}
    return found


def _hidden(value: Any) -> Any:
    return HiddenStr(value) if isinstance(value, str) and not is_reference(value) else value


def _with_action(error: PermissionMissing, operation: str) -> PermissionMissing:
    """``error`` with the IAM action that is missing, where AWS names one. It answers 403 for other reasons too."""
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
