"""Calls to AWS's control plane: every page of a listing, patience with its limits, and the missing permission named."""

from __future__ import annotations

import re
import time
from typing import Any, Iterator

from ..aws import control_client, translated
from ..exceptions import AwsError, AwsUnreachable, Conflict, PermissionMissing, Throttled
from .endpoints import check_place
from .operations import SERVICES, iam_resource

# "not authorized to perform: apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/apis because …"
_DENIED = re.compile(r"not authorized to perform: (\S+)(?: on resource: ([^\s\"]+))?")

# AWS's limits: one CreateDeployment in 5 s, one change of a domain name in 30 s, 10 calls of others in a second.
_FIRST_DELAY = {"CreateDeployment": 5.0, "CreateDomainName": 30.0, "UpdateDomainName": 30.0}
_ATTEMPTS = 6


def delays(operation: str, error: AwsError) -> Iterator[float]:
    """Seconds to wait before each further attempt at ``operation`` after ``error``; none where one is no use.

    A call that was refused (429, 409) was not carried out, so it can be repeated. A call whose answer was
    lost may have been: only reading is repeated, and a creation is found again by the next run.
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
    """One operator's calls to ``endpoint``, or to AWS where that is None; ``calls`` counts them."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint
        self.calls = 0

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
        """Raise ``InvalidGateway`` where an API at ``api_endpoint`` is in AWS and this is a local gateway, or vice
        versa."""
        check_place(api_endpoint, is_local=not self.is_aws)

    def arn(self, path: str) -> str:
        """The ARN of an API Gateway resource: ``path`` is ``/apis/ID`` or what lies under it."""
        return f"arn:{self.partition}:apigateway:{self.region}::{path}"

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Carry out ``operation``, a name such as ``CreateApi``. Raises ``AwsError`` when patience did not help."""
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
        """Every item of a listing, page after page."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.call(operation, **parameters, **token)
            found += page.get("Items", [])
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}

    def _call_once(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        client = control_client(self.endpoint, SERVICES[operation])
        methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
        self.calls += 1
        try:
            with translated(operation):
                answer: dict[str, Any] = getattr(client, methods[operation])(**parameters)
                return answer
        except PermissionMissing as error:
            raise _with_action(error, operation) from error


def _with_action(error: PermissionMissing, operation: str) -> PermissionMissing:
    """The action that is missing, where that is what AWS says: it answers 403 to other things too."""
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
