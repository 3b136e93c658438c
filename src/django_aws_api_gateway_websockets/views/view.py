"""The view to which a gateway's events arrive as HTTP requests."""

from __future__ import annotations

import inspect
import logging
from functools import partial, wraps
from typing import Any, Awaitable, Callable, Mapping, Optional, Sequence, Union

from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from .. import protocol
from ..conf import conf
from ..delivery import connecting
from ..events import GatewayEvent
from ..exceptions import (
    ChannelRefused,
    EventRefused,
    InvalidBody,
    MissingHeaders,
    NoHandler,
    NotPermitted,
    UnknownConnection,
)
from ..logins.authority import auth_hash
from ..logins.ended import has_ended
from ..logins.handshake import check_handshake
from ..logins.speaker import check_may_speak, find_session, speak_as
from ..models import ApiGateway, ClosedReason, WebSocketSession
from ..security.bodies import check_length, parse_body
from ..security.channel_rules import Rule, check_channel_name, may_join
from ..security.escaping import one_line
from ..security.limits import check_rate
from .envelope import Envelope
from .exchange import Exchange
from .handlers import declaration_of, handler_table, wrong_signature
from .permissions import check_no_redirect, check_permissions

__all__ = ["WebSocketView", "handler_names"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

Handler = Callable[..., Union[HttpResponseBase, Awaitable[Optional[HttpResponseBase]], None]]

CONNECT, DISCONNECT, DEFAULT = "connect", "disconnect", "default"


def _login_not_required(dispatch: Any) -> Any:
    """What Django 5.1's ``login_not_required`` does: a message has no cookie, its connection is its login."""
    dispatch.login_required = False
    return dispatch


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(_login_not_required, name="dispatch")
class WebSocketView(View):
    """Handles the events of a WebSocket API: a method named like the route, without ``$``, gets each one.

    Mount it with a URL parameter called ``route``::

        path("ws/<slug:route>", ChatView.as_view())

    ``connect`` and ``disconnect`` are here; write ``default``, and a method for each ``action`` and custom
    route; ``async def`` or not. A handler returns None, or an HTTP response where it wants to refuse or, on a
    two-way route, reply.
    Whoever overrides ``dispatch`` must add ``csrf_exempt`` again.
    """

    #: True: refusals come with the log of every check.
    debug = False
    #: On the default route, the key of the body that picks the handler.
    route_selection_key = "action"
    #: Headers without which a request is refused.
    required_headers: list[str] = [protocol.CONNECTION_ID_HEADER, protocol.API_ID_HEADER]
    #: Further ones, which tunnels lose. This default is enforced only where the gateway sends no secret.
    additional_required_headers: list[str] = ["X-Real-Ip", "Connection"]

    #: The key of the body that picks the handler on any route, for APIs whose ``action`` already picks the route.
    handler_selection_key: str | None = None

    #: Origins beside the site's own whose pages may open sockets; None: the setting ALLOWED_ORIGINS.
    allowed_origins: Sequence[str] | None = None
    #: False: clients that send no Origin, which are no browsers, may connect. None: the setting REQUIRE_ORIGIN.
    require_origin: bool | None = None
    #: True: a connect token is needed, the session cookie alone does not do.
    require_token = False
    #: Who may use this view: logged-in users, a permission or several, objects with ``has_permission(request, view)``.
    login_required = False
    permission_required: str | Sequence[str] | None = None
    permission_classes: Sequence[Any] = ()
    #: Who may join which channel; None: everyone may join everything.
    channel_rules: Sequence[Rule] | None = None
    #: True: whether a user may be in their channel is asked for every message, not only on joining.
    recheck_channel = False
    http_method_names = ["post"]
    #: A handler called ``post`` that is ``async def`` makes no asynchronous view of this one.
    view_is_async = False

    body: dict[str, Any]
    debug_log: list[str]
    event: GatewayEvent
    replied: tuple[Mapping[str, Any], int] | None
    api_gateway: ApiGateway | None
    websocket_session: WebSocketSession | None
    _session_key_hash: str

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view = super().as_view(**initkwargs)

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = view(request, *args, **kwargs)
            # What LoginRequiredMixin answers. No socket can follow it.
            return HttpResponseForbidden() if 300 <= response.status_code < 400 else response

        # A mixin that overrides dispatch, such as Django's own, hides what is written on ours.
        answer.__dict__.update(csrf_exempt=True, login_required=False)
        return answer

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Find out who speaks: before ``dispatch``, so that Django's mixins and decorators see ``request.user``."""
        super().setup(request, *args, **kwargs)
        self.body = {}
        self.debug_log = []
        self.replied = None
        self.api_gateway = None
        self.websocket_session = None
        self._session_key_hash = ""
        self._refusal: EventRefused | None = None
        if request.method == "POST" and "route" in kwargs:
            try:
                self._identify(request, kwargs["route"])
            except EventRefused as refusal:
                self._refusal = refusal
                speak_as(request, None)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if "route" not in kwargs:
            raise ImproperlyConfigured(
                f"{type(self).__name__} needs the URL parameter 'route': path('ws/<slug:route>', …)."
            )
        try:
            if self._refusal is not None:
                raise self._refusal
            return self._receive(request, *args, **kwargs)
        except EventRefused as refusal:
            return self._refuse(refusal)
        except PermissionDenied as denied:
            return self._refuse(NotPermitted(str(denied) or "You may not do this."))

    # --- Who speaks -----------------------------------------------------------------------------

    def _identify(self, request: HttpRequest, route: str) -> None:
        self.event = GatewayEvent.from_request(request)
        self._check_headers(request)
        self._check_event_type(route)
        check_length(request)
        if route == CONNECT:
            self._session_key_hash = check_handshake(request, self.event, self)
            self._debug(f"handshake from {request.headers.get('Origin')!r}: accepted")
        else:
            if route != DISCONNECT:
                check_rate("messages", self.event.connection_id, conf.MESSAGES_PER_CONNECTION)
            self._load_session(request)
            if route != DISCONNECT:
                check_may_speak(self.websocket_session)

    def _load_session(self, request: HttpRequest) -> None:
        session = find_session(self.event)
        self._debug(f"connection {self.event.connection_id!r}: {'known' if session else 'unknown'}")
        self.websocket_session = session
        if session is not None:
            self.api_gateway = session.api_gateway
        speak_as(request, session.user if session else None)

    # --- The three kinds of event ---------------------------------------------------------------

    def _receive(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        route = kwargs["route"]
        if route == DISCONNECT:
            return self._run(self.disconnect, request, *args, **kwargs)
        if route == CONNECT:
            return self._receive_connect(request, *args, **kwargs)
        session = self._session
        check_permissions(self, request, self)
        self._check_may_stay(request, session)
        self.body = parse_body(request, conf.MAX_JSON_DEPTH)
        envelope = Envelope.from_body(self.body)
        if envelope is None:
            return self._run_message(request, *args, **kwargs)
        return Exchange(self, envelope).run(partial(self._run_message, request, *args, **kwargs))

    def _run_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        picked = self._pick_handler(kwargs["route"])
        self._session.touch()
        return self._run(picked, request, *args, **kwargs)

    def reply(self, data: Mapping[str, Any], *, status: int = 200) -> None:
        """Answer the request that this message is: the promise of ``socket.request()`` in the page settles with it.

        ``data`` is a JSON-compatible dict. A ``status`` of 400 or more rejects the promise. Call it once in a
        handler; a later call replaces an earlier one. The reply is sent after the handler has returned. A client
        that did not ask for a reply gets none.
        """
        self.replied = data, status

    def _receive_connect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.api_gateway = ApiGateway.objects.filter(api_id=self.event.api_id).first()
        if self.api_gateway is None:
            raise UnknownConnection(f"No API gateway here has the API id {self.event.api_id!r}: import or create it.")
        check_permissions(self, request, self)
        accepted = False
        try:
            with connecting(self.event.connection_id):
                response = self._run(self.connect, request, *args, **kwargs)
            accepted = 200 <= response.status_code < 300
        finally:
            # Refused after it was recorded: the client never gets this socket.
            if not accepted and self.websocket_session is not None:
                self.websocket_session.mark_disconnected(ClosedReason.REFUSED)
        return response

    # --- Connections --------------------------------------------------------------------------

    def connect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Record the connection, its user, its gateway and its channel. Overriding it, call ``super()``."""
        gateway = self.api_gateway
        assert gateway is not None  # noqa: S101  _receive_connect set it
        user = request.user if request.user.is_authenticated else None
        channel_name = self.get_channel_name(request)
        self._check_may_join(request, channel_name)
        session = WebSocketSession.objects.open(
            connection_id=self.event.connection_id,
            channel_name=channel_name,
            user=user,
            api_gateway=gateway,
            session_key_hash=self._session_key_hash,
            session_auth_hash=auth_hash(user) if user else "",
        )
        if not session.connected or (session.user_id, session.api_gateway_id) != (
            user and user.pk,
            gateway.pk,
        ):
            raise UnknownConnection(f"The connection {session.connection_id} was opened before, or is closed already.")
        self.websocket_session = session
        # Only now: a logout from here on finds the row.
        if has_ended(self._session_key_hash, user, since=self.event.received_at):
            raise UnknownConnection("The login under which the connection was opened has ended.")
        return None

    def disconnect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Mark the connection as closed. Overriding it, call ``super()``."""
        if self.websocket_session is not None:
            self.websocket_session.mark_disconnected(ClosedReason.CLIENT)
        else:
            self._record_closed()
        return None

    def _record_closed(self) -> None:
        """A ``$disconnect`` may overtake its ``$connect``: the row tells the latter that it came too late."""
        gateway = ApiGateway.objects.filter(api_id=self.event.api_id).first()
        if gateway is not None:
            session = WebSocketSession.objects.open(
                connection_id=self.event.connection_id,
                api_gateway=gateway,
                connected=False,
                closed_reason=ClosedReason.CLIENT,
            )
            if session.connected and session.api_gateway_id == gateway.pk:
                # The $connect wrote its row between our look and our write.
                session.mark_disconnected(ClosedReason.CLIENT)

    # --- Channels -----------------------------------------------------------------------------

    def get_channel_name(self, request: HttpRequest) -> str:
        """The channel of a new connection: the query parameter ``channel``, else the gateway's default."""
        default = self.api_gateway.default_channel_name if self.api_gateway else ""
        return request.GET.get("channel", "").strip() or default.strip()

    def can_join(self, request: HttpRequest, channel_name: str) -> bool:
        """Whether ``request.user`` may join the channel: asked on connect, and by ``join_channel``."""
        return may_join(self.channel_rules, request.user, channel_name)

    def join_channel(self, request: HttpRequest, channel_name: Any) -> None:
        """Move this connection to another channel, or with an empty name out of any.

        What a client sent may be passed on as it is: raises ``InvalidBody`` for what can be no channel's name,
        ``ChannelRefused`` where the user may not join, ``UnknownConnection`` where the row is gone by now.
        """
        self._check_may_join(request, channel_name)
        session = self.websocket_session
        assert session is not None  # noqa: S101  handlers run with one
        # Not save(), which raises where the row has been deleted meanwhile.
        if not session.own_row.update(channel_name=channel_name, updated_on=timezone.now()):
            raise UnknownConnection(f"The connection {session.connection_id} is gone.")
        session.channel_name = channel_name

    def _check_may_join(self, request: HttpRequest, channel_name: Any) -> None:
        check_channel_name(channel_name)
        if channel_name and not self.can_join(request, channel_name):
            raise ChannelRefused(f"You may not join the channel {channel_name!r}.")

    def _check_may_stay(self, request: HttpRequest, session: WebSocketSession) -> None:
        if self.recheck_channel and session.channel_name and not self.can_join(request, session.channel_name):
            raise ChannelRefused(f"You may no longer be in the channel {session.channel_name!r}.")

    # --- Checks ---------------------------------------------------------------------------------

    def _check_headers(self, request: HttpRequest) -> None:
        required = list(self.required_headers)
        is_default = self.additional_required_headers is WebSocketView.additional_required_headers
        if not (is_default and self.event.proven):
            required += self.additional_required_headers
        missing = [name for name in required if name not in request.headers]
        self._debug(f"required headers {required}: missing {missing or 'none'}")
        if missing:
            raise MissingHeaders(f"Headers are missing: {', '.join(missing)}.")

    def _check_event_type(self, route: str) -> None:
        """A custom route key called ``connect`` must not reach what only the gateway may call."""
        expected = {CONNECT: "CONNECT", DISCONNECT: "DISCONNECT"}.get(route, "MESSAGE")
        found = self.event.event_type
        self._debug(f"event type: {found or 'not mapped'}, the route takes {expected}")
        if found is not None and found != expected:
            raise InvalidBody(f"The route {route!r} takes {expected} events, not {found}.")

    # --- Handlers -------------------------------------------------------------------------------

    def _pick_handler(self, route: str) -> Handler:
        name: object = self.body.get(self.handler_selection_key) if self.handler_selection_key else None
        found = None
        if name is not None:
            found = self._handler(name) or (self._handler(DEFAULT) if route == DEFAULT else None)
        elif route != DEFAULT:
            name, found = route, self._handler(route)
        elif self.route_selection_key in self.body:
            name = self.body[self.route_selection_key]
            found = self._handler(name) or self._handler(DEFAULT)
        else:
            raise InvalidBody(f"The key {self.route_selection_key!r} is missing from the message.")
        self._debug(f"{name!r} on the route {route!r}: {getattr(found, '__name__', 'no handler')}")
        if wrong_signature(type(self), WebSocketView, name):
            self._debug(f"the method {name!r} is no handler: one takes (self, request, *args, **kwargs)")
        if found is None:
            raise NoHandler(f"{type(self).__name__} has no handler for {name!r}: write a method of that name.")
        return found

    def _handler(self, name: object) -> Handler | None:
        table = handler_table(type(self), WebSocketView)
        attribute = table.get(name) or table.get(name.replace("-", "_")) if isinstance(name, str) else None
        return getattr(self, attribute) if attribute else None

    @property
    def _session(self) -> WebSocketSession:
        assert self.websocket_session is not None  # noqa: S101  check_may_speak made sure
        return self.websocket_session

    def _run(self, picked: Handler, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        declared = declaration_of(picked)
        if declared is not None:
            check_permissions(declared, request, self)
        response = picked(request, *args, **kwargs)
        if inspect.isawaitable(response):
            # Under ASGI this thread is not the loop's: the handler runs in the loop, and only the thread waits.
            response = async_to_sync(_awaited)(response)
        if response is None:
            return HttpResponse()
        if not isinstance(response, HttpResponseBase):
            raise TypeError(
                f"{type(self).__name__}.{picked.__name__} returned {type(response).__name__}: "
                "a handler returns None or an HTTP response."
            )
        check_no_redirect(response)
        return response

    # --- Saying why -----------------------------------------------------------------------------

    def _debug(self, msg: str) -> None:
        """Every check tells its outcome here; override it to call your logger."""
        self.debug_log.append(msg)

    def _refuse(self, refusal: EventRefused) -> JsonResponse:
        self._debug(f"refused with {refusal.status}: {refusal}")
        logger.warning(
            "Refused %s: %s", one_line(self.request.path), one_line(str(refusal)), extra={"status_code": refusal.status}
        )
        answer: dict[str, Any] = {"message": str(refusal)}
        if self.debug:
            answer["debug"] = self.debug_log
        return JsonResponse(answer, status=refusal.status)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def handler_names(view: type[WebSocketView]) -> set[str]:
    """The names by which a message may pick a handler of ``view``."""
    return set(handler_table(view, WebSocketView))
