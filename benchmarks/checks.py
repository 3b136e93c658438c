"""The checks of a message alone: all that the view does between the request and the handler, without its query."""

from __future__ import annotations

import time


def time_checks(environ, session, count):
    """Return the CPU seconds of all checks of one message: the minimum of several rounds."""
    from django.core.handlers.wsgi import WSGIRequest

    from benchmarks.urls import EchoView
    from django_aws_api_gateway_websockets.events import GatewayEvent
    from django_aws_api_gateway_websockets.logins.speaker import check_may_speak
    from django_aws_api_gateway_websockets.security.bodies import check_length, read_text
    from django_aws_api_gateway_websockets.security.limits import MESSAGES, check_rate
    from django_aws_api_gateway_websockets.views.permissions import check_permissions

    request = WSGIRequest(environ)
    request.user = session.user
    view = EchoView()
    view.websocket_session = session

    def check():
        view.event = GatewayEvent.from_request(request)
        view._check_headers(request)
        view.event.check_type("$default")
        check_length(request)
        check_rate(MESSAGES, view.event.connection_id)
        check_may_speak(session)
        check_permissions(view, request, view)
        view._check_may_stay(request)
        view.text = read_text(request)
        view.parse(request)

    best = float("inf")
    for _ in range(count // 50):
        started = time.process_time()
        for _ in range(50):
            # Reset the state for each message, so that nothing is remembered on the request or the user.
            request.__dict__.pop("headers", None)
            check()
        best = min(best, time.process_time() - started)
    return best / 50
