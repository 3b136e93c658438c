"""Stand-ins for a custom domain: servers on loopback, with certificates of an authority of their own."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from datetime import datetime, timedelta, timezone

import pytest
import trustme

from django_aws_api_gateway_websockets.doctor.domain import check_certificate


def certified(name, days, trusted=True):
    """Return what the doctor says of a server called ``localhost`` whose certificate is for ``name``, for ``days``."""
    if sys.version_info < (3, 9):
        pytest.skip("needs Python 3.9: the last trustme for Python 3.8 does not take dates")
    authority = trustme.CA()
    end = datetime.now(timezone.utc) + timedelta(days=days, hours=1)
    served, context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name, not_before=end - timedelta(days=300), not_after=end).configure_cert(served)
    if trusted:
        authority.configure_trust(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve_one, args=(server, served))
        thread.start()
        found = list(check_certificate("localhost", server.getsockname()[1], context))
        thread.join()
    return found


def _serve_one(server, context):
    connection, _ = server.accept()
    try:
        context.wrap_socket(connection, server_side=True).close()
    except OSError:
        connection.close()  # the doctor refused the certificate
