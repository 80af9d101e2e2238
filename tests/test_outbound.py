import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.errors import Refused
from simlet.outbound import (
    ANSWER_BYTES,
    PUBLIC_ONLY,
    AddressRefused,
    Answer,
    Outbound,
    Poster,
    Rules,
    check_address,
    refusal_of,
)
from simlet.testing.outbound import ACCEPTED, FakeOutbound, Post

pytestmark = pytest.mark.anyio

# The listener that must never be reached is at INSIDE; what the operator let through, at LET.
INSIDE = "127.0.0.1"
LET = "127.0.0.2"
LET_ONLY = Rules(allowed=(ipaddress.ip_network(LET + "/32"),))
PATIENCE_S = 20.0

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """Knows the names that a test made up; each look-up takes the next of a name's answers."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.looked_up: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.looked_up.append(host)
        answers = self.answers.get(host.partition(".")[0])
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)
            for ip in found
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def listening(connected: Connected, *, ip: str = LET, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(connected, ip, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def serving(handler: Handler, *, ip: str = LET) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, ip, 0)
    await site.start()
    try:
        yield f"http://{ip}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def posting(
    rules: Rules = LET_ONLY,
    *,
    timeout_s: float = PATIENCE_S,
    resolver: AbstractResolver | None = None,
) -> AsyncIterator[Outbound]:
    outbound = Outbound(rules, timeout_s=timeout_s, resolver=resolver)
    try:
        yield outbound
    finally:
        await outbound.close()


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


# --- the rules of the guard, as a table

REFUSED = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "this_network"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "cgnat"),
    ("100.127.255.255", "cgnat"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "link_local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol"),
    ("192.0.0.170", "protocol"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.1", "benchmark"),
    ("198.19.255.255", "benchmark"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "embedded_ipv4"),
    ("::8.8.8.8", "embedded_ipv4"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("::ffff:a9fe:a9fe", "link_local"),
    ("::ffff:0.0.0.0", "unspecified"),
    ("::ffff:100.64.0.1", "cgnat"),
    ("::ffff:0:127.0.0.1", "embedded_ipv4"),
    ("64:ff9b::127.0.0.1", "nat64"),
    ("64:ff9b::8.8.8.8", "nat64"),
    ("64:ff9b:1::10.0.0.1", "nat64"),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "nat64"),
    ("64:ff9b:2::1", "reserved"),
    ("100::1", "discard"),
    ("2001::1", "teredo"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo"),
    ("2001:2::1", "protocol"),
    ("2001:10::1", "protocol"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("3fff::1", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "segment_routing"),
    ("fc00::1", "private"),
    ("fd12:3456:789a::1", "private"),
    ("fe80::1", "link_local"),
    ("fe80::1%1", "link_local"),
    ("::1%lo", "loopback"),
    ("fec0::1", "site_local"),
    ("feff::1", "site_local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("0177.0.0.1", "malformed"),
    ("0x7f.0.0.1", "malformed"),
    ("0x7f000001", "malformed"),
    ("2130706433", "malformed"),
    ("127.1", "malformed"),
    ("127.0.1", "malformed"),
    ("127.0.0.1.", "malformed"),
    (" 127.0.0.1", "malformed"),
    ("127.0.0.1\n", "malformed"),
    ("١٢٧.٠.٠.١", "malformed"),
    ("[::1]", "malformed"),
    ("::ffff:0177.0.0.1", "malformed"),
    ("localhost", "malformed"),
    ("", "malformed"),
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00::1",
]


@pytest.mark.parametrize(("ip", "reason"), REFUSED)
def test_an_address_that_is_not_public_is_refused_with_its_reason(ip: str, reason: str) -> None:
    assert refusal_of(ip, 443, PUBLIC_ONLY) == reason


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_is_let_through(ip: str) -> None:
    assert refusal_of(ip, 443, PUBLIC_ONLY) is None


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (80, None),
        (443, None),
        (8080, None),
        (8443, None),
        (0, "port"),
        (22, "port"),
        (25, "port"),
        (5432, "port"),
        (6379, "port"),
        (65535, "port"),
    ],
)
def test_a_public_address_is_let_through_on_named_ports_only(port: int, reason: str | None) -> None:
    assert refusal_of("8.8.8.8", port, PUBLIC_ONLY) == reason
    assert refusal_of("2606:4700:4700::1111", port, PUBLIC_ONLY) == reason


def test_the_operator_names_the_ports() -> None:
    rules = Rules(ports=frozenset({9000}))
    assert refusal_of("8.8.8.8", 9000, rules) is None
    assert refusal_of("8.8.8.8", 443, rules) == "port"


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:10.2.0.1"),
        ("127.0.0.2/32", "127.0.0.2", "127.0.0.1"),
        ("100.64.0.0/24", "100.64.0.9", "100.64.1.9"),
        ("fd00:1::/32", "fd00:1::5", "fd00:2::5"),
        ("::1/128", "::1", "127.0.0.1"),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8"),
    ],
)
def test_a_network_that_the_operator_names_is_let_through_on_every_port(
    network: str, inside: str, outside: str
) -> None:
    rules = Rules(allowed=(ipaddress.ip_network(network),))
    assert refusal_of(inside, 5000, rules) is None
    assert refusal_of(outside, 443, rules) not in {None, "port"}


def test_naming_a_network_opens_no_port_elsewhere() -> None:
    rules = Rules(allowed=(ipaddress.ip_network("10.0.0.0/8"),))
    assert refusal_of("8.8.8.8", 5000, rules) == "port"


@given(st.ip_addresses(v=4))
def test_what_the_guard_lets_through_is_global_and_one_host(ip: ipaddress.IPv4Address) -> None:
    refused = refusal_of(str(ip), 443, PUBLIC_ONLY) is not None
    assert refused or (ip.is_global and not ip.is_multicast)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_ipv4_address_in_it(ip: ipaddress.IPv4Address) -> None:
    mapped = f"::ffff:{ip}"
    assert refusal_of(mapped, 443, PUBLIC_ONLY) == refusal_of(str(ip), 443, PUBLIC_ONLY)


@given(st.ip_addresses(v=6).map(int).map(ipaddress.IPv6Address))
def test_only_global_unicast_is_let_through_on_ipv6(ip: ipaddress.IPv6Address) -> None:
    if ip.ipv4_mapped is not None:
        return
    refused = refusal_of(str(ip), 443, PUBLIC_ONLY) is not None
    assert refused or (ip.is_global and ip in ipaddress.ip_network("2000::/3"))


@given(st.text())
def test_the_guard_has_an_answer_to_any_text(text: str) -> None:
    reason = refusal_of(text, 443, PUBLIC_ONLY)
    assert reason is None or reason.replace("_", "").isalnum()


@pytest.mark.parametrize("port", [1, 22, 25, 2375, 3306, 5432, 6379, 9200, 11211])
async def test_no_other_port_of_a_public_address_is_connected_to(port: int) -> None:
    async with posting(PUBLIC_ONLY) as outbound:
        answer = await outbound.post(f"http://8.8.8.8:{port}/", b"{}", {})
    assert answer.error == "refused_address"


# --- hostile targets, against a real listener

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
    async with posting(Rules(ports=frozenset({trap.port}))) as outbound:
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
    async with posting(Rules(ports=frozenset({trap.port})), resolver=names) as outbound:
        answer = await outbound.post(f"http://inside.example:{trap.port}/", b"{}", {})
    assert answer.error == "refused_address"
    assert await trap.strangers() == 0


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "0.0.0.0", "0177.0.0.1", "127.1", "2130706433", "::1", "fe80::1%1"]
)
async def test_a_resolver_s_answer_is_judged_as_it_is_connected_to(ip: str, trap: Trap) -> None:
    # The connector would hand an odd spelling on to the system, which reads it as loopback.
    names = Names(odd=[[ip]])
    async with posting(Rules(ports=frozenset({trap.port})), resolver=names) as outbound:
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
    rules = Rules(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
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


def test_the_guard_opens_a_socket_for_a_public_address_and_none_for_another() -> None:
    outbound = Outbound()
    kind, protocol = socket.SOCK_STREAM, socket.IPPROTO_TCP
    public = (socket.AF_INET, kind, protocol, "", ("8.8.8.8", 443))
    with outbound._guarded_socket(public) as opened:
        assert opened.family == socket.AF_INET
    with pytest.raises(AddressRefused) as caught:
        outbound._guarded_socket((socket.AF_INET, kind, protocol, "", ("10.0.0.1", 443)))
    assert caught.value.reason == "private"


# --- posts that arrive


async def test_a_post_arrives_as_it_was_given() -> None:
    seen: list[tuple[str, str, bytes, str | None, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        sent = request.headers
        seen.append(
            (
                request.method,
                request.path_qs,
                await request.read(),
                sent.get("Content-Type"),
                sent.get("webhook-id"),
            )
        )
        return web.Response(status=204)

    headers = {"Content-Type": "application/json", "webhook-id": "evt_1"}
    async with serving(take) as base, posting() as outbound:
        answer = await outbound.post(base + "/hook?k=v%20w", b'{"a":1}', headers)
    assert seen == [("POST", "/hook?k=v%20w", b'{"a":1}', "application/json", "evt_1")]
    assert (answer.status, answer.error, answer.accepted) == (204, None, True)
    assert 0 <= answer.duration_ms < PATIENCE_S * 1000


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


async def test_a_host_name_is_posted_to_by_name() -> None:
    hosts: list[str] = []

    async def take(request: web.Request) -> web.Response:
        hosts.append(request.headers["Host"])
        return web.Response()

    async with serving(take) as base, posting(resolver=Names(dealer=[[LET]])) as outbound:
        port = base.rpartition(":")[2]
        answer = await outbound.post(f"http://dealer.example:{port}/", b"", {})
    assert answer.status == 200
    assert hosts == [f"dealer.example:{port}"]


async def test_no_cookie_is_kept() -> None:
    cookies: list[str | None] = []

    async def take(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response()
        response.set_cookie("track", "me")
        return response

    # By name: for a numeric address even an open jar keeps nothing.
    async with serving(take) as base, posting(resolver=Names(dealer=[[LET]])) as outbound:
        url = "http://dealer.example:" + base.rpartition(":")[2]
        await outbound.post(url, b"", {})
        await outbound.post(url, b"", {})
    assert cookies == [None, None]


async def test_small_answers_leave_the_connection_to_the_next_post() -> None:
    peers: set[tuple[str, int]] = set()

    async def take(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="ok")

    async with serving(take) as base, posting() as outbound:
        for _ in range(3):
            assert (await outbound.post(base, b"{}", {})).status == 200
    assert len(peers) == 1


# --- posts that do not


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


async def test_a_malformed_header_is_a_fault_of_ours_and_shows() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    async with serving(take) as base, posting() as outbound:
        with pytest.raises(ValueError, match="header"):
            await outbound.post(base, b"", {"x": "a\r\nb: c"})


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


async def test_a_closed_outbound_posts_no_more() -> None:
    outbound = Outbound()
    await outbound.close()
    await outbound.close()
    with pytest.raises(RuntimeError, match="closed"):
        await outbound.post("http://example.com/", b"", {})


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


# --- addresses that are looked at before they are kept


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/",
        "HTTPS://Example.COM/Hook",
        "https://example.com./hook",
        "https://example.com:8443/hook?token=a%20b&x=[1]",
        "http://1.1.1.1:8080/hook",
        "https://[2606:4700:4700::1111]/hook",
        "https://my_app.example.com/hook#part",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/đường",
        "https://" + "a" * 63 + ".example/",
    ],
)
def test_an_address_that_can_be_posted_to_is_taken(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "http or https"),
        ("example.com/hook", "http or https"),
        ("ftp://example.com/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("gopher://example.com/", "http or https"),
        ("javascript:alert(1)", "http or https"),
        ("http://", "http or https"),
        ("http:///hook", "http or https"),
        ("http://:80/", "http or https"),
        ("http://example.com:99999/", "http or https"),
        ("http://example.com:http/", "http or https"),
        ("http://[::1", "http or https"),
        ("https://u:p@example.com/", "user or password"),
        ("https://u@example.com/", "user or password"),
        ("https://:p@example.com/", "user or password"),
        ("https://example.com/a b", "blank"),
        ("https://example.com/\n", "blank"),
        ("\thttps://example.com/", "blank"),
        ("https://example.com/\x00", "blank"),
        ("https://example.com/\u202e", "blank"),
        ("https://example.com/\ud800", "blank"),
        ("https://example.com\\@127.0.0.1/", "blank"),
        ("https://example..com/", "plain IP"),
        ("https://-a.example/", "plain IP"),
        ("https://" + "a" * 64 + ".example/", "plain IP"),
        ("https://" + "a." * 127 + "example/", "plain IP"),
        ("http://0x7f.1/", "plain IP"),
        ("http://2130706433/", "plain IP"),
        ("http://0177.0.0.1/", "plain IP"),
        ("http://1.2.3/", "plain IP"),
        ("http://foo.0x/", "plain IP"),
        ("http://localhost/", "public Internet"),
        ("http://a.localhost/", "public Internet"),
        ("http://LOCALHOST./", "public Internet"),
        ("http://127.0.0.1/", "public Internet"),
        ("http://10.0.0.1/", "public Internet"),
        ("http://169.254.169.254/latest/meta-data/", "public Internet"),
        ("http://127。0。0。1/", "public Internet"),
        ("http://[::1]/", "public Internet"),
        ("http://[::ffff:10.0.0.1]/", "public Internet"),
        ("http://[fe80::1%25eth0]/", "public Internet"),
        ("http://example.com:22/", "one of the ports 80, 443, 8080, 8443"),
        ("http://1.1.1.1:22/", "one of the ports 80, 443, 8080, 8443"),
        ("https://example.com/" + "a" * 2000, "at most 2000"),
    ],
)
def test_an_address_that_cannot_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        check_address(url)
    assert caught.value.refusal.code == "invalid"
    assert caught.value.details["name"] == "callback"
    assert reason in caught.value.sentence


def test_the_longest_address_is_taken_and_one_character_more_is_not() -> None:
    longest = "https://example.com/".ljust(2000, "a")
    check_address(longest)
    with pytest.raises(Refused):
        check_address(longest + "a")


def test_a_refused_address_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(Refused) as caught:
        check_address("https://u:hidden@example.com/")
    assert "hidden" not in caught.value.sentence
    assert caught.value.__cause__ is None


def test_an_address_in_a_network_of_the_operator_s_is_taken_on_any_port() -> None:
    rules = Rules(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    check_address("http://127.0.0.1:9999/", rules)
    check_address("http://localhost:9999/", rules)
    # The name may lead into that network; if it does not, the guard refuses the connect.
    check_address("http://dealer.lan:9999/", rules)
    with pytest.raises(Refused):
        check_address("http://10.0.0.1/", rules)
    with pytest.raises(Refused):
        check_address("http://1.1.1.1:9999/", rules)


@given(st.text() | st.text().map("http://".__add__) | st.text("0123456789abcdefx.:[]@%/"))
def test_any_text_is_taken_or_refused_and_never_a_fault(text: str) -> None:
    with suppress(Refused):
        check_address(text)


# --- the stand-in


async def test_the_stand_in_keeps_posts_and_answers_by_script() -> None:
    slow = Answer(None, "timeout", 5000)
    fake: Poster = FakeOutbound([slow])
    assert isinstance(fake, FakeOutbound)
    assert await fake.post("http://a.example/", b"1", {"x": "y"}) == slow
    assert await fake.post("http://b.example/", b"2", {}) == ACCEPTED
    assert fake.posts == [
        Post("http://a.example/", b"1", {"x": "y"}),
        Post("http://b.example/", b"2", {}),
    ]


async def test_the_stand_in_wakes_who_waits_for_posts() -> None:
    fake = FakeOutbound()
    waiting = asyncio.create_task(fake.wait_for_posts(2))
    await fake.post("http://a.example/", b"1", {})
    await fake.post("http://a.example/", b"2", {})
    assert [post.body for post in await waiting] == [b"1", b"2"]


async def test_the_closed_stand_in_posts_no_more() -> None:
    fake = FakeOutbound()
    await fake.close()
    assert fake.closed
    with pytest.raises(RuntimeError, match="closed"):
        await fake.post("http://a.example/", b"", {})


def test_the_real_one_and_the_stand_in_have_the_same_face() -> None:
    posters: list[Poster] = [Outbound(), FakeOutbound()]
    assert len(posters) == 2
