import pytest

from simlet.flows.watch_lines import read_on, watch_lines
from simlet.testing.world import Dealer, World
from watching import RULES, count, out_of, see, watch

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
WAITING_S = 60
DAY_S = 86_400


async def one_line(world: World, gateway: str | None = None) -> Dealer:
    await world.service(4, waiting_s=WAITING_S)
    await world.lines(NUMBER, gateway=gateway)
    return await world.dealer()


async def fail(world: World, dealer: Dealer, times: int = 1) -> None:
    """Rentals that get no message."""
    for _ in range(times):
        await world.rent(dealer, 4)
        world.clock.advance(WAITING_S)
        await world.expire()


async def record(world: World) -> tuple[object, ...]:
    """Messages today, rentals that failed in a row, and what was given back for them."""
    (row,) = await world.rows("SELECT messages_today, fails_in_row, released_dong FROM line_health")
    return tuple(row)


async def test_a_rental_that_expires_without_any_message_failed(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer, 2)

    await count(world)

    assert await record(world) == (0, 2, 940)


@pytest.mark.parametrize(
    ("sender", "text"),
    [("Yahoo", "Your code is 486460"), ("Yahoo", "welcome"), ("Bank", "You won 5 million")],
    ids=["a code", "no code", "nobody's"],
)
async def test_any_message_shows_that_the_line_receives(
    world: World, sender: str, text: str
) -> None:
    dealer = await one_line(world)
    await fail(world, dealer, 2)
    await world.sms(NUMBER, text, sender=sender)

    await count(world)

    assert await record(world) == (1, 0, 940)


async def test_a_rental_in_whose_time_a_message_came_did_not_fail(world: World) -> None:
    dealer = await one_line(world)
    await world.rent(dealer, 4)
    await world.sms(NUMBER, "You won 5 million", sender="Bank")
    world.clock.advance(WAITING_S)
    await world.expire()

    await count(world)

    assert await record(world) == (1, 0, 0)


async def test_a_message_before_the_rental_does_not_help_it(world: World) -> None:
    dealer = await one_line(world)
    await world.sms(NUMBER, "You won 5 million", sender="Bank")
    world.clock.advance(0.001)
    await fail(world, dealer)

    await count(world)

    assert await record(world) == (1, 1, 470)


async def test_a_page_is_counted_once(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer)
    await world.events()
    page = await world.db.read(read_on, 1000)

    now_ms = world.clock.now_ms()
    first = await world.db.write(watch_lines, page, RULES, now_ms)
    second = await world.db.write(watch_lines, page, RULES, now_ms)

    assert (first, second) == (True, False)
    assert await record(world) == (0, 1, 470)


async def test_however_long_the_pages_are_the_sums_are_the_same(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer)
    await world.sms(NUMBER, "welcome")
    world.clock.advance(1)
    await fail(world, dealer, 2)

    await count(world, page=1)

    assert await record(world) == (1, 2, 3 * 470)


async def test_messages_are_counted_by_the_day_in_vietnam(world: World) -> None:
    await one_line(world)
    # 16:59:59 UTC is the last second of a day in Vietnam.
    second_ms = world.clock.now_ms() // (DAY_S * 1000) * DAY_S * 1000 + (17 * 3600 - 1) * 1000
    world.clock.set_now_ms(second_ms)
    for text in ("one", "two", "three"):
        await world.sms(NUMBER, text)
    await count(world)
    assert (await record(world))[0] == 3
    world.clock.advance(1)
    await world.sms(NUMBER, "four")

    await count(world)

    assert (await record(world))[0] == 1


async def test_a_gateway_has_the_messages_that_came_through_it_and_its_lines_refunds(
    world: World,
) -> None:
    gate, _ = await world.gateway("gate")
    dealer = await one_line(world, "gate")
    await fail(world, dealer, 2)
    await count(world)
    rows = await world.rows(
        "SELECT gateway_id, messages_today, fails_in_row, released_dong FROM gateway_health"
    )
    assert [tuple(row) for row in rows] == [(gate, 0, 2, 940)]

    await world.sms(NUMBER, "welcome", gateway_id=gate)
    await count(world)

    rows = await world.rows(
        "SELECT messages_today, fails_in_row, released_dong FROM gateway_health"
    )
    assert [tuple(row) for row in rows] == [(1, 0, 940)]


async def test_what_another_gateway_claims_of_a_line_shows_nothing(world: World) -> None:
    await world.gateway("gate")
    other, _ = await world.gateway("other")
    dealer = await one_line(world, "gate")
    await fail(world, dealer)

    await world.sms(NUMBER, "Your code is 486460", gateway_id=other)
    await count(world)

    assert await record(world) == (0, 1, 470)


