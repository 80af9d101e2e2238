"""Posts that get no answer: what they are called, how long they take, and whom they hold up."""

import asyncio
import socket
import threading

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult

from outbound.posting import LET, PATIENCE_S, Names, listening, posting, serving
from simlet.outbound import Outbound

pytestmark = pytest.mark.anyio


async def test_a_slow_answer_is_a_time_out() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # to the end, which is the client's
        hung_up.set()
        writer.close()

    hung_up = asyncio.Event()
    async with listening(never) as port, posting(timeout_s=0.05) as outbound:
        answer = await outbound.post(f"http://{LET}:{port}/", b"", {})
        await hung_up.wait()
    assert (answer.status, answer.error) == (None, "timeout")
    assert 50 <= answer.duration_ms < PATIENCE_S * 1000


async def test_a_name_that_resolves_too_slowly_is_a_time_out() -> None:
    class Slow(Names):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            await released.wait()
            return await super().resolve(host, port, family)

    released = asyncio.Event()
    async with posting(timeout_s=0.05, resolver=Slow(slow=[[LET]])) as outbound:
        answer = await outbound.post("http://slow.example/", b"", {})
        released.set()
    assert answer.error == "timeout"


async def test_a_closed_port_is_a_failed_connection() -> None:
    with socket.socket() as bound:
        bound.bind((LET, 0))  # taken, and nobody listens
        async with posting() as outbound:
            answer = await outbound.post(f"http://{LET}:{bound.getsockname()[1]}/", b"", {})
    assert (answer.status, answer.error) == (None, "connection")


async def test_a_server_without_tls_fails_https_by_name() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(plain) as port, posting() as outbound:
        answer = await outbound.post(f"https://{LET}:{port}/", b"", {})
    assert (answer.status, answer.error) == (None, "tls")


async def test_an_unknown_name_is_a_failed_look_up() -> None:
    async with posting(resolver=Names()) as outbound:
        answer = await outbound.post("http://nowhere.example/", b"", {})
    assert (answer.status, answer.error) == (None, "dns")


async def test_a_cancelled_post_stays_cancelled() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await released.wait()
        writer.close()

    arrived, released = asyncio.Event(), asyncio.Event()
    async with listening(never) as port, posting() as outbound:
        post = asyncio.create_task(outbound.post(f"http://{LET}:{port}/", b"", {}))
        await arrived.wait()
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        released.set()


async def test_look_ups_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    look_up = socket.getaddrinfo

    def slow(host: str, *args: object, **named: object) -> object:
        if host.startswith("slow"):
            go_on.wait(PATIENCE_S)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(LET, *args, **named)  # type: ignore[arg-type]

    async def take(request: web.Request) -> web.Response:
        return web.Response()

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    async with serving(take) as base, posting() as outbound:
        port = base.rpartition(":")[2]
        hanging = [
            asyncio.create_task(outbound.post(f"http://slow{one}.example:{port}/", b"", {}))
            # More than one dealer can have begun before the system gives up the first of them.
            for one in range(200)
        ]
        answer = await outbound.post(f"http://quick.example:{port}/", b"", {})
        assert answer.status == 200
        go_on.set()
        assert {one.error for one in await asyncio.gather(*hanging)} == {"dns"}


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
def test_a_time_out_without_limit_is_a_fault(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        Outbound(timeout_s=timeout_s)
