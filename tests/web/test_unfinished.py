"""A client that does not send the rest of its request is hung up on; one that waits is not."""

import asyncio

import pytest

from simlet.web.protocol import BODY_STEP_BYTES, MOST_LOOKS, Connection
from web.place import PATIENCE_S, Peer, Place, Some, get, place_of, post

pytestmark = pytest.mark.anyio

LONG = 10 * MOST_LOOKS
LENGTH = 5 * BODY_STEP_BYTES
UNFINISHED = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "half a head": get("/echo")[:-1],
    "half a body": post("/echo", b"body")[:-1],
    "half a body over ASGI": post("/other", b"body")[:-1],
    "a chunk of many": get("/other", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n",
}
BEHIND = {name: sent for name, sent in UNFINISHED.items() if sent} | {"no body": b""}


async def sent(place: Place, peer: Peer, *requests: bytes) -> None:
    """Sends, and waits until that has come."""
    before = place.ear.bytes
    peer.send(*requests)
    await place.heard(before + sum(len(one) for one in requests))


async def asked(place: Place) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await place.app.held.asked.wait()


@pytest.mark.parametrize("request_bytes", UNFINISHED.values(), ids=UNFINISHED)
async def test_a_connection_that_owes_a_request_ends(place: Place, request_bytes: bytes) -> None:
    async with place.peer() as peer:
        await sent(place, peer, request_bytes)
        place.look(MOST_LOOKS)
        assert place.state.connections
        place.look(1)
        assert await peer.rest() == b""


@pytest.mark.parametrize(
    "request_bytes", [one for one in UNFINISHED.values() if one], ids=[*UNFINISHED][1:]
)
async def test_so_does_one_that_was_answered_before(place: Place, request_bytes: bytes) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get("/echo"))
        assert await peer.body() == "GET|/echo||"
        place.look(LONG)
        await sent(place, peer, request_bytes)
        place.look(MOST_LOOKS)
        assert place.state.connections
        place.look(1)
        assert await peer.rest() == b""


async def test_time_is_told_by_a_timer() -> None:
    async with place_of(Some(), look_each_s=0.001) as hasty, hasty.peer() as peer:
        assert await peer.rest() == b""


@pytest.mark.parametrize("target", ["/held", "/held-over-asgi", "/unread-over-asgi"])
@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
async def test_a_wait_goes_on_whatever_stands_behind_it(
    place: Place, target: str, behind: bytes
) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get(target), behind)
        await asked(place)
        place.look(LONG)
        place.app.held.let_go.set()
        assert await peer.body() in {"held", "whole"}


@pytest.mark.parametrize("target", ["/echo", "/other"])
async def test_what_stands_behind_a_wait_has_its_time_then(place: Place, target: str) -> None:
    request = post(target, b"body")
    async with place.peer() as peer:
        await sent(place, peer, get("/held"), request[:-1])
        await asked(place)
        place.look(LONG)
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        place.look(MOST_LOOKS)
        await sent(place, peer, request[-1:])
        assert "POST" in await peer.body()


async def test_what_stands_behind_a_wait_and_never_ends_is_cut_then(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get("/held"), post("/other", b"body")[:-1])
        await asked(place)
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        place.look(MOST_LOOKS + 1)
        assert await peer.rest() == b""


async def test_an_answer_that_has_begun_is_not_cut_for_a_body(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, post("/unread-over-asgi", b"body")[:-1])
        await asked(place)
        place.look(LONG)
        place.app.held.let_go.set()
        assert await peer.body() == "whole"


@pytest.mark.parametrize("target", ["/echo", "/other"])
async def test_the_beginning_the_head_and_the_body_have_as_long_each(
    place: Place, target: str
) -> None:
    head, _, body = post(target, b"body").partition(b"\r\n\r\n")
    async with place.peer() as peer:
        for step in (b"", head, b"\r\n\r\n" + body[:-1]):
            await sent(place, peer, step)
            place.look(MOST_LOOKS)
        await sent(place, peer, body[-1:])
        assert (await peer.answer())[0][""] == "HTTP/1.1 200 OK"


async def test_a_wait_is_looked_at_once(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get("/held"))
        await asked(place)
        place.look(1)
        (connection,) = place.state.connections
        assert isinstance(connection, Connection)
        assert connection._looking is None
        place.app.held.let_go.set()
        assert await peer.body() == "held"


@pytest.mark.parametrize("target", ["/echo", "/other"])
async def test_a_body_has_as_long_for_each_of_its_steps(place: Place, target: str) -> None:
    request = post(target, b"x" * LENGTH)
    async with place.peer() as peer:
        await sent(place, peer, request[:-LENGTH])
        for _ in range(5):
            place.look(MOST_LOOKS)
            await sent(place, peer, b"x" * BODY_STEP_BYTES)
        assert (await peer.answer())[0][""] == "HTTP/1.1 200 OK"


async def test_a_body_that_comes_by_drops_is_cut(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, post("/other", b"x" * LENGTH)[:-LENGTH])
        for _ in range(MOST_LOOKS):
            await sent(place, peer, b"x")
            place.look(1)
        place.look(1)
        assert await peer.rest() == b""


async def test_a_head_that_comes_by_pieces_has_no_more_time(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get("/echo")[:-2])
        for _ in range(MOST_LOOKS):
            await sent(place, peer, b"a: " + b"x" * BODY_STEP_BYTES + b"\r\n")
            place.look(1)
        place.look(1)
        assert await peer.rest() == b""


async def test_requests_that_come_in_one_piece_begin_no_timer(place: Place) -> None:
    async with place.peer() as peer:
        await sent(place, peer, get("/echo"))
        assert await peer.body() == "GET|/echo||"
        (connection,) = place.state.connections
        place.look(1)
        for request in (get("/echo"), get("/other"), post("/echo", b"body")):
            await sent(place, peer, request)
            assert isinstance(connection, Connection)
            assert connection._looking is None
            await peer.answer()
