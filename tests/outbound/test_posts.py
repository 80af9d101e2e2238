"""What a post brings to a server, and what it leaves for the next one."""

import pytest
from aiohttp import web

from outbound.posting import LET, PATIENCE_S, Names, posting, serving
from simlet.outbound import Outbound

pytestmark = pytest.mark.anyio


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


async def test_a_malformed_header_is_a_fault_of_ours_and_shows() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response()

    async with serving(take) as base, posting() as outbound:
        with pytest.raises(ValueError, match="header"):
            await outbound.post(base, b"", {"x": "a\r\nb: c"})


async def test_a_closed_outbound_posts_no_more() -> None:
    outbound = Outbound()
    await outbound.close()
    await outbound.close()
    with pytest.raises(RuntimeError, match="closed"):
        await outbound.post("http://example.com/", b"", {})
