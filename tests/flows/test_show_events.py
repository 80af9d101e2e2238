import pytest

from simlet.domain.events import DEALER_EVENTS, Event, EventKind
from simlet.flows.show_events import EventsPage, detail_events, events_page, latest_event
from simlet.store import events
from simlet.store.events import add_event
from simlet.store.sql import Tx
from simlet.testing.world import Dealer, World
from store.long_past import dealer_with_long_past
from store.visits import visited

pytestmark = pytest.mark.anyio

HIDDEN = sorted(set(EventKind) - DEALER_EVENTS, key=lambda kind: kind.value)


@pytest.fixture
async def dealer(world: World) -> Dealer:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    return await world.dealer()


async def page(
    world: World,
    dealer: Dealer,
    after: int = 0,
    limit: int = 100,
    kinds: frozenset[EventKind] | None = None,
) -> list[tuple[int, EventKind]]:
    await world.events()
    found = await world.db.read(events_page, dealer.id, after, limit, kinds)
    return [(one.event.seq, one.event.kind) for one in found.events]


async def test_a_page_has_the_events_behind_a_number_the_oldest_first(
    world: World, dealer: Dealer
) -> None:
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(rental.number, "your code is 135790")
    told = await page(world, dealer)
    assert [kind.value for _, kind in told] == [
        "balance.credited",
        "rental.waiting",
        "message.kept",
        "rental.received",
    ]
    assert told == sorted(told, key=lambda one: one[0])
    assert await page(world, dealer, after=told[1][0]) == told[2:]
    assert await page(world, dealer, after=told[0][0], limit=2) == told[1:3]
    assert await page(world, dealer, after=told[-1][0]) == []


@pytest.mark.parametrize("kind", HIDDEN)
async def test_what_is_the_operators_is_not_told_even_when_it_is_asked_for(
    world: World, dealer: Dealer, kind: EventKind
) -> None:
    await world.db.write(add_event, Event(kind, 1, dealer.id))
    assert await page(world, dealer, kinds=frozenset({kind})) == []
    assert kind not in {one for _, one in await page(world, dealer)}


async def test_another_accounts_events_are_not_told(world: World, dealer: Dealer) -> None:
    other = await world.dealer("other", balance_dong=0)
    assert await page(world, other) == []


async def test_events_of_some_numbers_are_told_in_their_order(world: World, dealer: Dealer) -> None:
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(rental.number, "your code is 135790")
    last = (await world.events())[-1].seq
    found = await world.db.read(detail_events, [last, 1, last + 1])
    assert [one.event.seq for one in found] == [last, 1]
    assert [one.code_of for one in found] == [rental.id, None]
    assert await world.db.read(latest_event) == last


async def test_what_is_rare_is_looked_for_part_by_part(
    world: World, dealer: Dealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SLICE_ROWS", 3)
    (first,) = await page(world, dealer)
    for _ in range(4):
        rental = (await world.rent(dealer, 4)).rental
        await world.cancel(dealer, rental.id)
    await world.credit("dealer", 5)
    await world.events()
    of_dealer = f"SELECT seq FROM events WHERE account_id = {dealer.id} ORDER BY seq"
    every = [seq for (seq,) in await world.rows(of_dealer)]
    credited = frozenset({EventKind.BALANCE_CREDITED})
    found, after = [], 0
    looked: list[int | None] = []
    while not looked or looked[-1] is not None:
        part = await world.db.read(events_page, dealer.id, after, 100, credited)
        found += [one.event.seq for one in part.events]
        looked.append(part.more_after)
        after = part.more_after or after

    assert found == [first[0], every[-1]]
    assert looked == [*every[2::3], None]
    full = await world.db.read(events_page, dealer.id, first[0] - 1, 1, credited)
    assert ([one.event.seq for one in full.events], full.more_after) == ([first[0]], first[0])


async def test_a_page_of_rare_events_does_not_read_all_that_ever_happened(world: World) -> None:
    dealer, _ = await dealer_with_long_past(world)
    expired = frozenset({EventKind.RENTAL_EXPIRED})

    def part(tx: Tx) -> EventsPage:
        return events_page(tx, dealer.id, 0, 100, expired)

    def whole(tx: Tx) -> None:
        found = part(tx)
        while found.more_after is not None:
            found = events_page(tx, dealer.id, found.more_after, 100, expired)

    assert (await world.db.read(part)).events == []
    assert await world.db.read(visited, part) < await world.db.read(visited, whole) // 3
