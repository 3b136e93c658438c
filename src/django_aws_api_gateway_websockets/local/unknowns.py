"""Undocumented behavior of API Gateway, and what the local gateway does instead.

The questions that you can ask your own account are in ``answers.py``.

AWS promises none of these values, so your code must tolerate every outcome. If both a strict and a lenient answer were
possible, the local gateway gives the strict one. Code that works here then also works in AWS.
"""

from __future__ import annotations

# -- $connect ---------------------------------------------------------------------------------------------

#: The status of a handshake for a stage that does not exist or was never deployed.
UNKNOWN_STAGE_STATUS = 403

#: The status of a plain HTTP request to the URL of a stage.
UPGRADE_REQUIRED_STATUS = 426

#: The status of a handshake whose URL is longer than the quota of 4,096 characters.
URL_TOO_LONG_STATUS = 414

#: The status of a handshake without a parameter that the ``$connect`` route requires.
MISSING_PARAMETER_STATUS = 400

# -- What the backend receives ----------------------------------------------------------------------------

#: The headers Accept and Content-Type of messages and of ``$disconnect``, whatever their text is. HTTP integrations of
#: REST APIs have the same defaults. ``$connect`` and ``$disconnect`` have no body, as in Lambda events.
MESSAGE_ACCEPT = "application/json"
MESSAGE_CONTENT_TYPE = "application/json"

#: The User-Agent of messages and of ``$disconnect``. On ``$connect`` it replaces a missing one.
USER_AGENT = "AmazonAPIGateway_{api_id}"

#: The HTTP method of an integration whose method is ``ANY``. A message has no method.
ANY_METHOD = "POST"

#: The replacement for a control character in a mapped header value. A message body may hold any character.
CONTROL_CHARACTER = " "

#: Values that a mapped path parameter must not have or contain. A backend that decodes or normalizes its paths would
#: read a different path. The integration is not called, as for a parameter without a value.
NO_PATH_VALUES = (".", "..")
NO_PATH_CHARACTERS = "/\\"

# -- What the client receives -----------------------------------------------------------------------------

#: The error for a message that no route takes, in an API without ``$default``.
NO_ROUTE_MESSAGE = "Forbidden"

#: The error for a message whose integration cannot be reached.
UNREACHABLE_MESSAGE = "Internal server error"

#: The error for a message whose integration answers too late.
TIMEOUT_MESSAGE = "Endpoint request timed out"

# A route with the route response ``$default`` is two-way. It does not need RouteResponseSelectionExpression as well.

#: How bytes that are not UTF-8 are decoded in a push, a reply and a header of the handshake.
TEXT_ERRORS = "replace"

#: The close code for connections whose stage or API was deleted. Their ``$disconnect`` is not sent.
DELETED_CLOSE_CODE = 1001

# -- Timers and order ---------------------------------------------------------------------------------------

#: How many messages of one connection are handled at the same time. At this limit, the gateway stops reading the
#: socket. AWS promises no order, so a backend that needs one must number its messages.
MESSAGES_IN_FLIGHT = 64

#: How many bytes may wait for a slow client before a push to it gets 429.
SEND_BUFFER_BYTES = 512 * 1024

#: How many seconds a client has to answer a close frame before its socket is cut. With less time, a busy client that is
#: still sending 30 MB sees 1006 instead of 1009.
CLOSE_GRACE = 5.0

# -- Control plane ------------------------------------------------------------------------------------------

#: The route selection expression of a WebSocket API that was created without one.
ROUTE_SELECTION_EXPRESSION = "$request.body.action"

#: The region in ARNs that the gateway returns. In requests, any region is accepted.
REGION = "local"
