"""Stretches of time in tables that are in the order of their ids."""

import random

import pytest

from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.browse import HistoryFilter
from simlet.flows.show_rental import list_rentals
from simlet.flows.show_statement import StatementFilter, show_statement
from simlet.store.details import RentalFilter
from simlet.store.sql import Sql, Tx
from simlet.store.stretches import EVENTS, EVER, FIRST_MS, LAST_MS, UNEVEN_MS, near
from simlet.testing.world import World
from store.long_past import COUNT, DAY_MS, STEP_MS, dealer_with_long_past
from store.visits import visited

_ADD = Sql("INSERT INTO events (seq, kind, at_ms, data) VALUES (:seq, 'x', :at_ms, '{}')")


def fill(tx: Tx, times: dict[int, int]) -> None:
    for seq, at_ms in times.items():
        tx.run(_ADD, seq=seq, at_ms=at_ms)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_of_a_time_is_in_its_stretch_though_rows_are_missing_and_times_uneven(
    tx: Tx, seed: int
) -> None:
    chance = random.Random(seed)
    ids = sorted(chance.sample(range(1, 1000), 60))
    times = {one: one * 120_000 + chance.randint(0, UNEVEN_MS) for one in ids}
    fill(tx, times)

    for _ in range(100):
        from_ms, to_ms = sorted(chance.choices(range(120_000_000), k=2))
        stretch = near(tx, EVENTS, from_ms, to_ms)
        of_time = {one for one, at_ms in times.items() if from_ms <= at_ms < to_ms}
        found = {one for one in ids if stretch.after < one <= stretch.last}
        assert of_time <= found
        assert all(from_ms - 2 * UNEVEN_MS <= times[one] < to_ms + 2 * UNEVEN_MS for one in found)


def test_an_end_that_is_not_given_is_not_looked_for(tx: Tx) -> None:
    fill(tx, {one: one * UNEVEN_MS for one in range(10, 20)})

    assert near(tx, EVENTS, FIRST_MS, LAST_MS) == EVER
    assert near(tx, EVENTS, 15 * UNEVEN_MS, LAST_MS) == (13, EVER.last)
    assert near(tx, EVENTS, FIRST_MS, 15 * UNEVEN_MS) == (EVER.after, 15)


def test_a_stretch_of_an_empty_log_is_empty(tx: Tx) -> None:
    assert near(tx, EVENTS, 1, 2) == (0, 0)


def stretches_of_days(began_ms: int) -> list[tuple[int, int]]:
    """A day at the beginning, one in the middle and the last hour: from, and to."""
    middle_ms = began_ms + 7 * DAY_MS
    ended_ms = began_ms + COUNT * STEP_MS
    return [
        (FIRST_MS, began_ms + 3_600_000),
        (middle_ms, middle_ms + 3_600_000),
        (ended_ms - 3_600_000, LAST_MS),
    ]


@pytest.mark.anyio
async def test_lists_of_a_stretch_of_time_do_not_read_all_that_an_account_ever_did(
    world: World,
) -> None:
    dealer, began_ms = await dealer_with_long_past(world)
    await world.rent(dealer, 4)
    token_hash = hash_secret(dealer.token)

    for from_ms, to_ms in stretches_of_days(began_ms):
        rentals = RentalFilter(None, None, from_ms, to_ms, 2**53, 1000)
        history = HistoryFilter(None, (), from_ms, to_ms, 1000)
        ledger = StatementFilter(from_ms, to_ms, 2**53, 1000)
        for flow in (
            lambda tx, wanted=rentals: list_rentals(tx, None, dealer.id, wanted).found,
            lambda tx, wanted=history: browse.history(tx, None, token_hash, wanted).found,
            lambda tx, wanted=ledger: show_statement(tx, dealer.id, wanted),
        ):
            assert 59 <= len(await world.db.read(flow)) <= 63
            assert await world.db.read(visited, flow) < COUNT // 4
