"""Calling an integration: HTTP_PROXY over aiohttp, MOCK without leaving the process."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Mapping, NamedTuple

import aiohttp
from yarl import URL

from ..protocol import DEFAULT
from .mapping import Event, Outgoing, build_request
from .state import Resource
from .words import answered, explained, one_line

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

# Headers that aiohttp would add by itself. What is listed in the facts is sent and nothing else.
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
# A backend may close an idle connection just as we send on it: keep them for less than gunicorn's 2 s.
_KEEP_ALIVE = 1.0


class IntegrationFailed(Exception):
    """The backend cannot be reached, or what it sent is not HTTP."""


class IntegrationTimedOut(IntegrationFailed):
    """The backend was later than the integration's timeout."""


class Reply(NamedTuple):
    status: int
    subprotocol: str | None
    body: bytes


class Integrations:
    """``timeout``, in seconds, is an upper limit to the integrations' own."""

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
        """The answer for ``event``. Raises IntegrationFailed or IntegrationTimedOut."""
        integration = route.get("Integration")
        if integration is None:
            raise IntegrationFailed(f"route {route['RouteKey']} has no integration")
        if integration["IntegrationType"] == "MOCK":
            return _mock(route, integration)
        return await self._proxy(route, integration, event, variables)

    async def _proxy(self, route: Resource, integration: Resource, event: Event, variables: Mapping[str, str]) -> Reply:
        timeout = min(self._timeout, integration["TimeoutInMillis"] / 1000)
        where = f"{route['RouteKey']!r}: {integration['IntegrationMethod']} {one_line(integration['IntegrationUri'])}"
        try:
            reply = await asyncio.wait_for(self._send(build_request(route, event, variables)), timeout)
        except asyncio.TimeoutError:
            logger.warning("%s: no answer in %g s: is the site busy, or the address wrong?", where, timeout)
            raise IntegrationTimedOut(f"no answer in {timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a mapped value that cannot be encoded, such as half of a surrogate pair.
            why = "cut off, as the gateway stopped" if self._session is None else explained(error)
            logger.warning("%s: %s", where, why)
            raise IntegrationFailed(str(error)) from error
        # Nobody else may ever hear of an error of a one-way route.
        level = logging.WARNING if reply.status >= 300 else logging.INFO
        logger.log(level, "%s: %s", where, answered(reply.status, reply.body))
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
    """MOCK: the request template says the status, the integration response of that status the body.

    Templates are taken as they stand: VTL is not evaluated.
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
