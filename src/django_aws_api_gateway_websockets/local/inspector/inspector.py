"""The inspector itself: it observes the gateway, plays faults, and acts on connections."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Container, Iterable

from ..error_answers import ApiError
from ..integrations import Call, IntegrationFailed
from ..observer import Observer
from ..sockets import Socket
from ..store import Store
from .copy_as_curl import curl_of
from .faults import HANG_SECONDS, PUSH_FAULTS, Chaos, Faults, push_error
from .masking import Masker
from .presenting import Presenter
from .recorder import Recorded, Recorder
from .saving import test_of

if TYPE_CHECKING:
    from ..data_plane import DataPlane
    from ..integrations import Integrations


class Unknown(Exception):
    """The page requested an event or a connection that does not exist. ``str(error)`` names it."""


class Inspector(Observer):
    """Records events and breaks things. ``bind`` connects it to the gateway that it observes."""

    def __init__(self, store: Store, chaos_seed: int | None = None) -> None:
        self._store = store
        self._recorder = Recorder()
        self._masker = Masker()
        self._presenter = Presenter(self._masker)
        self._faults = Faults()
        self._chaos = None if chaos_seed is None else Chaos(chaos_seed)
        self._writing: asyncio.Task[None] | None = None

    def bind(self, data_plane: DataPlane, integrations: Integrations, gateway_url: str) -> None:
        self._data_plane, self._integrations, self._gateway_url = data_plane, integrations, gateway_url

    # -- what the gateway calls -----------------------------------------------------------------------------

    def record(self, kind: str, connection_id: str, *details: Any) -> None:
        self._recorder.append(kind, connection_id, details)
        if kind == "handshake":
            self._learn(*details)
        elif kind == "closed":
            self._faults.forget(connection_id)
        if self._chaos is not None:
            self._play_chaos(self._chaos, kind, connection_id)

    def _learn(self, path: str, query: str, headers: Iterable[tuple[str, str]], peer: str) -> None:
        self._masker.learn_headers(headers)
        self._masker.learn_query(query)

    async def before_push(self, connection_id: str) -> None:
        name = self._faults.take(connection_id)
        if not name and self._chaos is not None:
            name = self._chaos.push_fault(connection_id)
        if not name:
            return
        self.record("fault", connection_id, name)
        if name == "hang":
            await asyncio.sleep(HANG_SECONDS)
        raise push_error(name)

    def site_is_away(self, connection_id: str) -> bool:
        return self._faults.site_is_away(connection_id)

    def _play_chaos(self, chaos: Chaos, kind: str, connection_id: str) -> None:
        if kind == "handshake":
            chaos.opened(connection_id)
        elif kind == "received":
            name = chaos.message_fault(connection_id)
            socket = self._data_plane.connections.get(connection_id)
            if name and socket is not None:
                # Break it later, because the socket is still busy with the message.
                asyncio.get_running_loop().call_soon(self._break, socket, name)

    # -- what is shown --------------------------------------------------------------------------------------

    def learn(self, values: Iterable[str]) -> None:
        """Hide these values from now on."""
        self._masker.learn(values)

    def events(
        self, after: int = 0, connection_ids: Container[str] | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the first ``limit`` events with a higher number than ``after``, without secrets."""
        found = self._recorder.after(after)
        chosen = [event for event in found if connection_ids is None or event.connection_id in connection_ids]
        return self._show(chosen[:limit])

    def _show(self, events: Iterable[Recorded]) -> list[dict[str, Any]]:
        self._masker.learn(_static_values(self._store))
        return [self._presenter.show(event) for event in events]

    async def wait_for_events(self, after: int, seconds: float) -> None:
        """Return when there is an event with a higher number, or after ``seconds``."""
        try:
            await asyncio.wait_for(self._recorder.wait_for_more(after), seconds)
        except asyncio.TimeoutError:
            pass  # the page asks again

    def state(self) -> dict[str, Any]:
        """Return the open connections and the armed faults."""
        sockets = self._data_plane.connections.all()
        return {
            "open": [
                {
                    "connection": one.connection_id,
                    "api": one.api_id,
                    "stage": one.stage,
                    "user": self._masker.values(one.user),
                    "since": one.connected_at,
                }
                for one in sockets
            ],
            "armed": self._faults.armed(),
            "chaos": None if self._chaos is None else self._chaos.seed,
        }

    def curl(self, number: int) -> str:
        event = self._find(number)
        same = (one for one in self._recorder.after(0) if one.connection_id == event.connection_id)
        opened = next((one.details for one in same if one.kind == "opened"), None)
        [shown] = self._show([event])
        return curl_of(shown, self._gateway_url, "/{}/{}".format(*opened) if opened else "")

    def saved_test(self, connection_ids: list[str]) -> str:
        """Return a test that repeats the conversation of these connections."""
        return test_of(self.events(connection_ids=connection_ids))

    def write_to(self, path: Path) -> None:
        """Append every event to a file of JSON lines from now on."""
        self._writing = asyncio.get_running_loop().create_task(self._write(path))

    async def stop(self) -> None:
        """Write the last events to the file, if there is one."""
        if self._writing is not None:
            await asyncio.sleep(0)
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, path: Path) -> None:
        number = 0
        # Text from JSON can contain half of a surrogate pair, which UTF-8 cannot encode.
        with path.open("a", encoding="utf-8", errors="replace") as file:
            while True:
                try:
                    await self._recorder.wait_for_more(number)
                finally:
                    for event in self.events(number):
                        file.write(json.dumps(event, ensure_ascii=False) + "\n")
                        number = event["n"]
                    file.flush()

    # -- what the page does ---------------------------------------------------------------------------------

    def push(self, connection_id: str, text: str) -> None:
        """Push ``text`` by hand. Raise ApiError as a push of the site does."""
        try:
            self._socket(connection_id).push(text)
        except ApiError as error:
            self.record("push", connection_id, text, error.status, str(error))
            raise
        self.record("push", connection_id, text, 200, "")

    def close(self, connection_id: str) -> None:
        self._socket(connection_id).close(1000, "Connection Closed Normally", "closed by the inspector")

    async def send_again(self, number: int, text: str | None) -> None:
        """Repeat an event unchanged, or with another ``text``."""
        event = self._find(number)
        if event.kind == "received":
            await self._data_plane.deliver(self._socket(event.connection_id), _edited(event.details[0], text))
        elif event.kind in ("push", "reply", "error"):
            self.push(event.connection_id, _edited(event.details[0], text))
        elif event.kind == "call":
            await self._call_again(Call.from_flat(event.connection_id, event.details[:7]), text)
        else:
            raise Unknown(f"An event of the kind {event.kind} cannot be sent again")

    async def _call_again(self, call: Call, text: str | None) -> None:
        body = call.outgoing.body if text is None else text.encode("utf-8", "replace")
        try:
            await self._integrations.send(call._replace(outgoing=call.outgoing._replace(body=body)))
        except IntegrationFailed:
            pass  # The page shows the failure as an event.

    def play(self, name: str, connection_id: str, lasting: bool) -> None:
        """Arm or run the fault ``name`` for a connection, or for all connections if ``connection_id`` is empty."""
        if name in PUSH_FAULTS:
            self._faults.arm(name, connection_id, lasting)
        elif name == "deploy":
            self.record("fault", connection_id, name)
            self._faults.deploy(connection_id)
        else:
            sockets = self._data_plane.connections.all() if not connection_id else [self._socket(connection_id)]
            for socket in sockets:
                self._break(socket, name)

    def clear_faults(self) -> None:
        self._faults.clear()

    def _break(self, socket: Socket, name: str) -> None:
        self.record("fault", socket.connection_id, name)
        if name == "cut":
            socket.cut()
        elif name == "age":
            socket.close_for_age()
        elif name == "idle":
            socket.close_for_idleness()
        elif name == "deploy":
            self._faults.deploy(socket.connection_id)
        else:
            raise Unknown(f"There is no fault {name!r}")

    def _socket(self, connection_id: str) -> Socket:
        socket: Socket | None = self._data_plane.connections.get(connection_id)
        if socket is None:
            raise Unknown(f"The connection {connection_id} is not open")
        return socket

    def _find(self, number: int) -> Recorded:
        event = self._recorder.find(number)
        if event is None:
            raise Unknown(f"The event {number} is no longer kept")
        return event


def _edited(text: str, replacement: str | None) -> str:
    return text if replacement is None else replacement


def _static_values(store: Store) -> list[str]:
    """Return the values that integrations write themselves. The gateway's secret is one of them."""
    return [
        source[1:-1]
        for _, integration in store.children("Integration")
        for source in integration.get("RequestParameters", {}).values()
        if source.startswith("'")
    ]
