"""Several sends at once, in threads of one process."""

from __future__ import annotations

from threading import Thread

import pytest

from django_aws_api_gateway_websockets.delivery.send import call_many
from django_aws_api_gateway_websockets.delivery.transport import Target, post

from .conftest import connection_id

SENDS, PEOPLE = 6, 600


@pytest.mark.usefixtures("transport")
def test_sends_at_once_share_the_connections_of_the_process(server):
    """A process has some 1,024 file descriptors: 32 for each send, SEND_CONNECTIONS, and as many kept for the next."""
    server.everybody, server.late = "late", 0.05
    reports = []

    def send():
        targets = (Target(connection_id(number), server.url) for number in range(PEOPLE))
        reports.append(call_many(post(b"{}", repeatable=False), targets))

    threads = [Thread(target=send) for _ in range(SENDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(report.sent) for report in reports] == [PEOPLE] * SENDS
    assert server.most_open <= SENDS * 32 + 256 + 256
