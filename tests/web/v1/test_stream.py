"""`GET /v1/events` as a stream: what it tells from when on, and when it ends."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from simlet.flows.manage_accounts import revoke_tokens, suspend_account
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World
from web.v1.listening import PATIENCE_S, SSE, listening
from web.v1.telling import a_code, a_server, all_pages, bearer, events_of, many_credits

pytestmark = pytest.mark.anyio

OF_SITE = 1
"""The sleepers of a site at rest: the supervisor of its gateways."""


# ------------------------------------------------------------------------------------------- stream


async def test_a_stream_tells_what_happens(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        rental_id = await a_code(site.world, dealer)
        waiting, kept, received = await stream.many(3)
        assert [waiting.type, kept.type, received.type] == [
            "rental.waiting",
            "message.kept",
            "rental.received",
        ]
        assert waiting.data["rental"]["state"] == "waiting"
        assert waiting.data["rental"]["code"] is None
        assert kept.data["message"]["code"] == "135790"
        assert received.data["rental"]["id"] == rental_id
        assert received.data["rental"]["code"] == "135790"


async def test_a_stream_tells_the_same_as_the_pages(site: Site, dealer: Dealer) -> None:
    await a_code(site.world, dealer)
    await site.world.events()
    async with listening(site, dealer, "?after=0") as stream:
        await site.world.rent(dealer, 4)
        heard = await stream.many(5)
        assert [one.type for one in heard] == [one.data["type"] for one in heard]
        assert [one.id for one in heard] == [one.data["id"] for one in heard]
        assert [one.data for one in heard] == await all_pages(site, dealer)


async def test_a_stream_begins_with_what_comes_now(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


@pytest.mark.parametrize("spelled", ["evt_{}", "{}"])
async def test_a_stream_goes_on_behind_the_event_it_was_asked_for(
    site: Site, dealer: Dealer, spelled: str
) -> None:
    await many_credits(site.world, dealer, 4)
    told = await events_of(site.world, dealer)
    after = spelled.format(told[1])
    async with listening(site, dealer, f"?after={after}") as stream:
        assert [one.seq for one in await stream.many(3)] == told[2:5]
    async with listening(site, dealer, "?after=1", last=spelled.format(told[2])) as stream:
        assert [one.seq for one in await stream.many(2)] == told[3:5]


async def test_a_stream_asked_for_more_than_there_is_begins_now(site: Site, dealer: Dealer) -> None:
    await site.world.events()
    async with listening(site, dealer, last="evt_9999999999999999") as stream:
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_client_cut_off_before_the_first_event_goes_on_where_it_began(
    site: Site, dealer: Dealer
) -> None:
    await site.world.events()
    async with listening(site, dealer) as stream:
        began_behind = stream.began_behind
    await site.world.credit(dealer.name, 7)
    async with listening(site, dealer, last=began_behind) as stream:
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_stream_tells_only_the_types_it_was_asked_for(site: Site, dealer: Dealer) -> None:
    query = "?after=0&types=rental.received,rental.waiting"
    await a_code(site.world, dealer)
    await site.world.events()
    async with listening(site, dealer, query) as stream:
        await a_code(site.world, dealer)
        heard = await stream.many(4)
        assert [one.type for one in heard] == ["rental.waiting", "rental.received"] * 2


async def test_a_stream_tells_nothing_of_another_account(site: Site, dealer: Dealer) -> None:
    other = await site.world.dealer("other")
    async with listening(site, dealer, "?after=0") as stream:
        await stream.many(1)
        await a_code(site.world, other)
        await site.world.credit(dealer.name, 7)
        heard = await stream.next()
        assert heard is not None
        assert heard.data["amount_dong"] == 7


async def test_a_stream_says_after_a_time_of_silence_that_it_is_there(
    site: Site, dealer: Dealer
) -> None:
    clock = site.world.clock
    await site.world.events()
    async with listening(site, dealer) as stream:
        for _ in range(2):
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(14.9)
            await site.world.credit(dealer.name, 1)
            lines = await stream.lines()
            assert lines is not None
            assert lines[1] == "event: balance.credited"
        for _ in range(2):
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(14.9)
            await clock.wait_for_sleeping(OF_SITE + 1)
            clock.advance(0.1)
            assert await stream.lines() == [": still here"]


async def test_a_head_of_a_stream_is_answered_and_over(site: Site, dealer: Dealer) -> None:
    reply = await site.request("HEAD", "/v1/events", headers=bearer(dealer, accept=SSE))
    assert (reply.status, reply.raw) == (200, b"")


# ------------------------------------------------------------------------------------------ the end


async def test_a_stream_ends_whole_when_the_server_stops(world: World) -> None:
    dealer = await world.dealer()
    async with aiohttp.ClientSession() as client, AsyncExitStack() as server:
        site = await server.enter_async_context(a_server(world.db))
        async with listening(replace(site, client=client), dealer) as stream:
            reading = asyncio.ensure_future(stream.until_end())
            stopping = asyncio.ensure_future(server.aclose())
            assert await asyncio.wait_for(reading, PATIENCE_S) == []
            await asyncio.wait_for(stopping, PATIENCE_S)


@pytest.mark.parametrize("end", [revoke_tokens, suspend_account])
async def test_a_stream_ends_when_its_token_holds_no_longer(
    site: Site, dealer: Dealer, end: Callable[..., Any]
) -> None:
    other = await site.world.dealer("other")
    async with listening(site, dealer) as stream, listening(site, other) as others:
        await site.world.db.write(end, dealer.name, site.world.clock.now_ms())
        assert await stream.until_end() == []
        await site.world.credit("other", 5)
        assert await others.many(1)


async def test_a_client_that_went_away_is_forgotten(site: Site, dealer: Dealer) -> None:
    feed = site.world.runtime.feed
    async with listening(site, dealer):
        assert feed._followers
    async with asyncio.timeout(PATIENCE_S):
        while feed._followers:  # noqa: ASYNC110 - the server hears of it from the system
            await asyncio.sleep(0.005)
    assert site.world.clock.sleeping == OF_SITE


# -------------------------------------------------------------------------------------------- reads


async def test_a_code_that_is_told_is_noted(site: Site, dealer: Dealer) -> None:
    world = site.world
    await world.events()
    async with listening(site, dealer) as stream:
        rental_id = await a_code(world, dealer)
        await world.rent(dealer, 4)
        await stream.many(4)
    await all_pages(site, dealer)
    await world.runtime.reads.flush()
    now_ms = world.clock.now_ms()
    assert await world.rows("SELECT rental_id, via, last_at_ms, times FROM reads ORDER BY via") == [
        (rental_id, "stream", now_ms, 2),
        (rental_id, "v1", now_ms, 2),
    ]


async def test_a_client_of_http_1_0_gets_a_stream_without_chunks(
    site: Site, dealer: Dealer
) -> None:
    await site.world.events()
    url = URL(site.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET /v1/events HTTP/1.0\r\nAuthorization: Bearer {dealer.token}\r\nAccept: {SSE}"
    writer.write(f"{head}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(PATIENCE_S):
            answered = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b"transfer-encoding" not in answered
            assert b"connection: close" in answered
            assert (await reader.readuntil(b"\n\n")).startswith(b"retry: 1000\nid: evt_")
            site.world.runtime.feed.dismiss()
            assert await reader.read() == b""
    finally:
        writer.close()
