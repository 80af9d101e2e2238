"""One dealer asks for many lists: what another one asks for is answered meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from yarl import URL

from engines import Passing
from simlet.domain.signing import hash_secret
from simlet.flows.show_events import events_page
from simlet.store.database import Database
from simlet.store.sql import Call, Tx
from simlet.testing.gate import Gate
from simlet.testing.site import Reply, Site, site_of
from simlet.testing.world import Dealer, World
from simlet.web import lists
from web.first_api.answers import refusal
from web.v1.listening import PATIENCE_S, listening
from web.v1.telling import CODE, bearer

pytestmark = pytest.mark.anyio

BUSY = (-1, "Có lỗi: hệ thống đang bận, vui lòng thử lại sau")
LISTS = ["/api/?show=history", "/v1/rentals", "/v1/ledger", "/v1/events", "/v1/callbacks"]


@dataclass
class Held(Passing):
    """A database that holds the lists of one dealer in its threads until a gate is opened."""

    dealer: Dealer | None = None
    gate: Gate = field(default_factory=Gate)
    reads: int = 0
    came: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def read_list(self, call: Call) -> Any:
        if not self._is_held(call):
            return await self.engine.read_list(call)
        self.reads += 1
        self.came.release()
        return await self.engine.read_list(Call(_hold, (self.gate, call), {}))

    def _is_held(self, call: Call) -> bool:
        one = self.dealer
        return one is not None and not {one.id, hash_secret(one.token)}.isdisjoint(call.args[:2])

    async def holds(self, count: int) -> None:
        """Waits until it holds so many more."""
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(count):
                await self.came.acquire()


def _hold(tx: Tx, gate: Gate, call: Call) -> Any:
    gate.pass_through()
    return call(tx)


@dataclass
class Story:
    """A server, the database behind it that holds the first dealer's lists, and two dealers."""

    site: Site
    held: Held
    first: Dealer
    second: Dealer

    async def get(self, dealer: Dealer, path: str) -> Reply:
        return await self.site.get(path, bearer(dealer))

    def ask(self, dealer: Dealer, *paths: str) -> list[asyncio.Task[Reply]]:
        return [asyncio.ensure_future(self.get(dealer, path)) for path in paths]

    async def hung_up(self, *paths: str) -> None:
        """The first dealer asks, and closes the connection before there is an answer."""
        url = URL(self.site.base_url)
        for path in paths:
            _, writer = await asyncio.open_connection(url.host, url.port)
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.first.token}"
            writer.write(f"{head}\r\n\r\n".encode())
            await self._turned()
            writer.close()
            await writer.wait_closed()
            await self._turned()

    async def _turned(self) -> None:
        """The server has seen what came until now: it answers what came later."""
        for _ in range(3):
            await self.get(self.second, "/api/?show=balance")


@asynccontextmanager
async def story_in(world: World) -> AsyncIterator[Story]:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    first, second = await world.dealer("first"), await world.dealer("second")
    held = Held(world.db.engine, first)
    # Whatever fails, the gate opens before the server stops.
    async with site_of(World(Database(held))) as site:
        with held.gate:
            yield Story(site, held, first, second)


@pytest.fixture
async def story(world: World) -> AsyncIterator[Story]:
    async with story_in(world) as one:
        yield one


async def test_one_dealers_lists_hold_up_nothing_of_anothers(story: Story, world: World) -> None:
    asked = story.ask(story.first, *LISTS, *LISTS)
    await story.held.holds(lists.OF_ONE_AT_ONCE)
    second = story.second
    async with asyncio.timeout(PATIENCE_S), listening(story.site, second) as stream:
        for path in LISTS:
            assert (await story.get(second, path)).status == 200
        for path in ("/api/?show=service", "/api/?show=balance", "/v1/services"):
            assert (await story.get(second, path)).status == 200
        rent = (await story.get(second, "/api/register-service/?serviceId=4")).json
        await world.sms(f"0{rent['data']['phone_number']}", CODE)
        told = {one.type for one in await stream.many(3)}
        assert told == {"rental.waiting", "message.kept", "rental.received"}
        poll = await story.get(second, f"/api/?show=code&ID={rent['data']['request_id']}")
        assert poll.json["Result"]["Code"] == "135790"
    assert story.held.reads == lists.OF_ONE_AT_ONCE
    story.held.gate.open()
    assert [one.status for one in await asyncio.gather(*asked)] == [200] * len(asked)


