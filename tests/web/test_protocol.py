import asyncio

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from simlet.web.asgi import Receive, Scope, Send
from simlet.web.protocol import MAX_URL_BYTES, Connection

pytestmark = pytest.mark.anyio

CHUNK = b"y" * 65_536


async def _no_app(_: Scope, __: Receive, ___: Send) -> None:
    raise AssertionError("no request is complete")


async def test_of_an_address_without_an_end_no_more_is_kept_than_is_read_at_once() -> None:
    connection = Connection(
        Config(_no_app, log_config=None), ServerState(), {}, asyncio.get_running_loop()
    )

    connection.data_received(b"GET /api/?show=")
    for _ in range(50):
        connection.data_received(CHUNK)
        assert len(connection.url) <= MAX_URL_BYTES + len(CHUNK)

    assert connection.url.startswith(b"/api/?show=yyy")
