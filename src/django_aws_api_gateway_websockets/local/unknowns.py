"""What nobody has established about API Gateway, and what the local gateway does there.

Tolerate every outcome in your own code: none of these values is a promise of AWS. Where strict and lenient
were both possible the strict one is taken, so that what works here does not fail there.
"""

from __future__ import annotations

# -- $connect ---------------------------------------------------------------------------------------------

#: What the client sees when the ``$connect`` backend answers 3xx or 5xx, cannot be reached or is too late.
CONNECT_FAILED_STATUS = 502

#: A handshake for a stage that does not exist or was never deployed.
UNKNOWN_STAGE_STATUS = 403

#: A plain HTTP request to the address of a stage.
UPGRADE_REQUIRED_STATUS = 426

#: A handshake whose URL is longer than the quota of 4,096 characters.
URL_TOO_LONG_STATUS = 414

#: A parameter that the ``$connect`` route declares as required and the handshake lacks.
MISSING_PARAMETER_STATUS = 400

# -- What the backend receives ----------------------------------------------------------------------------

#: Accept and Content-Type of messages and of ``$disconnect``, whatever the text is. HTTP integrations of
#: REST APIs default to the same.
MESSAGE_ACCEPT = "application/json"
MESSAGE_CONTENT_TYPE = "application/json"

#: ``$connect`` and ``$disconnect`` have no body of the client's; Lambda events show none either.
CONNECT_BODY = b""
DISCONNECT_BODY = b""

#: User-Agent of messages and ``$disconnect``: the gateway's own, as on ``$connect`` without one.
USER_AGENT = "AmazonAPIGateway_{api_id}"

#: The HTTP method of an integration that says ``ANY``: a message has no method of its own.
ANY_METHOD = "POST"

#: Lambda events carry ``disconnectStatusCode`` and ``disconnectReason``; here they map to nothing.
DISCONNECT_CONTEXT_MAPPED = False

#: Control characters in a mapped value (a body may hold any) cannot stand in a header: each becomes this.
CONTROL_CHARACTER = " "

#: What a mapped path parameter cannot be or hold, for a backend that decodes or tidies its paths would take it
#: to another one. Such an event does not reach the integration, as one without the value does not.
NO_PATH_VALUES = (".", "..")
NO_PATH_CHARACTERS = "/\\"

# -- What the client receives -----------------------------------------------------------------------------

#: A message that no route takes while the API has no ``$default``.
NO_ROUTE_MESSAGE = "Forbidden"

#: An integration that cannot be reached.
UNREACHABLE_MESSAGE = "Internal server error"

#: An integration that is later than its timeout.
TIMEOUT_MESSAGE = "Endpoint request timed out"

#: Whether the client of a one-way route hears that its backend answered 4xx or 5xx.
ONE_WAY_ERROR_SENDS_FRAME = False

#: Whether an empty body of a two-way route sends an empty frame.
EMPTY_REPLY_SENDS_FRAME = False

#: Whether a route needs ``RouteResponseSelectionExpression`` beside its RouteResponse ``$default``.
TWO_WAY_NEEDS_SELECTION_EXPRESSION = False

#: Bytes that are not UTF-8 in a push, a reply or a header of the handshake: they are replaced.
TEXT_ERRORS = "replace"

# -- Timers and order ---------------------------------------------------------------------------------------

#: Whether a ping of the client, or a push to it, starts the ten idle minutes again. A client that keeps
#: itself alive by messages works either way.
PING_RESETS_IDLE = False
PUSH_RESETS_IDLE = False

#: Messages of one connection are handled at the same time, since AWS promises no order: a backend that
#: needs one must number its messages. So many at most; then the gateway stops reading this socket.
MESSAGES_IN_FLIGHT = 64

#: Bytes that may wait for a slow client before a push to it gets 429.
SEND_BUFFER_BYTES = 512 * 1024

#: Seconds that a client has to answer the gateway's close frame before its socket is cut. A busy client that
#: is still sending 30 MB sees 1006 instead of 1009 where this is too short.
CLOSE_GRACE = 5.0

# -- Control plane ------------------------------------------------------------------------------------------

#: The route selection expression of a WebSocket API that was created without one.
ROUTE_SELECTION_EXPRESSION = "$request.body.action"

#: The region in what looks like an ARN; any region is accepted in requests.
REGION = "local"
