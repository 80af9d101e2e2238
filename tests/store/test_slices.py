"""Lists that look far for little: slice by slice, or no further than they must."""

from functools import partial
from typing import Any

import pytest

from simlet.domain.rental import RentalState
from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.browse import HistoryFilter
from simlet.flows.show_rental import list_rentals
from simlet.store import slices
from simlet.store.details import RentalFilter
from simlet.store.slices import Slice, read_slices
from simlet.store.sql import Tx
from simlet.store.stretches import FIRST_MS, LAST_MS, SLICE_ROWS, Stretch
from simlet.testing.world import Dealer, World
from store.long_past import COUNT, dealer_with_long_past
from store.visits import visited

pytestmark = pytest.mark.anyio


def rentals(
    state: RentalState | None = None, service_id: int | None = None, limit: int = 100
) -> RentalFilter:
    return RentalFilter(state, service_id, FIRST_MS, LAST_MS, 2**53, limit)


def history(state: RentalState | None, service_id: int | None) -> HistoryFilter:
    states = () if state is None else (state,)
    return HistoryFilter(service_id, states, FIRST_MS, LAST_MS, 100)


async def both_lists(
    world: World, dealer: Dealer, state: RentalState | None, service_id: int | None
) -> list[list[int]]:
    shown = await read_slices(
        world.db.read, 100, list_rentals, dealer.id, rentals(state, service_id)
    )
    rows = await read_slices(
        world.db.read, 100, browse.history, hash_secret(dealer.token), history(state, service_id)
    )
    return [[one.id for one in shown], [one.id for one in rows]]


async def test_those_that_wait_are_found_without_reading_the_past(world: World) -> None:
    dealer, _ = await dealer_with_long_past(world)
    waiting = [(await world.rent(dealer, one)).rental.id for one in (4, 5)][::-1]
    token_hash = hash_secret(dealer.token)

    def of_v1(tx: Tx, service_id: int | None) -> Slice[Any]:
        return list_rentals(tx, None, dealer.id, rentals(RentalState.WAITING, service_id))

    def of_first_api(tx: Tx, service_id: int | None) -> Slice[Any]:
        wanted = history(RentalState.WAITING, service_id)
        return browse.history(tx, None, token_hash, wanted)

    for flow in (of_v1, of_first_api):
        for service_id, ids in ((None, waiting), (4, waiting[1:]), (9, [])):
            read = partial(flow, service_id=service_id)
            found = await world.db.read(read)
            assert ([one.id for one in found.found], found.rest) == (ids, None)
            assert await world.db.read(visited, read) < COUNT // 4


async def test_where_none_waits_nothing_is_read(world: World) -> None:
    dealer, _ = await dealer_with_long_past(world)

    def read(tx: Tx) -> Slice[Any]:
        return list_rentals(tx, None, dealer.id, rentals(RentalState.WAITING))

    assert await world.db.read(read) == Slice([], None)
    assert await world.db.read(visited, read) < COUNT // 4


async def test_what_is_rare_is_looked_for_slice_by_slice(world: World) -> None:
    dealer, _ = await dealer_with_long_past(world)
    wanted = rentals(RentalState.CANCELLED)
    read: list[Slice[Any]] = [Slice([], None)]
    while len(read) == 1 or read[-1].rest is not None:
        read.append(await world.db.read(list_rentals, read[-1].rest, dealer.id, wanted))

    assert len(read) - 1 == COUNT // SLICE_ROWS + 1
    assert [len(one.found) for one in read[1:]] == [0] * (COUNT // SLICE_ROWS) + [1]

    def first(tx: Tx) -> Slice[Any]:
        return list_rentals(tx, None, dealer.id, wanted)

    def second(tx: Tx) -> Slice[Any]:
        return list_rentals(tx, read[1].rest, dealer.id, wanted)

    whole = await world.db.read(visited, lambda tx: list_all(tx, dealer, wanted))
    for part in (first, second):
        assert await world.db.read(visited, part) < whole // 2


def list_all(tx: Tx, dealer: Dealer, wanted: RentalFilter) -> None:
    rest: Stretch | None = None
    for _ in range(COUNT // SLICE_ROWS + 1):
        rest = list_rentals(tx, rest, dealer.id, wanted).rest


async def test_slices_leave_nothing_out_and_tell_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service_id in (4, 5):
        await world.service(service_id)
    await world.lines(*(f"09670000{one:02}" for one in range(20)))
    dealer, other = await world.dealer(waiting_limit=20), await world.dealer("other")
    rows: list[tuple[int, int, RentalState]] = []
    for turn in range(12):
        service_id, state = 4 + turn % 2, RentalState.WAITING
        rental = (await world.rent(dealer, service_id)).rental
        await world.rent(other, 4) if turn % 5 == 0 else None
        if turn % 3 == 0:
            await world.cancel(dealer, rental.id)
            state = RentalState.CANCELLED
        rows.insert(0, (rental.id, service_id, state))

    for size in (1, 2, 3, 5, 12):
        monkeypatch.setattr(slices, "SLICE_ROWS", size)
        monkeypatch.setattr(slices, "_WAITING_ROWS", size)
        for asked in (None, RentalState.WAITING, RentalState.CANCELLED, RentalState.EXPIRED):
            for service in (None, 4, 5, 6):
                ids = [
                    one
                    for one, of_service, of_state in rows
                    if service in {None, of_service} and asked in {None, of_state}
                ]
                assert await both_lists(world, dealer, asked, service) == [ids, ids]


async def test_no_more_is_read_than_a_page_needs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_ROWS", 2)
    await world.service(4)
    await world.lines(*(f"096700000{one}" for one in range(6)))
    dealer = await world.dealer()
    ids = [(await world.rent(dealer, 4)).rental.id for _ in range(6)][::-1]
    asked: list[Stretch | None] = []

    def reading(tx: Tx, within: Stretch | None) -> Slice[Any]:
        asked.append(within)
        return list_rentals(tx, within, dealer.id, rentals(service_id=4))

    found = await read_slices(world.db.read, 3, reading)

    assert ([one.id for one in found], len(asked)) == (ids[:3], 2)
