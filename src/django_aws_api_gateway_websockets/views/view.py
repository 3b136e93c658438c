"""The view that handles the events of a gateway, which arrive as HTTP requests."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import partial
from typing import Any, Awaitable, Callable, Mapping, Optional, Sequence, Union
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from .. import protocol
from ..delivery.connecting import connecting
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
from ..logins.connections import check_login_stands, record_connect, record_disconnect
from ..logins.handovers import check_waits, waits_for_move
from ..logins.handshake import HandshakeLogin, check_handshake
from ..logins.message_session import NoSession
from ..logins.speaker import check_may_speak, find_session, find_speaking_session, open_again, set_user
from ..models import ApiGateway, ClosedReason, WebSocketSession, activity
from ..models.announcing import announce_connected
from ..security.bodies import check_length, parse_object, read_text
from ..security.channel_rules import Rule, as_text, check_channel_name, may_join
from ..security.limits import MESSAGES, check_rate
from .announcing import run_and_announce
from .answers import as_response, for_gateways, login_not_required, refusal
from .envelope import KEY, Envelope, spoken_version
from .exchange import answer_beat, change_channels, leave_lost_channels, run_once
from .handlers import declaration_of, handler_table, has_coroutines, method_name, signature_problem, taken_arguments
from .moves import answer_move, for_later
from .permissions import check_no_redirect, check_permissions
from .selection import choose_name
from .subprotocols import accepting, offered, warn_if_unanswered

__all__ = ["WebSocketView", "WouldConnect", "handler_names"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

Handler = Callable[..., Union[HttpResponseBase, Awaitable[Optional[HttpResponseBase]], None]]


class WouldConnect(BaseException):
    """``connect`` has made its checks, and a rehearsal ends at this point.

    This is not an ``Exception``, so that a project's code does not catch it.
    """


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class WebSocketView(View):
    """A view for the events of a gateway. Each event is handled by the method with the route's name, without ``$``.

    Mount it with a URL parameter called ``route``::

        path("ws/<slug:route>", ChatView.as_view())

    The view has ``connect`` and ``disconnect``. Write ``default``, and a method for each ``action`` and each custom
    route. Handlers may be ``async def``. A handler returns None or an HTTP response. A response refuses the
    message, or replies on a two-way route. If you override ``dispatch``, add ``csrf_exempt`` again.
    """

    #: Add the log of all checks to each refusal.
    debug = False
    #: The key of the body that selects the handler on the default route. If you do not set it, the view uses the route
    #: selection expression of its gateway.
    route_selection_key = "action"
    #: A key of the body that selects the handler on any route, for APIs that use ``action`` to select the route.
    handler_selection_key: str | None = None
    #: Headers that every request must have.
    required_headers: list[str] = [protocol.CONNECTION_ID_HEADER, protocol.API_ID_HEADER]
    #: Further headers, which tunnels often strip. This default is enforced only if the gateway sends no secret.
    additional_required_headers: list[str] = ["X-Real-Ip", "Connection"]
    #: Origins whose pages may connect, besides the site's own. None: the setting ALLOWED_ORIGINS.
    allowed_origins: Sequence[str] | None = None
    #: Whether to refuse clients that send no Origin. Browsers always send one. None: the setting REQUIRE_ORIGIN.
    require_origin: bool | None = None
    #: Require a connect token. The session cookie alone is not enough.
    require_token = False
    #: Who may use this view: logged-in users, users with a permission, objects with ``has_permission(request, view)``.
    login_required = False
    permission_required: str | Sequence[str] | None = None
    permission_classes: Sequence[Any] = ()
    #: Rules that decide who may join which channel. None: everybody may join every channel.
    channel_rules: Sequence[Rule] | None = None
    #: Check for each message, and not only on a join, whether the user may still be in the connection's channels.
    recheck_channel = False
    http_method_names = ["post"]
    #: False even if an ``async def`` handler is called ``post``.
    view_is_async = False

    event: GatewayEvent

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body: Any = {}
        self.text = ""
        self.envelope: Envelope | None = None
        self.replied: tuple[Mapping[str, Any], int] | None = None
        self.channels_answer: Mapping[str, Any] = {}
        self.debug_log: list[str] = []
        self.api_gateway: ApiGateway | None = None
        self.websocket_session: WebSocketSession | None = None
        self._login = HandshakeLogin()
        #: Whether ``connect`` ends before it writes the row: see ``views.rehearsal``.
        self._rehearses = False
        self._refusal: EventRefused | None = None
        #: Whether the row was not connected when this message came.
        self._was_closed = False

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        return for_gateways(super().as_view(**initkwargs))

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Find the user before ``dispatch`` runs, so that Django's mixins and decorators see ``request.user``."""
        super().setup(request, *args, **kwargs)
        if request.method == "POST" and "route" in kwargs:
            try:
                self._identify(request)
            except EventRefused as refused:
                self._refusal = refused
                set_user(request, None)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self._rehearses:
            check_permissions(self, request, self)
            return self._run(self.connect, request, *args, **kwargs)
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
        except EventRefused as refused:
            return self._refuse(request, refused)
        except PermissionDenied as denied:
            return self._refuse(request, NotPermitted(str(denied) or "You may not do this."))

    # --- The event and its user ----------------------------------------------------------------

    @cached_property
    def _route_key(self) -> str:
        return protocol.route_key_of(self.kwargs["route"])

    def _identify(self, request: HttpRequest) -> None:
        self.event = GatewayEvent.from_request(request)
        self._check_headers(request)
        self._debug(f"event type: {self.event.event_type or 'not mapped'}, route key: {self._route_key!r}")
        self.event.check_type(self._route_key)
        check_length(request)
        if self._route_key == protocol.CONNECT:
            self._login = check_handshake(request, self.event, self)
            self._debug(f"handshake from {request.headers.get('Origin')!r}: accepted")
            return
        request.session = NoSession()  # type: ignore[assignment]
        if self._route_key != protocol.DISCONNECT:
            check_rate(MESSAGES, self.event.connection_id)
        self._find_session(request)

    def _find_session(self, request: HttpRequest) -> None:
        ends = self._route_key == protocol.DISCONNECT
        # Async code cannot load a deferred field when it reads it.
        whole_gateway = ends or has_coroutines(type(self), WebSocketView)
        find = find_session if ends else find_speaking_session
        session = self.websocket_session = find(self.event, whole_gateway)
        self._debug(f"connection {self.event.connection_id!r}: {'known' if session else 'unknown'}")
        self.api_gateway = session.api_gateway if session else None
        if ends:
            set_user(request, session.user if session else None)
        else:
            self._was_closed = session is not None and not session.connected
            set_user(request, check_may_speak(session))

    def _check_headers(self, request: HttpRequest) -> None:
        required = list(self.required_headers)
        is_default = self.additional_required_headers is WebSocketView.additional_required_headers
        if not (is_default and self.event.proven):
            required += self.additional_required_headers
        missing = [name for name in required if name not in request.headers]
        self._debug(f"required headers {required}: missing {missing or 'none'}")
        if missing:
            raise MissingHeaders(f"Headers are missing: {', '.join(missing)}.")

    # --- The three kinds of event ---------------------------------------------------------------

    def _receive(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self._route_key == protocol.CONNECT:
            return self._receive_connect(request, *args, **kwargs)
        session = self.websocket_session
        # Only $connect carries a cookie and Accept-Language, so its language is stored.
        active = translation.get_language()
        language = (session and session.language) or active
        with nullcontext() if language == active else translation.override(language):
            request.LANGUAGE_CODE = language
            if self._route_key == protocol.DISCONNECT:
                return self._run(self.disconnect, request, *args, **kwargs)
            return self._receive_message(request, *args, **kwargs)

    def _receive_connect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.api_gateway = ApiGateway.objects.filter(api_id=self.event.api_id).first()
        if self.api_gateway is None:
            raise UnknownConnection(f"No gateway row has the API id {self.event.api_id!r}. Import it or create one.")
        check_permissions(self, request, self)
        # Until super().connect() has written the row, a send to it raises SendDuringConnect.
        self.websocket_session = WebSocketSession(
            connection_id=self.event.connection_id, api_gateway=self.api_gateway, stage_name=self.event.stage or ""
        )
        accepted = False
        try:
            with connecting(self.event.connection_id):
                response = self._run(self.connect, request, *args, **kwargs)
                accepted = 200 <= response.status_code < 300
                if accepted and self.websocket_session.is_new and self.websocket_session.connected:
                    announce_connected(self.websocket_session)
        finally:
            # A row may have been written before the refusal, but the client never gets this connection.
            if not accepted:
                self.websocket_session.mark_disconnected(ClosedReason.REFUSED)
        if accepted:
            activity.count(activity.CONNECTS)
            warn_if_unanswered(request, response)
            if settings.DEBUG and self.api_gateway.is_local:
                # The inspector shows the name. A gateway in AWS never gets it.
                response[protocol.USER_HEADER] = quote(request.user.get_username())
        return response

    def _receive_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_permissions(self, request, self)
        self._check_may_stay(request)
        if self.websocket_session is not None:
            # Only now, so that a client that is refused was never connected again.
            open_again(self.websocket_session)
        self.text = read_text(request)
        try:
            self.body = self.parse(request)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            self._debug(f"parse raised {error!r}")
            raise InvalidBody("The site cannot parse the message.") from error
        handle = partial(self._run_message, request, *args, **kwargs)
        self.envelope = Envelope.from_body(self.body)
        return handle() if self.envelope is None else run_once(self, self.envelope, handle)

    def _run_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        picked = self._pick_handler()
        moves = picked == self._answer_client and self.envelope is not None and bool(self.envelope.move)
        check_waits(self.websocket_session, moves)
        activity.count(activity.MESSAGES)
        session = self.websocket_session
        assert session is not None  # noqa: S101  check_may_speak has looked.
        session.touch()
        run = partial(self._run, picked, request, *args, **kwargs)
        if picked == self._answer_client:
            return run()
        return run_and_announce(self, session, getattr(picked, "__name__", ""), run)

    def _answer_client(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Handle a message for this package: a beat, or channels to join and leave."""
        assert self.envelope is not None  # noqa: S101  _pick_handler has looked.
        if self.envelope.unserved:
            self.reply({"message": f"This site does not support {', '.join(self.envelope.unserved):.200}."}, status=501)
        elif self.envelope.move and self.websocket_session is not None:
            answer = answer_move(self.event, self.websocket_session, self.envelope)
            # Otherwise, a connection could stay in a channel for ever, because each one hands it over to the next.
            lost = leave_lost_channels(self.websocket_session, partial(self.can_join, request))
            if self.websocket_session.channel_name in lost:
                self.websocket_session.leave(self.websocket_session.channel_name)
            self.channels_answer = {**answer, "lost": lost} if lost else answer
        elif (self.envelope.join or self.envelope.leave) and self.websocket_session is not None:
            check = partial(self._check_may_join, request)
            changes = change_channels(self.websocket_session, self.envelope, check)
            self.channels_answer = {**changes, **for_later(self.websocket_session)}
        if self.envelope.beat and self.websocket_session is not None:
            answer_beat(self.websocket_session)

    def reply(self, data: Mapping[str, Any], *, status: int = 200) -> None:
        """Send a reply to the request in this message. It settles the promise of ``socket.request()`` in the page.

        ``data`` is a JSON-compatible dict. A ``status`` of 400 or more rejects the promise. The reply is sent after the
        handler has returned, and a later call replaces an earlier one. Without a request, no reply is sent.
        """
        self.replied = data, status

    def parse(self, request: HttpRequest) -> Any:
        """Return the message as ``self.body``. Override it to accept more than JSON objects.

        ``self.text`` is the message as it arrived. On the default route, a value that is not a dict goes to
        ``default``. A ``ValueError`` is answered with 400.
        """
        return parse_object(self.text)

    # --- Connections ----------------------------------------------------------------------------

    def connect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Record the connection, its user, its gateway and its channel. If you override it, call ``super()``."""
        user = request.user if request.user.is_authenticated else None
        channel_name = self.get_channel_name(request)
        self._check_may_join(request, channel_name)
        if self._rehearses:
            raise WouldConnect
        gateway = self.api_gateway
        assert gateway is not None  # noqa: S101  _receive_connect has set it.
        self.websocket_session = record_connect(
            self.event, gateway, user, self._login, channel_name, spoken_version(request), waits_for_move(request)
        )
        check_login_stands(self.event, self._login, user)
        return None

    def disconnect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Mark the connection as closed. If you override it, call ``super()``."""
        record_disconnect(self.event, self.websocket_session)
        return None

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client of a ``$connect`` offers, in its order of preference."""
        return offered(self.request) if self._route_key == protocol.CONNECT else []

    def accept(self, subprotocol: str) -> HttpResponse:
        """Return a response for ``connect`` that accepts ``subprotocol``, one of those that the client offers."""
        return accepting(subprotocol, self.subprotocols)

    # --- Channels -------------------------------------------------------------------------------

    def get_channel_name(self, request: HttpRequest) -> str:
        """Return the channel of a new connection: the query parameter ``channel``, or the gateway's default."""
        default = self.api_gateway.default_channel_name if self.api_gateway else ""
        return request.GET.get("channel", "").strip() or default.strip()

    def can_join(self, request: HttpRequest, channel_name: str) -> bool:
        """Return whether ``request.user`` may join the channel. Called for each join."""
        return may_join(self.channel_rules, request.user, channel_name)

    def join_channel(self, request: HttpRequest, channel_name: Any) -> None:
        """Set the channel that this connection connected to. An empty name takes it out of that channel.

        You can pass the client's value directly. Raise ``InvalidBody`` if it cannot be a channel name,
        ``ChannelRefused`` if the user may not join, and ``UnknownConnection`` if the row has been deleted.
        """
        channel_name = as_text(channel_name)
        self._check_may_join(request, channel_name)
        session = self.websocket_session
        assert session is not None  # noqa: S101  Handlers run with a session.
        if not session.set_channel(channel_name):
            raise UnknownConnection(f"The connection {session.connection_id} is gone.")

    def _check_may_join(self, request: HttpRequest, channel_name: Any) -> None:
        check_channel_name(channel_name)
        if channel_name and not self.can_join(request, channel_name):
            raise ChannelRefused(f"You may not join the channel {channel_name!r}.")

    def _check_may_stay(self, request: HttpRequest) -> None:
        session = self.websocket_session
        # If a row is opened again, its channels are checked as for a new connection.
        if session is None or not (self.recheck_channel or self._was_closed):
            return
        if session.channel_name in leave_lost_channels(session, partial(self.can_join, request)):
            if self._was_closed:
                session.own_row.never_return(ClosedReason.REFUSED)
            raise ChannelRefused(f"You may no longer be in the channel {session.channel_name!r}.")

    # --- Handlers -------------------------------------------------------------------------------

    def _pick_handler(self) -> Handler:
        choice = choose_name(self, self._route_key, by_hand=sets_selection_key(type(self), vars(self)))
        if self.envelope is not None and choice.name == KEY:
            return self._answer_client
        found = self._handler(choice.name) or (self._handler("default") if choice.falls_back else None)
        self._debug(f"{choice.name!r} on the route {self._route_key!r}: {getattr(found, '__name__', 'no handler')}")
        problem = signature_problem(type(self), WebSocketView, choice.name, self.kwargs)
        if problem:
            self._debug(problem)
            if found is not None:
                # Log the hint, because default runs in place of the method without an error.
                logger.warning("%s", problem)
        if found is None:
            raise NoHandler(
                problem or f"{type(self).__name__} has no handler for {choice.name!r}. Write a method with that name."
            )
        return found

    def _handler(self, name: object) -> Handler | None:
        attribute = method_name(type(self), WebSocketView, name, self.kwargs)
        return getattr(self, attribute) if attribute else None

    def _run(self, picked: Handler, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        declared = declaration_of(picked)
        if declared is not None:
            check_permissions(declared, request, self)
        taken, named = taken_arguments(picked, args, kwargs)
        name = f"{type(self).__name__}.{getattr(picked, '__name__', picked)}"
        response = as_response(picked(request, *taken, **named), name)
        check_no_redirect(response)
        return response

    # --- Refusals -------------------------------------------------------------------------------

    def _debug(self, msg: str) -> None:
        """Append the outcome of a check to ``debug_log`` if ``debug`` is on. Override it to call your logger."""
        if self.debug:
            self.debug_log.append(msg)

    def _refuse(self, request: HttpRequest, refused: EventRefused) -> HttpResponseBase:
        self._debug(f"refused with {refused.status}: {refused}")
        return refusal(refused, request.path, self.debug_log if self.debug else None)


def sets_selection_key(view: type[WebSocketView], given: Any = ()) -> bool:
    """Return whether a subclass or an argument of ``as_view()`` sets ``route_selection_key``."""
    own = view.__mro__[: view.__mro__.index(WebSocketView)]
    return "route_selection_key" in given or any("route_selection_key" in vars(cls) for cls in own)


def handler_names(view: type[WebSocketView]) -> set[str]:
    """Return the names by which a message may select a handler of ``view``."""
    return set(handler_table(view, WebSocketView))
