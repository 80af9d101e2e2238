"""What is read of an answer and what is made of it, whatever a server sends."""

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web

from outbound.posting import LET, PATIENCE_S, listening, posting, serving
from simlet.outbound import ANSWER_BYTES, Answer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "accepted"),
    [(200, True), (201, True), (299, True), (304, False), (400, False), (500, False)],
)
async def test_any_2xx_and_nothing_else_is_accepted(status: int, accepted: bool) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(take) as base, posting() as outbound:
        answer = await outbound.post(base, b"", {})
    assert (answer.status, answer.accepted) == (status, accepted)


def test_a_failure_is_not_accepted() -> None:
    assert not Answer(None, "timeout", 5000).accepted


async def test_of_a_big_answer_no_more_than_the_cap_is_awaited() -> None:
    async def big(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * ANSWER_BYTES)
        # The rest never comes: a reader that wants it waits, and the test's patience ends.
        with suppress(ConnectionResetError):
            await reader.read()
        hung_up.set()
        writer.close()

    hung_up = asyncio.Event()
    async with listening(big) as port, posting(timeout_s=60) as outbound:
        async with asyncio.timeout(PATIENCE_S):
            answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
            await hung_up.wait()
    assert (answer.status, answer.error) == (200, None)


async def test_a_packed_answer_is_not_unpacked() -> None:
    async def pack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError):
            while True:
                asked.append(await reader.readuntil(b"\r\n\r\n"))
                head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\n"
                writer.write(head + b"not gzip")
        writer.close()

    connections: list[asyncio.StreamWriter] = []
    asked: list[bytes] = []
    async with listening(pack) as port, posting() as outbound:
        for _ in range(2):
            answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
            assert (answer.status, answer.error) == (200, None)
    assert all(b"Accept-Encoding: identity\r\n" in request for request in asked)
    # Who fails to unpack an answer has to drop the connection.
    assert len(connections) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100\r\n\r\nshort",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_once_the_status_is_there_the_body_changes_nothing(body: bytes) -> None:
    async def answer_badly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + body)
        writer.close()

    async with listening(answer_badly) as port, posting() as outbound:
        answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
    assert (answer.status, answer.error) == (200, None)


async def test_a_body_that_never_ends_changes_nothing() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read()
        hung_up.set()
        writer.close()

    hung_up = asyncio.Event()
    async with listening(trickle) as port, posting(timeout_s=0.05) as outbound:
        answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
        await hung_up.wait()
    assert (answer.status, answer.error) == (201, None)
    assert 50 <= answer.duration_ms < PATIENCE_S * 1000


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "bad_answer"),
        (b"\x00\xff\xfe garbage", "bad_answer"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n", "bad_answer"),
    ],
)
async def test_what_is_no_http_is_an_answer_all_the_same(raw: bytes, error: str) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    async with listening(babble) as port, posting() as outbound:
        answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
    assert (answer.status, answer.error) == (None, error)


async def test_the_beginning_of_an_answer_and_when_to_come_again_are_told() -> None:
    async def take(request: web.Request) -> web.Response:
        body = "đợi\x00\x1b[2J\n" + "x" * 5000
        return web.Response(status=429, text=body, headers={"Retry-After": "17"})

    async with serving(take) as base, posting() as outbound:
        answer = await outbound.post(base, b"{}", {})
    assert (answer.status, answer.retry_after) == (429, "17")
    assert answer.text == ("đợi\ufffd\ufffd[2J\n" + "x" * 500)[:500]


async def test_an_answer_that_is_no_text_is_told_as_far_as_it_is_one() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(body=b"ok\xff\xfe")

    async with serving(take) as base, posting() as outbound:
        answer = await outbound.post(base, b"{}", {})
    assert (answer.text, answer.retry_after) == ("ok\ufffd\ufffd", None)
