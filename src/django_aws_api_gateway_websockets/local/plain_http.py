"""The plain HTTP side: the control plane, ``@connections`` and the index page."""

from __future__ import annotations

from ..answers import Answers
from . import unknowns
from .addressing import Addressing
from .control_plane import ControlPlane
from .data_plane import DataPlane
from .deployments import NoStage
from .error_answers import ApiError, Forbidden
from .hosts import AllowedHosts
from .http_messages import Request, Response, error_response, refusal
from .options import PublicAddress
from .store import Store


class PlainHttp:
    """Answers every request that is not a WebSocket handshake."""

    def __init__(
        self,
        store: Store,
        hosts: AllowedHosts,
        addressing: Addressing,
        public: PublicAddress,
        data_plane: DataPlane,
        answers: Answers,
    ) -> None:
        self._store, self._hosts, self._addressing = store, hosts, addressing
        self._public, self._data_plane = public, data_plane
        self._control_plane = ControlPlane(store, public.websocket_url, answers)

    async def answer(self, request: Request) -> Response:
        """Return the response to ``request``. If the request is refused, the response is an error in AWS's form."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return error_response(error)
        except NoStage:
            return error_response(Forbidden("Forbidden"))

    async def _answer(self, request: Request) -> Response:
        if request.from_web_page:
            raise Forbidden("The local gateway does not answer requests from web pages")
        if request.path.startswith("/v2/"):
            self._hosts.check(request)
            return self._control(request)
        if "@connections" in request.segments:
            return await self._connections(request)
        if request.path == "/" and request.method == "GET" and request.host in self._hosts:
            return self._index()
        self._addressing.stage_at(request, request.segments)
        return refusal(unknowns.UPGRADE_REQUIRED_STATUS, "Upgrade Required")

    def _control(self, request: Request) -> Response:
        response = self._control_plane.handle(request)
        if request.method == "DELETE":
            self._data_plane.close_deleted()
        return response

    async def _connections(self, request: Request) -> Response:
        segments = request.segments
        place = segments.index("@connections")
        stage = self._addressing.stage_at(request, segments[:place])
        connection_id = "/".join(segments[place + 1 :])
        return await self._data_plane.connections.handle(request, stage.api_id, stage.name, connection_id)

    def _index(self) -> Response:
        lines = ["Local API Gateway for WebSocket APIs", ""]
        lines += [
            f"{api['Name']}: {self._public.websocket_url}/{ids[0]}/{stage['StageName']}"
            for ids, api in self._store.children("Api")
            for _, stage in self._store.children("Stage", ids[0])
        ]
        return Response(200, [("Content-Type", "text/plain; charset=utf-8")], "\n".join([*lines, ""]).encode())
