"""Addresses, names, redirects and proxies that lead inside: the listener there is never reached."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import TCPConnector, web

from outbound.posting import LET, Names, listening, posting, serving
from simlet.outbound import OutboundPolicy

pytestmark = pytest.mark.anyio

# The listener that must never be reached is here.
INSIDE = "127.0.0.1"


class Trap:
    """A listener on loopback that counts who reached it."""

    def __init__(self) -> None:
        self.port = 0
        self.reached = 0
        self._seen = asyncio.Event()

    async def connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached += 1
        writer.close()
        self._seen.set()

    async def strangers(self) -> int:
        """How many reached it; connects are taken in order, so our own comes after theirs."""
        before = self.reached
        self._seen.clear()
        _, writer = await asyncio.open_connection(INSIDE, self.port)
        await self._seen.wait()
        writer.close()
        await writer.wait_closed()
        assert self.reached > before
        return self.reached - 1


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    trap = Trap()
    async with listening(trap.connected, ip=INSIDE) as trap.port:
        try:
            async with listening(trap.connected, ip="::1", port=trap.port):
                yield trap
        except OSError:  # no IPv6 on this machine
            yield trap


HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.000.000.001:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0177.0.0.01:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://0X7F.0X0.0X0.0X1:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.9.9.9:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://127.0.0.1%2f:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::1]:{port}/",
    "http://[2001:0:7f00:1::80ff:fffe]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "https://127.0.0.1:{port}/",
    "https://[::1]:{port}/",
    "ws://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/ HTTP/1.1\r\nx: y",
    " http://127.0.0.1:{port}/",
]


@pytest.mark.parametrize("target", HOSTILE)
async def test_a_hostile_address_reaches_nothing(target: str, trap: Trap) -> None:
    # The listener's port is open to all, so the address alone is what saves us.
    async with posting(OutboundPolicy(ports=frozenset({trap.port}))) as outbound:
        answer = await outbound.post(target.format(port=trap.port), b"{}", {})
    assert answer.status is None
    # Not every system knows each spelling of localhost as a name.
    assert answer.error in {"refused_address", "bad_url"} | (
        {"dns"} if "localhost" in target.lower() else set()
    )
    assert await trap.strangers() == 0


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0",
        "localhost",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
async def test_a_name_that_the_system_resolves_to_inside_reaches_nothing(
    spelling: str, trap: Trap
) -> None:
    # What getaddrinfo makes of the spelling, as a name server could answer it.
    found = {str(info[4][0]) for info in socket.getaddrinfo(spelling, None)}
    names = Names(inside=[sorted(found)])
    async with posting(OutboundPolicy(ports=frozenset({trap.port})), resolver=names) as outbound:
        answer = await outbound.post(f"http://inside.example:{trap.port}/", b"{}", {})
    assert answer.error == "refused_address"
    assert await trap.strangers() == 0


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "0.0.0.0", "0177.0.0.1", "127.1", "2130706433", "::1", "fe80::1%1"]
)
async def test_a_resolver_s_answer_is_judged_as_it_is_connected_to(ip: str, trap: Trap) -> None:
    # The connector would hand an odd spelling on to the system, which reads it as loopback.
    names = Names(odd=[[ip]])
    async with posting(OutboundPolicy(ports=frozenset({trap.port})), resolver=names) as outbound:
        answer = await outbound.post(f"http://odd.example:{trap.port}/", b"{}", {})
    assert answer.error == "refused_address"
    assert await trap.strangers() == 0


@pytest.mark.parametrize(
    "ips",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "::1"],
        ["fe80::1", "127.0.0.1"],
        ["127.0.0.1", "::1", "127.0.0.1", "10.0.0.1", "fe80::1"],
    ],
)
async def test_a_name_with_several_inside_addresses_is_refused_as_such(
    ips: list[str], trap: Trap
) -> None:
    names = Names(many=[ips])
    async with posting(resolver=names) as outbound:
        answer = await outbound.post(f"http://many.example:{trap.port}/", b"{}", {})
    assert answer.error == "refused_address"
    assert await trap.strangers() == 0


async def test_a_name_that_turns_to_inside_after_a_first_good_answer_is_refused() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    trap = Trap()
    names = Names(turning=[[LET], [INSIDE]])
    async with (
        listening(hang_up) as port,
        listening(trap.connected, ip=INSIDE, port=port),
        posting(resolver=names) as outbound,
    ):
        trap.port = port
        url = f"http://turning.example:{port}/"
        assert (await outbound.post(url, b"", {})).status == 204
        connector = outbound._opened().connector
        assert isinstance(connector, TCPConnector)
        connector.clear_dns_cache()
        assert (await outbound.post(url, b"", {})).error == "refused_address"
        assert await trap.strangers() == 0
    assert names.looked_up == ["turning.example"] * 2


async def test_of_a_mixed_answer_only_the_good_address_is_reached() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(status=202)

    trap = Trap()
    names = Names(mixed=[[INSIDE, LET, "::1"]])
    async with serving(take) as base, posting(resolver=names) as outbound:
        trap.port = int(base.rpartition(":")[2])
        async with listening(trap.connected, ip=INSIDE, port=trap.port):
            answer = await outbound.post(f"http://mixed.example:{trap.port}/", b"", {})
            assert answer.status == 202
            assert await trap.strangers() == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_inside_is_not_followed(status: int, trap: Trap) -> None:
    async def send_on(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"http://{INSIDE}:{trap.port}/"})

    # Even the target of the redirect is allowed here: it is the redirect that is not followed.
    rules = OutboundPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    async with serving(send_on) as base, posting(rules) as outbound:
        answer = await outbound.post(base, b"{}", {})
    assert (answer.status, answer.error, answer.accepted) == (status, None, False)
    assert await trap.strangers() == 0


async def test_a_proxy_of_the_environment_is_not_used(
    trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:{trap.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serving(take) as base, posting() as outbound:
        assert (await outbound.post(base, b"", {})).status == 200
    assert await trap.strangers() == 0
