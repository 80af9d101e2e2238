import pytest

from simlet.flows.show_services import show_services
from simlet.store import events
from simlet.testing.world import Dealer, World
from simlet.workers import figures
from simlet.workers.figures import counting
from simlet.workers.periodic_task import PeriodicTask

pytestmark = pytest.mark.anyio

NUMBERS = tuple(f"09670000{one:02}" for one in range(24))
HOUR_S = 3600


async def prepared(world: World) -> tuple[Dealer, PeriodicTask]:
    await world.service(4, price_dong=1)
    await world.lines(*NUMBERS)
    dealer = await world.dealer(waiting_limit=100)
    world.clock.advance(-world.clock.now_ms() / 1000 % HOUR_S)
    periodic_task = counting(world.runtime)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    return dealer, periodic_task


async def receive(world: World, dealer: Dealer, times: int) -> None:
    for _ in range(times):
        rented = await world.rent(dealer, 4)
        await world.sms(rented.rental.number, "Your code is 486460")


async def work(world: World, seconds: float = 0.0) -> tuple[int, int]:
    """Lets time pass, and the worker come to rest; how many samples it tells of a day and a week.

    Events are numbered by another, as ever.
    """
    await world.db.write(events.number_events)
    world.clock.advance(max(seconds, figures.PAUSE_S))
    await world.clock.wait_for_sleeping(1)
    (account_id,) = (await world.rows("SELECT id FROM accounts"))[0]
    (shown,) = await world.db.read(show_services, account_id, world.clock.now_ms())
    return shown.last_24h.samples, shown.last_7d.samples


async def test_what_came_of_rentals_is_told_some_seconds_later(world: World) -> None:
    dealer, periodic_task = await prepared(world)
    seen = []
    for times in (2, 0, 3):
        await receive(world, dealer, times)
        seen.append(await work(world))
    await periodic_task.stop()

    assert seen == [(2, 2), (2, 2), (5, 5)]


async def test_pages_that_lie_behind_are_read_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PAGE", 3)
    dealer, periodic_task = await prepared(world)
    await receive(world, dealer, 10)

    seen = await work(world)
    await periodic_task.stop()

    assert seen == (10, 10)


async def test_with_the_hours_samples_leave_the_figures_though_nothing_happens(
    world: World,
) -> None:
    dealer, periodic_task = await prepared(world)
    await receive(world, dealer, 2)
    await work(world)

    seen = [await work(world, hours * HOUR_S) for hours in (23, 1, 6 * 24)]
    await work(world, 48 * HOUR_S)
    hours = await world.rows("SELECT * FROM service_hours")
    await periodic_task.stop()

    assert seen == [(2, 2), (0, 2), (0, 0)]
    assert hours == []


async def test_where_nothing_happens_nothing_is_written(world: World) -> None:
    dealer, periodic_task = await prepared(world)
    await receive(world, dealer, 2)
    await work(world)
    await world.tamper("UPDATE service_figures SET last_24h = last_7d, last_7d = 'not touched'")

    world.clock.advance(figures.PAUSE_S)
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert await world.rows("SELECT last_7d FROM service_figures") == [("not touched",)]
