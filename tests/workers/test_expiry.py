from dataclasses import replace

import pytest

from simlet.config import ExpirySettings, Settings
from simlet.domain.rental import RentalState
from simlet.testing.clock import START_MS
from simlet.testing.world import World
from simlet.workers import expiry as expiry_worker
from simlet.workers.expiry import expiry
from simlet.workers.periodic_task import PeriodicTask

pytestmark = pytest.mark.anyio

WAITING_S = 300
DEADLINE_MS = START_MS + WAITING_S * 1000
SLOWEST = Settings(expiry=ExpirySettings(tick_s=0.5))


def slow_expiry(world: World) -> PeriodicTask:
    """The worker, with the longest tick that the settings allow."""
    return expiry(replace(world.runtime, settings=SLOWEST))


async def test_the_price_goes_back_within_a_second_of_the_deadline(world: World) -> None:
    await world.service(4, waiting_s=WAITING_S)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)
    rental_id = (await world.rent(dealer, 4)).rental.id
    periodic_task = slow_expiry(world)
    # The worst moment: the worker has just looked when the deadline passes.
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(WAITING_S - 0.001)
    await world.clock.wait_for_sleeping(1)
    before = await world.rental(dealer, rental_id)

    while (await world.rental(dealer, rental_id)).state is RentalState.WAITING:
        world.clock.advance(0.1)
        await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert before.state is RentalState.WAITING
    assert (await world.rental(dealer, rental_id)).state is RentalState.EXPIRED
    (closed,) = await world.rows("SELECT closed_at_ms FROM rentals")
    assert DEADLINE_MS <= closed[0] <= DEADLINE_MS + 1000
    assert world.clock.now_ms() <= DEADLINE_MS + 1000
    account = await world.account(dealer)
    assert (account.available_dong, account.held_dong, account.waiting_count) == (1000, 0, 0)
    assert await world.book_findings() == []


async def test_a_rental_that_got_its_code_keeps_its_price_paid(world: World) -> None:
    await world.service(4, waiting_s=WAITING_S)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)
    rented = await world.rent(dealer, 4)
    await world.sms(rented.rental.number, "Your Yahoo code is 486460")
    periodic_task = slow_expiry(world)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(WAITING_S + 1)
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert (await world.rental(dealer, rented.rental.id)).state is RentalState.RECEIVED
    assert (await world.account(dealer)).available_dong == 1000 - 470
    (listening,) = await world.rows("SELECT count(*) FROM rentals WHERE listening")
    assert listening[0] == 0
    assert await world.book_findings() == []


async def test_many_deadlines_at_once_are_met_without_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry_worker, "BATCH", 3)
    await world.service(4, waiting_s=WAITING_S)
    await world.lines(*(f"09670000{one:02}" for one in range(10)))
    dealer = await world.dealer()
    for _ in range(10):
        await world.rent(dealer, 4)
    world.clock.advance(WAITING_S)
    periodic_task = slow_expiry(world)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    rows = await world.rows("SELECT state, count(*) FROM rentals GROUP BY state")
    assert [tuple(row) for row in rows] == [("expired", 10)]
    assert (await world.account(dealer)).available_dong == 100_000
