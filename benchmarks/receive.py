"""A message through Django's WSGI handler: the view beside a bare view with one joined SELECT. Prints JSON.

``checks`` measures the checks of a message alone, with an existing request and row.

``python -m benchmarks.receive COUNT``, with BENCH_DATABASE for the database.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time

import django


def main():
    count = int(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    from benchmarks.checks import time_checks
    from benchmarks.rows import make_sessions
    from django_aws_api_gateway_websockets.logins.authority import login_mark

    call_command("migrate", verbosity=0)
    user, _ = get_user_model().objects.get_or_create(username="bench")
    gateway = make_sessions("wss://a1b2.execute-api.eu-west-1.amazonaws.com", 100, user)
    session = gateway.sessions.select_related("user", "api_gateway").first()
    # Set what a $connect would have remembered.
    session.session_auth_hash = login_mark(user, "django.contrib.auth.backends.ModelBackend")
    session.save()
    application = get_wsgi_application()
    body = json.dumps({"action": "hello", "text": "x" * 200}).encode()
    mapped = next(route for route in gateway.definition().routes if route.route_key == "$default").request_parameters
    values = {"context.connectionId": session.connection_id, "context.eventType": "MESSAGE"}
    headers = {name.rpartition(".")[2]: values.get(source, source.strip("'")) for name, source in mapped.items()}
    headers["X-Amzn-Apigateway-Api-Id"] = gateway.api_id

    def environ_of(path):
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "SERVER_NAME": "x",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "https",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }

    def message(path):
        status = []
        response = application(environ_of(path), lambda line, _: status.append(line))
        assert status == ["200 OK"], (status, list(response))
        response.close()

    best = {"/bare/default": float("inf"), "/ws/default": float("inf")}
    for _ in range(count // 50):
        for path in best:
            started = time.process_time()
            for _ in range(50):
                message(path)
            best[path] = min(best[path], time.process_time() - started)
    checks = time_checks(environ_of("/ws/default"), session, count)
    figures = {"bare": best["/bare/default"] / 50, "view": best["/ws/default"] / 50, "checks": checks}
    print(json.dumps({name: seconds * 1e6 for name, seconds in figures.items()}))


if __name__ == "__main__":
    main()
