"""What is not HTTP gets its answer when it has its turn, and the connection ends."""

import asyncio

import pytest

from web.place import PATIENCE_S, Place, get

pytestmark = pytest.mark.anyio

GARBAGE = b"\x16\x03\x01 no HTTP\r\n\r\n"
BROKEN_CHUNK = get("/other", "Transfer-Encoding: chunked", method="POST") + b"no length\r\n"


@pytest.mark.parametrize("first", ["/held", "/held-over-asgi"])
@pytest.mark.parametrize("broken", [GARBAGE, BROKEN_CHUNK], ids=["head", "body"])
@pytest.mark.parametrize("between", [0, 2])
async def test_what_is_not_http_is_answered_behind_what_came_before_it(
    place: Place, first: str, broken: bytes, between: int
) -> None:
    async with place.peer() as peer:
        peer.send(get(first), get("/echo") * between, broken, get("/echo?never"))
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        for _ in range(between):
            assert await peer.body() == "GET|/echo||"
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not any("never" in query for _, query, _ in place.app.taken)


async def test_what_is_not_http_is_answered_at_once_where_nothing_waits(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/echo"), GARBAGE)
        assert await peer.body() == "GET|/echo||"
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_body_that_breaks_in_its_own_turn_is_answered_at_once(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(BROKEN_CHUNK)
        assert (await peer.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_behind_the_last_request_of_a_connection_nothing_is_answered(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/held", "Connection: close"), GARBAGE)
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        assert await peer.rest() == b""


async def test_the_first_api_answers_in_its_own_way_behind_what_came_before(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/held"))
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        peer.send(b"G@T /api/?show=balance HTTP/1.1\r\n\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        assert (await peer.answer())[0][""] == "HTTP/1.1 200 OK"