async def test_a_line_that_fails_so_often_in_a_row_leaves_the_pool(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer, 2)
    await watch(world)
    assert await out_of(world, NUMBER) is None

    await fail(world, dealer)
    await watch(world)

    assert await out_of(world, NUMBER) == "failing"


async def test_a_message_in_between_starts_the_row_again(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer, 2)
    await world.sms(NUMBER, "welcome")
    world.clock.advance(1)
    await fail(world, dealer, 2)

    await watch(world)

    assert await out_of(world, NUMBER) is None


async def test_a_message_brings_a_resting_line_back_at_once(world: World) -> None:
    dealer = await one_line(world)
    await fail(world, dealer, 3)
    await watch(world)
    await world.sms(NUMBER, "welcome", sender="Bank")

    await watch(world)

    assert await out_of(world, NUMBER) is None
    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


async def test_what_equipment_told_stays_when_messages_are_counted(world: World) -> None:
    gate, _ = await world.gateway("gate")
    await one_line(world, "gate")
    await see(world, gate, NUMBER, port="ttyUSB3")
    await world.sms(NUMBER, "welcome", gateway_id=gate)

    await count(world)

    (row,) = await world.rows("SELECT port, reception, messages_today FROM line_health")
    assert tuple(row) == ("ttyUSB3", "ready", 1)


# ------------------------------------------------------------------------------------ reports


async def test_a_report_of_a_rental_that_waits_is_one_failure(world: World) -> None:
    dealer = await one_line(world)
    rental = (await world.rent(dealer, 4)).rental
    await world.report(dealer, rental.id)
    await world.report(dealer, rental.id)

    await count(world)

    assert await record(world) == (0, 1, 470)


async def test_a_cancel_alone_is_no_failure_and_with_a_report_it_is_one(world: World) -> None:
    dealer = await one_line(world)
    rental = (await world.rent(dealer, 4)).rental
    await world.cancel(dealer, rental.id)
    await count(world)
    assert await world.rows("SELECT * FROM line_health") == []
    await world.report(dealer, rental.id)

    await count(world)

    assert await record(world) == (0, 1, 470)


@pytest.mark.parametrize("counted_between", [False, True])
async def test_a_rental_that_expired_and_is_reported_counts_once(
    world: World, counted_between: bool
) -> None:
    dealer = await one_line(world)
    rental = (await world.rent(dealer, 4)).rental
    world.clock.advance(WAITING_S)
    await world.expire()
    if counted_between:
        await count(world)
    await world.report(dealer, rental.id)

    await count(world)

    assert await record(world) == (0, 1, 470)


async def test_a_rental_that_expired_beside_messages_fails_by_its_report(world: World) -> None:
    dealer = await one_line(world)
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(NUMBER, "You won 5 million", sender="Bank")
    world.clock.advance(WAITING_S)
    await world.expire()
    await world.report(dealer, rental.id)

    await count(world)

    assert (await record(world))[:2] == (1, 1)


async def test_a_report_of_a_rental_with_its_code_fails_without_a_refund(world: World) -> None:
    dealer = await one_line(world)
    rental = (await world.rent(dealer, 4)).rental
    await world.sms(NUMBER, "Your code is 486460")
    await world.report(dealer, rental.id)

    await count(world)

    assert await record(world) == (1, 1, 0)


async def test_a_line_that_is_reported_too_often_rests(world: World) -> None:
    await one_line(world)
    for one in range(RULES.fails_before_rest):
        dealer = await world.dealer(f"dealer-{one}")
        await world.report(dealer, (await world.rent(dealer, 4)).rental.id)

    await watch(world)

    assert await out_of(world, NUMBER) == "failing"


async def test_one_dealer_cannot_send_a_line_to_rest_by_reports_through_many_services(
    world: World,
) -> None:
    dealer = await one_line(world)
    for service_id in range(5, 5 + RULES.fails_before_rest):
        await world.service(service_id)
        await world.report(dealer, (await world.rent(dealer, service_id)).rental.id)

    await watch(world)

    assert await out_of(world, NUMBER) is None
    assert (await record(world))[1] == 1


async def test_a_dealer_that_reports_a_line_again_on_another_day_counts_again(
    world: World,
) -> None:
    dealer = await one_line(world)
    await world.service(5)
    await world.report(dealer, (await world.rent(dealer, 4)).rental.id)
    world.clock.advance(86_400)
    await world.report(dealer, (await world.rent(dealer, 5)).rental.id)

    await count(world)

    assert (await record(world))[1] == 2
