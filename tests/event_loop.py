from __future__ import annotations

import asyncio

from asgiref.sync import sync_to_async
from django.db import connections


def run(coroutine):
    """Run ``coroutine``, and close the connections of the thread that did its synchronous work.

    They would stay open to the end, when the test database could not be destroyed.
    """

    async def run_and_close():
        try:
            return await coroutine
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(run_and_close())
