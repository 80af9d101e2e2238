"""Both clients against a real server, on each kind of database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from simlet.client import (
    AsyncClient,
    Client,
    Conflict,
    Event,
    InsufficientFunds,
    Invalid,
    NoCode,
    NotFound,
    OutOfStock,
    Unauthenticated,
)
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

TEXT = "Ma xac thuc cua ban la 529310"
PATIENCE_S = 20


@pytest.fixture
async def dealer(world: World) -> Dealer:
    await world.service(4)
    await world.lines("0967000001")
    return await world.dealer()


@pytest.fixture
async def client(site: Site, dealer: Dealer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(site.base_url, dealer.token) as client, asyncio.timeout(PATIENCE_S):
        yield client


async def is_queued(client: AsyncClient) -> None:
    async with aclosing(client.events(after="evt_0", types=["request.queued"])) as events:
        await anext(events)


async def test_a_whole_round(client: AsyncClient, world: World) -> None:
    rental = await client.rent("Yahoo", networks=["VIETTEL"], metadata={"order": "A-17"})
    assert (rental.state, rental.number, rental.price_dong) == ("waiting", "+84967000001", 470)
    waits = asyncio.create_task(rental.wait_for_code())
    await world.sms(rental.number, TEXT)
    assert await waits == "529310"
    after = await rental.refresh()
    assert (after.state, after.text, after.sender) == ("received", TEXT, "Yahoo")
    assert after.metadata == {"order": "A-17"}
    assert [one.code for one in await after.messages()] == ["529310"]
    assert [one.kind for one in await after.ledger()] == ["hold", "settle"]
    told = [one.what for one in await after.timeline()]
    assert {"rented", "held", "message_kept", "settled"} <= set(told)
    assert [one.id async for one in client.rentals(state="received")] == [rental.id]
    balance = await client.balance()
    assert (balance.available_dong, balance.held_dong) == (99_530, 0)


async def test_the_same_round_in_place(site: Site, dealer: Dealer, world: World) -> None:
    def round_in_place() -> list[str]:
        with Client(site.base_url, dealer.token) as client:
            rental = client.rent(4)
            loop.call_soon_threadsafe(rented.set)
            code = rental.wait_for_code(timeout_s=PATIENCE_S)
            return [code, *(one.state for one in client.rentals())]

    loop, rented = asyncio.get_running_loop(), asyncio.Event()
    running = asyncio.create_task(asyncio.to_thread(round_in_place))
    await rented.wait()
    await world.sms("0967000001", TEXT)
    assert await running == ["529310", "received"]


async def test_what_the_account_may_see(client: AsyncClient) -> None:
    (service,) = await client.services()
    assert (service.id, service.price_dong, service.stock) == (4, 470, 1)
    assert "VIETTEL" in [one.name for one in await client.networks()]
    account = await client.account()
    assert (account.name, account.tier, account.waiting_limit) == ("dealer", "dealer", 10)
    assert [one.kind async for one in client.statement()] == ["credit"]
    assert (await client.statement_csv()).startswith("id,kind,amount_dong")


async def test_a_statement_of_several_pages_is_one_table(client: AsyncClient, world: World) -> None:
    for _ in range(4):
        await world.credit("dealer", 7)
    table = await client.statement_csv(limit=2)
    head, *rows = table.splitlines()
    assert head.startswith("id,kind,amount_dong")
    assert [row.split(",")[:3:2] for row in rows] == [
        [str(one.id), str(one.amount_dong)] async for one in client.statement()
    ]
    assert len(rows) == 5


async def test_cancelled_the_price_comes_back(client: AsyncClient) -> None:
    rental = await client.rent(4)
    assert (await rental.cancel()).state == "cancelled"
    assert [one.kind for one in await rental.ledger()] == ["hold", "release"]
    with pytest.raises(NoCode):
        await rental.wait_for_code()


async def test_a_line_that_does_not_work_is_reported(client: AsyncClient) -> None:
    rental = await client.rent(4)
    reported = await rental.report("number_rejected", note="they say it is taken")
    assert (reported.state, reported.reported) == ("cancelled", "number_rejected")


async def test_the_same_key_rents_once(client: AsyncClient) -> None:
    first = await client.rent(4, idempotency_key="order-17")
    again = await client.rent(4, idempotency_key="order-17")
    assert first.id == again.id
    with pytest.raises(Conflict):
        await client.rent(4, networks=["VIETTEL"], idempotency_key="order-17")


async def test_refusals(client: AsyncClient, site: Site, world: World) -> None:
    await world.dealer("poor", balance_dong=0)
    rental = await client.rent(4)
    with pytest.raises(OutOfStock) as out:
        await client.rent(4)
    assert out.value.remedy
    with pytest.raises(Conflict, match="price"):
        await client.rent(4, max_price_dong=1)
    with pytest.raises(NotFound):
        await client.rental(rental.id + 1)
    with pytest.raises(NotFound):
        await client.rent(5)
    with pytest.raises(Conflict):
        await rental.extend()
    with pytest.raises(Invalid) as wrong:
        await client.rent(4, prefixes=["nine"])
    assert [one.name for one in wrong.value.errors] == ["prefixes"]
    async with AsyncClient(site.base_url, "simlet_wrong") as other:
        with pytest.raises(Unauthenticated):
            await other.balance()


async def test_without_money_nothing_is_rented(site: Site, world: World, dealer: Dealer) -> None:
    poor = await world.dealer("poor", balance_dong=0)
    async with AsyncClient(site.base_url, poor.token) as client:
        with pytest.raises(InsufficientFunds):
            await client.rent(4)


async def test_the_queue_gives_a_line_when_one_is_free(client: AsyncClient, world: World) -> None:
    first = await client.rent(4)
    waits = asyncio.create_task(client.rent(4, wait_for_stock_s=600))
    await is_queued(client)
    await first.cancel()
    await world.fill()
    second = await waits
    assert (second.state, second.number) == ("waiting", first.number)
    (request,) = [one async for one in client.requests()]
    assert (request.state, request.rental_id) == ("filled", second.id)


async def test_whoever_is_cancelled_leaves_the_queue(client: AsyncClient) -> None:
    await client.rent(4)
    waits = asyncio.create_task(client.rent(4, wait_for_stock_s=600))
    await is_queued(client)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    (request,) = [one async for one in client.requests()]
    assert request.state == "cancelled"


async def test_callbacks_are_managed(client: AsyncClient) -> None:
    made = await client.add_callback("https://dealer.example/simlet", events=["rental.received"])
    assert made.secret is not None
    changed = await client.change_callback(made.id, url="https://dealer.example/two")
    assert (changed.url, changed.events, changed.secret) == (
        "https://dealer.example/two",
        ["rental.received"],
        None,
    )
    rotated = await client.change_callback(made.id, rotate_secret=True, keep_old_secret_s=60)
    assert rotated.secret not in {None, made.secret}
    assert (await client.test_callback(made.id)).type == "callback.test"
    assert [one.id for one in await client.callbacks()] == [made.id]
    assert await client.callbacks(scope="rental") == []
    await client.remove_callback(made.id)
    assert await client.callbacks() == []


async def test_events_go_on_over_a_restart(world: World, dealer: Dealer) -> None:
    heard: list[Event] = []
    async with site_of(world) as site:
        port = int(site.base_url.rpartition(":")[2])
        client = AsyncClient(site.base_url, dealer.token)
        rental = await client.rent(4)
        events = client.events(after="evt_0", types=["rental.waiting", "rental.received"])
        heard.append(await anext(events))
    await world.sms(rental.number, TEXT)
    restarted = site_of(World(world.db, world.clock), port)
    async with asyncio.timeout(PATIENCE_S), aclosing(events), client, restarted:
        heard.append(await anext(events))
    assert [one.type for one in heard] == ["rental.waiting", "rental.received"]
    assert [one.rental.code for one in heard if one.rental] == [None, "529310"]
