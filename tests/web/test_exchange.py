"""What is answered whole, over a socket: it must be the HTTP that uvicorn speaks elsewhere."""

import asyncio
import gc

import pytest
from uvicorn.server import ServerState

from simlet.web.protocol import MAX_WHOLE_BYTES, Connection
from web.place import DATE, PATIENCE_S, Place, Some, configured, get, place_of, post

pytestmark = pytest.mark.anyio


async def test_an_answer_holds_what_the_handler_gave_and_stays_out_of_caches(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/echo?a=1&b=2"))
        assert await peer.answer() == (
            {
                "": "HTTP/1.1 200 OK",
                "date": DATE.decode(),
                "content-type": "text/plain",
                "cache-control": "no-store",
                "content-length": "18",
            },
            "GET|/echo|a=1&b=2|",
        )


async def test_a_status_that_has_no_name_is_sent_without_one(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/nameless"), get("/echo"))
        headers, body = await peer.answer()
        assert (headers[""], body) == ("HTTP/1.1 299 ", "kept")
        assert (await peer.answer())[0][""] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("target", ["/bare", "/over-asgi"])
@pytest.mark.parametrize(("status", "length"), [(204, []), (205, [b"0"]), (304, [])])
async def test_a_status_that_forbids_content_is_sent_without_any(
    place: Place, target: str, status: int, length: list[bytes]
) -> None:
    async with place.peer() as peer:
        peer.send(get(f"{target}?{status}"), get("/echo", "Connection: close"))
        head, _, behind = (await peer.rest()).partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    named = [line.partition(b": ") for line in headers]
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert [value for name, _, value in named if name == b"content-length"] == length
    assert b"transfer-encoding" not in {name for name, _, _ in named}
    assert behind.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_connection_serves_one_request_after_another(place: Place) -> None:
    async with place.peer() as peer:
        for target, expected in (
            ("/echo?1", "GET|/echo|1|"),
            ("/other", "asgi|GET|/other|0"),
            ("/echo?2", "GET|/echo|2|"),
        ):
            peer.send(get(target))
            assert await peer.body() == expected
    assert place.state.total_requests == 3


@pytest.mark.parametrize("hold_first", [True, False])
async def test_requests_at_one_go_are_answered_in_their_order(
    place: Place, hold_first: bool
) -> None:
    first = "/held" if hold_first else "/other"
    async with place.peer() as peer:
        targets = (first, "/echo?2", "/other", "/echo?4", "/held", "/echo?6")
        peer.send(*[get(one) for one in targets])
        if hold_first:
            async with asyncio.timeout(PATIENCE_S):
                await place.app.held.asked.wait()
        place.app.held.let_go.set()
        told = [await peer.body() for _ in targets]
    assert told == [
        "held" if hold_first else "asgi|GET|/other|0",
        "GET|/echo|2|",
        "asgi|GET|/other|0",
        "GET|/echo|4|",
        "held",
        "GET|/echo|6|",
    ]


async def test_a_posted_body_is_complete_however_it_comes(place: Place) -> None:
    async with place.peer() as peer:
        request = post("/echo", b"a body in pieces")
        for piece in (request[:20], request[20:-10], request[-10:-1], request[-1:]):
            peer.send(piece)
            await peer.writer.drain()
            for _ in range(20):
                await asyncio.sleep(0)
        assert await peer.body() == "POST|/echo||a body in pieces"


async def test_a_body_behind_a_request_that_is_under_way_is_waited_for(place: Place) -> None:
    request = post("/echo", b"late")
    async with place.peer() as peer:
        peer.send(get("/held"), request[:-2])
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        place.app.held.let_go.set()
        assert await peer.body() == "held"
        peer.send(request[-2:], get("/echo?next"))
        assert await peer.body() == "POST|/echo||late"
        assert await peer.body() == "GET|/echo|next|"


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/echo", b"x" * (MAX_WHOLE_BYTES + 1)),
        get("/echo", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n0\r\n\r\n",
        get("/echo", version="1.0"),
        get("/echo", "Connection: upgrade", "Upgrade: h2c"),
        get("/%65cho"),
        get("/echo#top"),
        get("http://simlet.test/echo"),
        get("/echo", method="DELETE"),
        get("/echo", method="OPTIONS"),
    ],
)
async def test_what_is_not_plain_is_served_over_asgi(place: Place, request_bytes: bytes) -> None:
    async with place.peer() as peer:
        peer.send(request_bytes)
        assert (await peer.body()).startswith("asgi|")


async def test_the_longest_whole_body_is_taken(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(post("/echo", b"x" * MAX_WHOLE_BYTES))
        assert await peer.body() == "POST|/echo||" + "x" * MAX_WHOLE_BYTES
    assert place.app.taken == [("POST", "/echo", MAX_WHOLE_BYTES)]


async def test_who_expects_a_word_before_the_body_gets_it(place: Place) -> None:
    request = post("/echo", b"body", "Expect: 100-continue")
    async with place.peer() as peer:
        peer.send(request[:-4])
        async with asyncio.timeout(PATIENCE_S):
            assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.send(request[-4:])
        assert await peer.body() == "asgi|POST|/echo|4"


async def test_head_gets_no_body(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/echo", method="HEAD"), get("/echo", "Connection: close"))
        head, _, behind = (await peer.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert behind.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_who_asks_for_the_end_gets_the_answer_and_the_end(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/echo", "Connection: close"))
        headers, body = await peer.answer()
        assert headers["connection"] == "close"
        assert body == "GET|/echo||"
        assert await peer.rest() == b""


async def test_a_connection_that_is_idle_for_long_ends(place: Place) -> None:
    async with place_of(place.app, keep_alive_s=0) as hasty, hasty.peer() as peer:
        peer.send(get("/echo"))
        assert await peer.body() == "GET|/echo||"
        assert await peer.rest() == b""


async def test_a_request_under_way_is_not_idle(place: Place) -> None:
    async with place_of(place.app, keep_alive_s=0) as hasty, hasty.peer() as peer:
        peer.send(get("/echo"), get("/held"))
        assert await peer.body() == "GET|/echo||"
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        place.app.held.let_go.set()
        assert await peer.body() == "held"


async def test_a_server_that_stops_answers_what_is_under_way_and_ends_the_connection(
    place: Place,
) -> None:
    async with place.peer() as peer:
        peer.send(get("/held"))
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        (task,) = place.state.tasks
        for connection in place.state.connections:
            connection.shutdown()
        place.app.held.let_go.set()
        headers, body = await peer.answer()
        assert (headers["connection"], body) == ("close", "held")
        assert await peer.rest() == b""
        await task
    assert place.state.tasks == set()


async def test_a_server_that_stops_ends_an_idle_connection(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/echo"))
        await peer.body()
        for connection in place.state.connections:
            connection.shutdown()
        assert await peer.rest() == b""


async def test_what_is_cancelled_ends_the_connection_without_an_answer(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/held"))
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        for task in place.state.tasks:
            task.cancel()
        assert await peer.rest() == b""


async def test_a_handler_that_raises_ends_the_connection_without_an_answer(place: Place) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with place.peer() as peer:
        peer.send(get("/fail"), get("/echo"))
        assert await peer.rest() == b""
    async with place.peer() as other:
        other.send(get("/echo"))
        assert await other.body() == "GET|/echo||"


async def test_who_leaves_early_stops_nothing(place: Place) -> None:
    async with place.peer() as peer:
        peer.send(get("/held"))
        async with asyncio.timeout(PATIENCE_S):
            await place.app.held.asked.wait()
        (task,) = place.state.tasks
    async with asyncio.timeout(PATIENCE_S):
        await place.lost.wait()
        place.app.held.let_go.set()
        await task
    assert place.app.held.answered.is_set()


async def test_nothing_is_left_of_a_connection_that_ended(place: Place) -> None:
    gc.collect()
    gc.disable()
    try:
        async with place.peer() as peer:
            peer.send(get("/echo"), get("/echo"))
            await peer.body()
            await peer.body()
        async with asyncio.timeout(PATIENCE_S):
            await place.forgotten.wait()
    finally:
        gc.enable()


class Wire(asyncio.Transport):
    """Keeps what is written, and knows whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading = self.open = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.open = False

    def is_closing(self) -> bool:
        return not self.open

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def wired(app: Some, state: ServerState) -> tuple[Connection, Wire]:
    connection = Connection(configured(app), state, {}, asyncio.get_running_loop())
    wire = Wire()
    connection.connection_made(wire)
    return connection, wire


async def test_an_answer_is_one_write_and_waits_for_room() -> None:
    state = ServerState()
    connection, wire = wired(Some(), state)
    connection.pause_writing()
    connection.data_received(get("/echo?1") + get("/echo?2"))
    (task,) = state.tasks
    for _ in range(20):
        await asyncio.sleep(0)
    assert wire.written == []

    connection.resume_writing()
    await task
    await asyncio.gather(*state.tasks)
    assert [one.rpartition(b"\r\n\r\n")[2] for one in wire.written] == [
        b"GET|/echo|1|",
        b"GET|/echo|2|",
    ]


async def test_nothing_more_is_read_while_a_request_waits_for_the_one_before() -> None:
    app, state = Some(), ServerState()
    connection, wire = wired(app, state)
    connection.data_received(get("/held"))
    assert wire.reading
    connection.data_received(get("/echo"))
    assert not wire.reading

    app.held.let_go.set()
    while state.tasks:
        await asyncio.gather(*state.tasks)
    assert wire.reading


async def test_nothing_is_written_to_who_left() -> None:
    app, state = Some(), ServerState()
    connection, wire = wired(app, state)
    connection.data_received(get("/held"))
    (task,) = state.tasks
    connection.connection_lost(None)
    app.held.let_go.set()
    await task
    assert wire.written == []
