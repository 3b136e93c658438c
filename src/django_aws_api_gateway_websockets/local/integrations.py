"""Call an integration: HTTP_PROXY by aiohttp, MOCK inside the process."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Mapping, NamedTuple

import aiohttp
from yarl import URL

from ..protocol import DEFAULT
from .log_text import describe_answer, describe_failure, one_line
from .mapping import Event, Outgoing, build_request
from .store import Resource

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

# aiohttp would add these headers by itself, but backends must only see what API Gateway sends.
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
# A backend may close an idle connection just as we send on it. gunicorn closes after 2 s, so keep them for less.
_KEEP_ALIVE = 1.0


class IntegrationFailed(Exception):
    """The backend cannot be reached, or its answer is not HTTP."""


class IntegrationTimedOut(IntegrationFailed):
    """The backend did not answer within the integration's timeout."""


class Reply(NamedTuple):
    status: int
    subprotocol: str | None
    body: bytes


class Integrations:
    """Calls backends. ``timeout``, in seconds, is an upper limit to the timeouts of the integrations."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
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
        return await self._proxy(route, integration, event, variables)

    async def _proxy(self, route: Resource, integration: Resource, event: Event, variables: Mapping[str, str]) -> Reply:
        timeout = min(self._timeout, integration["TimeoutInMillis"] / 1000)
        where = f"{route['RouteKey']!r}: {integration['IntegrationMethod']} {one_line(integration['IntegrationUri'])}"
        try:
            reply = await asyncio.wait_for(self._send(build_request(route, event, variables)), timeout)
        except asyncio.TimeoutError:
            logger.warning("%s: no answer within %g s. Is the site busy, or the address wrong?", where, timeout)
            raise IntegrationTimedOut(f"no answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # A mapped value that cannot be encoded, such as half of a surrogate pair, is a ValueError.
            why = "cut off because the gateway stopped" if self._session is None else describe_failure(error)
            logger.warning("%s: %s", where, why)
            raise IntegrationFailed(str(error)) from error
        # For a one-way route, this line may be the only trace of an error.
        level = logging.WARNING if reply.status >= 300 else logging.INFO
        logger.log(level, "%s: %s", where, describe_answer(reply.status, reply.body))
        return reply

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
            return Reply(answer.status, answer.headers.get("Sec-WebSocket-Protocol"), await answer.read())


def _mock(route: Resource, integration: Resource) -> Reply:
    """Answer for a MOCK integration.

    The status comes from the request template, and the body from the integration response for that status.
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
    except (ValueError, TypeError, KeyError):
        return 200
