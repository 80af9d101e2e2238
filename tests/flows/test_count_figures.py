import pytest

from simlet.domain.figures import Figures
from simlet.flows import count_figures as flow
from simlet.flows.count_figures import count_figures, forget_hours, keep_figures, read_on
from simlet.flows.show_services import show_services
from simlet.store import events
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

WAITING_S = 60
HOUR_S = 3600
NUMBERS = tuple(f"09670000{one:02}" for one in range(40))


async def prepared(world: World, *service_ids: int) -> Dealer:
    for service_id in service_ids or (4,):
        await world.service(service_id, waiting_s=WAITING_S, price_dong=1)
    await world.lines(*NUMBERS)
    return await world.dealer(waiting_limit=1000)


async def receive(world: World, dealer: Dealer, times: int, after_s: float, of: int = 4) -> None:
    """Rentals that get their code so many seconds after they began."""
    rented = [await world.rent(dealer, of) for _ in range(times)]
    world.clock.advance(after_s)
    for one in rented:
        await world.sms(one.rental.number, "Your code is 486460")


async def expire(world: World, dealer: Dealer, times: int, of: int = 4) -> None:
    """Rentals that get nothing."""
    for _ in range(times):
        await world.rent(dealer, of)
    world.clock.advance(WAITING_S)
    await world.expire()


async def count(world: World, page: int = 1000) -> int:
    """What the worker would do, page by page; how many pages were written."""
    await world.db.write(events.number_events)
    pages = 0
    while True:
        read = await world.db.read(read_on, page)
        if not await world.db.write(count_figures, read, world.clock.now_ms()):
            break
        pages += 1
    sums = await world.db.read(flow.sum_figures, None, world.clock.now_ms())
    await world.db.write(keep_figures, sums)
    return pages


async def told(world: World, dealer: Dealer, service_id: int = 4) -> tuple[Figures, Figures]:
    """The figures of the last day and of the last week, as the dealer is shown them."""
    shown = await world.db.read(show_services, dealer.id, world.clock.now_ms())
    (found,) = [one for one in shown if one.id == service_id]
    return found.last_24h, found.last_7d


@pytest.mark.parametrize("page", [1000, 7], ids=["one page", "many pages"])
async def test_codes_and_rentals_without_one_are_the_samples(world: World, page: int) -> None:
    dealer = await prepared(world)
    await receive(world, dealer, 9, 4)
    await receive(world, dealer, 6, 10)
    await expire(world, dealer, 5)

    await count(world, page)

    assert await told(world, dealer) == (Figures(20, 0.75, 4.0),) * 2


async def test_a_page_is_one_write(world: World) -> None:
    dealer = await prepared(world)
    await receive(world, dealer, 9, 4)

    assert await count(world) == 1


async def test_a_cancelled_rental_is_no_sample(world: World) -> None:
    dealer = await prepared(world)
    for _ in range(10):
        await world.cancel(dealer, (await world.rent(dealer, 4)).rental.id)
        await world.report(dealer, (await world.rent(dealer, 4)).rental.id)

    await count(world)

    assert await told(world, dealer) == (Figures(0, None, None),) * 2


async def test_services_are_counted_apart(world: World) -> None:
    dealer = await prepared(world, 4, 5)
    await expire(world, dealer, 20, of=4)
    await receive(world, dealer, 21, 3, of=5)

    await count(world)

    assert await told(world, dealer, 4) == (Figures(20, 0.0, None),) * 2
    assert await told(world, dealer, 5) == (Figures(21, 1.0, 3.0),) * 2


async def test_too_few_samples_have_no_figures(world: World) -> None:
    dealer = await prepared(world)
    await receive(world, dealer, 19, 3)

    await count(world)

    assert await told(world, dealer) == (Figures(19, None, None),) * 2


async def test_a_day_and_a_week_later_they_are_gone(world: World) -> None:
    dealer = await prepared(world)
    world.clock.advance(-world.clock.now_ms() / 1000 % HOUR_S)
    await receive(world, dealer, 20, 3)
    figures = Figures(20, 1.0, 3.0)
    nothing = Figures(0, None, None)
    seen = []

    for hours in (0, 23, 1, 6 * 24 - 1, 1):
        world.clock.advance(hours * HOUR_S)
        await count(world)
        seen.append(await told(world, dealer))

    assert seen == [
        (figures, figures),
        (figures, figures),
        (nothing, figures),
        (nothing, figures),
        (nothing, nothing),
    ]


async def test_a_page_is_counted_once(world: World) -> None:
    dealer = await prepared(world)
    await receive(world, dealer, 20, 3)
    await world.events()
    now_ms = world.clock.now_ms()
    page = await world.db.read(read_on, 1000)

    first = await world.db.write(count_figures, page, now_ms)
    again = await world.db.write(count_figures, page, now_ms)
    await count(world)

    assert (first, again) == (True, False)
    assert (await told(world, dealer))[0].samples == 20


async def test_hours_that_no_sum_needs_are_erased_and_not_counted_anew(world: World) -> None:
    dealer = await prepared(world)
    await receive(world, dealer, 3, 3)
    await count(world)
    world.clock.advance(9 * 24 * HOUR_S)
    await receive(world, dealer, 2, 3)
    await count(world)

    await world.db.write(forget_hours, world.clock.now_ms())
    kept = await world.rows("SELECT seconds FROM service_hours")
    await world.tamper("UPDATE cursors SET seq = 0 WHERE name = 'figures'")
    await world.tamper("DELETE FROM service_hours")
    await count(world)

    assert [tuple(row) for row in kept] == [('{"3":2}',)]
    assert await world.rows("SELECT seconds FROM service_hours") == kept