async def test_the_dealers_own_polls_and_rents_do_not_wait_for_his_lists(story: Story) -> None:
    asked = story.ask(story.first, *LISTS)
    await story.held.holds(lists.OF_ONE_AT_ONCE)
    async with asyncio.timeout(PATIENCE_S):
        rent = (await story.get(story.first, "/api/register-service/?serviceId=4")).json
        rental_id = rent["data"]["request_id"]
        poll = await story.get(story.first, f"/api/?show=code&ID={rental_id}")
        assert poll.json["Msg"] == "Đợi tin nhắn"
        for path in ("/api/?show=balance", "/v1/balance", f"/v1/rentals/{rental_id}"):
            assert (await story.get(story.first, path)).status == 200
    story.held.gate.open()
    await asyncio.gather(*asked)


async def test_a_list_whose_client_has_hung_up_is_not_read(story: Story) -> None:
    asked = story.ask(story.first, *["/api/?show=history"] * lists.OF_ONE_AT_ONCE)
    await story.held.holds(lists.OF_ONE_AT_ONCE)
    # Plain, over ASGI (for the escape in its path), and by the other API.
    await story.hung_up("/api/?show=history", "/%61pi/?show=history", "/v1/rentals")
    asked += story.ask(story.first, "/api/?show=history", "/v1/rentals")
    story.held.gate.open()
    assert [one.status for one in await asyncio.gather(*asked)] == [200] * len(asked)
    assert story.held.reads == len(asked)


async def test_beyond_the_bound_of_his_queue_a_dealer_is_told_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "OF_ONE_WAITING", 1)
    async with story_in(world) as story:
        asked = story.ask(story.first, *["/v1/ledger"] * lists.OF_ONE_AT_ONCE)
        await story.held.holds(lists.OF_ONE_AT_ONCE)
        asked += story.ask(story.first, "/v1/ledger")
        await story.get(story.second, "/v1/ledger")
        refused = await story.get(story.first, "/v1/rentals")
        assert refused.status == 429
        assert refused.json["code"] == "rate_limited"
        assert refused.headers["retry-after"] == "1"
        assert refusal((await story.get(story.first, "/api/?show=history")).json) == BUSY
        assert (await story.get(story.second, "/api/?show=history")).json["status_code"] == 200
        story.held.gate.open()
        assert [one.status for one in await asyncio.gather(*asked)] == [200] * len(asked)


@dataclass
class Pages(Passing):
    """A database that notes whose page of events is read, and holds the first one."""

    gate: Gate = field(default_factory=Gate)
    read_for: list[int] = field(default_factory=list)

    async def read(self, call: Call) -> Any:
        if call.flow is not events_page:
            return await self.engine.read(call)
        self.read_for.append(call.args[0])
        return await self.engine.read(Call(_hold, (self.gate, call), {}))


async def test_a_stream_waits_for_no_more_than_one_page_of_another_account(world: World) -> None:
    first, second = await world.dealer("first"), await world.dealer("second")
    await world.events()
    pages = Pages(world.db.engine)
    async with site_of(World(Database(pages))) as site:
        with pages.gate:
            streams = [listening(site, first, last="0") for _ in range(5)]
            for one in streams:
                await one.__aenter__()
            await pages.gate.reached()
            async with listening(site, second, last="0") as stream:
                await site.get("/api/?show=balance", bearer(second))
                pages.gate.open()
                assert await stream.next() is not None
            for one in streams:
                await one.__aexit__(None, None, None)
    assert pages.read_for[:2] == [first.id, second.id]
