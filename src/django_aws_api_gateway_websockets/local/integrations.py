"""Call an integration: HTTP_PROXY with aiohttp, MOCK inside the process."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any, Mapping, NamedTuple
from urllib.parse import unquote

import aiohttp
from yarl import URL

from ..protocol import DEFAULT, USER_HEADER
from .log_text import describe_failure, one_line
from .mapping import Event, Outgoing, build_request
from .observer import Observer
from .site_answers import summary_of
from .store import Resource

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

# aiohttp would add these headers by itself, but backends must only see what API Gateway sends.
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
# A backend may close an idle connection just as the gateway uses it. gunicorn closes after 2 s, so keep connections for
# less.
_KEEP_ALIVE = 1.0


class IntegrationFailed(Exception):
    """The backend cannot be reached, or its answer is not HTTP."""


class IntegrationTimedOut(IntegrationFailed):
    """The backend did not answer within the integration's timeout."""


class Reply(NamedTuple):
    status: int
    subprotocol: str | None
    body: bytes
    user: str = ""  # the name of the user who connects, if the site returns it


class Call(NamedTuple):
    """A request to a backend. ``target`` is the method and URL for the log. ``timeout`` is in seconds."""

    connection_id: str
    route_key: str
    target: str
    timeout: float
    outgoing: Outgoing

    def flat(self) -> tuple[Any, ...]:
        """Return everything but the connection id, in plain tuples."""
        method, url, headers, body = self.outgoing
        return self.route_key, self.target, self.timeout, method, url, tuple(headers), body

    @classmethod
    def from_flat(cls, connection_id: str, flat: tuple[Any, ...]) -> Call:
        """Return the call from which :meth:`flat` was made."""
        route_key, target, timeout, method, url, headers, body = flat
        return cls(connection_id, route_key, target, timeout, Outgoing(method, url, list(headers), body))


class Integrations:
    """Calls backends. ``timeout``, in seconds, is an upper limit for the timeouts of the integrations."""

    def __init__(self, timeout: float, observer: Observer) -> None:
        self._timeout, self._observer = timeout, observer
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_SKIPPED,
            auto_decompress=False,
        )

    async def stop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, route: Resource, event: Event, variables: Mapping[str, str]) -> Reply:
        """Return the backend's answer to ``event``. Raise IntegrationFailed or IntegrationTimedOut."""
        integration = route.get("Integration")
        if integration is None:
            raise IntegrationFailed(f"the route {route['RouteKey']} has no integration")
        if integration["IntegrationType"] == "MOCK":
            return _mock(route, integration)
        return await self.send(self._call_of(route, integration, event, variables))

    def _call_of(self, route: Resource, integration: Resource, event: Event, variables: Mapping[str, str]) -> Call:
        key, timeout = route["RouteKey"], min(self._timeout, integration["TimeoutInMillis"] / 1000)
        target = f"{integration['IntegrationMethod']} {one_line(integration['IntegrationUri'])}"
        try:
            outgoing = build_request(route, event, variables)
        except ValueError as error:
            logger.warning("%r: %s: %s", key, target, describe_failure(error))
            raise IntegrationFailed(str(error)) from error
        return Call(event.context["connectionId"], key, target, timeout, outgoing)

    async def send(self, call: Call) -> Reply:
        """Send the request of ``call`` and return the answer. Raise IntegrationFailed or IntegrationTimedOut."""
        began = time.perf_counter()
        try:
            reply = await self._timed(call)
        except IntegrationFailed as error:
            logger.warning("%r: %s: %s", call.route_key, call.target, error)
            self._record(call, began, None, b"", str(error))
            raise
        self._record(call, began, reply.status, reply.body, "")
        # For a one-way route, this line may be the only trace of an error.
        level = logging.WARNING if reply.status >= 300 else logging.INFO
        logger.log(level, "%r: %s: %s", call.route_key, call.target, summary_of(reply.status, reply.body))
        return reply

    def _record(self, call: Call, began: float, status: int | None, body: bytes, failure: str) -> None:
        seconds = time.perf_counter() - began
        self._observer.record("call", call.connection_id, *call.flat(), seconds, status, body, failure)

    async def _timed(self, call: Call) -> Reply:
        if self._observer.site_is_away(call.connection_id):
            raise IntegrationFailed("the inspector simulates a deployment of the site, so nothing listens there")
        try:
            return await asyncio.wait_for(self._send(call.outgoing), call.timeout)
        except asyncio.TimeoutError:
            raise IntegrationTimedOut(
                f"no answer within {call.timeout:g} s. Check that the site is not busy and that the address is right."
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # A header that cannot be encoded, such as half of a surrogate pair, raises ValueError.
            stopped = self._session is None
            raise IntegrationFailed(
                "cut off because the gateway stopped" if stopped else describe_failure(error)
            ) from error

    async def _send(self, outgoing: Outgoing) -> Reply:
        if self._session is None:
            raise IntegrationFailed("the gateway is not running")
        async with self._session.request(
            outgoing.method,
            URL(outgoing.url, encoded=True),
            headers=outgoing.headers,
            data=outgoing.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            user = unquote(answer.headers.get(USER_HEADER, ""))
            return Reply(answer.status, answer.headers.get("Sec-WebSocket-Protocol"), await answer.read(), user)


def _mock(route: Resource, integration: Resource) -> Reply:
    """Answer for a MOCK integration.

    The status comes from the request template. The body comes from the integration response for that status.
    """
    templates = integration.get("RequestTemplates", {})
    chosen = templates.get(integration.get("TemplateSelectionExpression"), templates.get(DEFAULT))
    status = _status_code(chosen or next(iter(templates.values()), ""))
    responses = {item["IntegrationResponseKey"]: item for item in route.get("IntegrationResponses", [])}
    response = responses.get(f"/{status}/") or responses.get(DEFAULT) or {}
    bodies = response.get("ResponseTemplates", {})
    body = bodies.get(response.get("TemplateSelectionExpression"), bodies.get(DEFAULT))
    return Reply(status, None, (body or next(iter(bodies.values()), "")).encode())


def _status_code(template: str) -> int:
    try:
        status: Any = json.loads(template)["statusCode"]
        return int(status)
    except (ValueError, TypeError, KeyError, RecursionError):
        return 200
