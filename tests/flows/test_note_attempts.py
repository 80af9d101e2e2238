"""What follows from each attempt: when it is made again, and how its endpoint does."""

import pytest

from calling_back import (
    CODE,
    LEASE_S,
    NUMBER,
    URL,
    claim,
    endpoint,
    kinds,
    queue,
    record,
    renting_dealer,
    states,
    told_of_a_code,
)
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

FAST_S = (1, 3, 8, 20, 60)
DAY_S = 86_400


# -------------------------------------------------------------------------------------- attempts


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_the_end_of_it(world: World, status: int) -> None:
    delivery = await told_of_a_code(world)

    assert await record(world, delivery, status) == "delivered"
    world.clock.advance(7 * DAY_S)
    assert await claim(world) == []
    assert await states(world) == [("done", 1, status, None)]


@pytest.mark.parametrize(
    ("status", "error"),
    [(199, None), (301, None), (404, None), (500, None), (None, "timeout")],
)
async def test_anything_else_is_tried_again(
    world: World, status: int | None, error: str | None
) -> None:
    delivery = await told_of_a_code(world)

    assert await record(world, delivery, status, error) == "again"
    assert await claim(world) == []
    world.clock.advance(1)
    assert len(await claim(world)) == 1
    assert await states(world) == [("pending", 2, status, error)]


async def test_a_code_is_tried_at_the_times_of_its_schedule_and_given_up_after_a_day(
    world: World,
) -> None:
    delivery = await told_of_a_code(world)
    happened_ms = world.clock.now_ms()
    assert await record(world, delivery, 500) == "again"

    # The rental's 60 s are over after the fast ones.
    for number, at_s in enumerate((*FAST_S, 300, 1800, 7200, 21_600, DAY_S), 2):
        world.clock.set_now_ms(happened_ms + at_s * 1000 - 1)
        assert await claim(world) == []
        world.clock.set_now_ms(happened_ms + at_s * 1000)
        (delivery,) = await claim(world)
        assert delivery.callback.attempts == number
        outcome = await record(world, delivery, 500)

    assert outcome == "failed"
    world.clock.advance(DAY_S)
    assert await claim(world) == []
    assert await states(world) == [("failed", 11, 500, None)]


async def test_while_its_rental_lasts_a_code_is_tried_each_minute(world: World) -> None:
    await world.service(4, waiting_s=200)
    await world.lines(NUMBER)
    dealer = await world.dealer(callback_url=URL)
    await world.rent(dealer, 4)
    await world.sms(NUMBER, CODE)
    await queue(world)

    at_s = []
    for second in range(310):
        for one in await claim(world):
            at_s.append(second)
            await record(world, one, 503)
        world.clock.advance(1)
    assert at_s == [0, 1, 3, 8, 20, 60, 120, 180, 300]


@pytest.mark.parametrize("status", [429, 503])
async def test_who_says_when_to_come_again_is_obeyed(world: World, status: int) -> None:
    delivery = await told_of_a_code(world)

    await record(world, delivery, status, retry_after="7")

    world.clock.advance(6.999)
    assert await claim(world) == []
    world.clock.advance(0.001)
    assert len(await claim(world)) == 1


async def test_a_retry_after_beside_another_status_says_nothing(world: World) -> None:
    delivery = await told_of_a_code(world)

    await record(world, delivery, 500, retry_after="7")

    world.clock.advance(1)
    assert len(await claim(world)) == 1


async def test_a_retry_after_holds_back_whatever_is_no_code(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer, "balance.credited")
    for _ in range(2):
        await world.credit(dealer.name, 1)
    await queue(world)
    (first,) = await claim(world, places=1)
    await record(world, first, 429, retry_after="100")

    world.clock.advance(99)
    assert await claim(world) == []
    world.clock.advance(1)
    assert len(await claim(world)) == 1


async def test_an_attempt_that_was_given_up_meanwhile_has_nothing_to_say(world: World) -> None:
    slow = await told_of_a_code(world)
    world.clock.advance(LEASE_S)
    (again,) = await claim(world)
    assert await record(world, again, 200) == "delivered"

    assert await record(world, slow, None, "timeout") == "late"
    assert await states(world) == [("done", 2, 200, None)]


async def test_each_attempt_is_listed_as_it_went(world: World) -> None:
    delivery = await told_of_a_code(world)
    began_ms = world.clock.now_ms()
    await record(world, delivery, 500, answer="x" * 501, took_ms=12)
    world.clock.advance(1)
    (delivery,) = await claim(world)
    await record(world, delivery, None, "timeout", took_ms=5000)
    world.clock.advance(10)
    (delivery,) = await claim(world)
    await record(world, delivery, 204)

    rows = await world.rows(
        "SELECT number, at_ms, duration_ms, status, error, answer, outcome, next_at_ms "
        "FROM callback_attempts ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        (1, began_ms, 12, 500, None, "x" * 500, "again", began_ms + 1000),
        (2, began_ms + 1000, 5000, None, "timeout", None, "again", began_ms + 6000),
        (3, began_ms + 11_000, 0, 204, None, None, "delivered", None),
    ]


async def test_every_other_attempt_goes_to_the_failover_address(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, "rental.received", url="https://a.example/", failover_url=URL)
    await world.sms(NUMBER, CODE)
    await queue(world)

    urls = []
    for wait_s in (0, 1, 2, 5, 12):
        world.clock.advance(wait_s)
        (one,) = await claim(world)
        urls.append(one.url)
        await record(world, one, 500)

    first = "https://a.example/"
    assert urls == [first, URL, first, URL, first]


# ------------------------------------------------------------------------------------------ health


async def failing(world: World, dealer: Dealer, times: int) -> None:
    """Lets so many attempts at the dealer's endpoint fail, one after the other."""
    for _ in range(times):
        await world.credit(dealer.name, 1)
        await queue(world)
        for one in await claim(world):
            await record(world, one, 500)


async def test_after_five_failures_an_endpoint_rests_and_is_probed_by_one_at_a_time(
    world: World,
) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer)
    await queue(world)
    await failing(world, dealer, 5)
    for _ in range(3):
        await world.credit(dealer.name, 1)
    await queue(world)

    world.clock.advance(9.999)
    assert await claim(world) == []
    world.clock.advance(0.001)
    (probe,) = await claim(world)
    assert await claim(world, going=[probe]) == []
    await record(world, probe, 200)
    assert len(await claim(world)) == 2


async def test_an_endpoint_that_fails_on_rests_longer_and_longer(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer)
    await queue(world)
    await failing(world, dealer, 5)
    for _ in range(3):
        await world.credit(dealer.name, 1)
    await queue(world)
    at_s: list[int] = []
    second = 0
    while len(at_s) < 3:
        for one in await claim(world):
            at_s.append(second)
            await record(world, one, 500)
        world.clock.advance(1)
        second += 1
    assert at_s == [10, 30, 70]


async def test_a_code_does_not_wait_for_the_end_of_a_rest_and_may_end_it(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer, "balance.credited", "rental.received")
    await queue(world)
    rental = (await world.rent(dealer, 4)).rental
    await failing(world, dealer, 5)
    await world.credit(dealer.name, 1)
    await world.sms(rental.number, CODE)
    await queue(world)

    (probe,) = await claim(world)
    assert kinds([probe]) == ["rental.received"]
    await record(world, probe, 200)
    assert kinds(await claim(world)) == ["balance.credited"]


async def test_an_address_that_is_gone_is_disabled_with_an_event(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    gone = await endpoint(world, dealer, "balance.credited")
    other = await endpoint(world, dealer, "callback.disabled", url="https://dealer.example/ops")
    for _ in range(2):
        await world.credit(dealer.name, 1)
    await queue(world)
    (one,) = await claim(world, places=1)

    assert await record(world, one, 410) == "failed"

    await queue(world)
    (told,) = await claim(world)
    assert (told.callback.endpoint_id, kinds([told])) == (other.id, ["callback.disabled"])
    assert told.detail is not None
    assert told.detail.event.data == {"callback_id": gone.id, "reason": "gone"}
    await world.credit(dealer.name, 1)
    await queue(world)
    assert [one.callback.endpoint_id for one in await claim(world)] == []
    assert [row[0] for row in await states(world)] == ["failed", "dropped", "pending"]


async def test_a_failover_address_that_is_gone_disables_nothing(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, "rental.received", failover_url="https://b.example/")
    await world.sms(NUMBER, CODE)
    await queue(world)
    (one,) = await claim(world)
    await record(world, one, 500)
    world.clock.advance(1)
    (one,) = await claim(world)

    assert await record(world, one, 410) == "again"


async def test_an_endpoint_that_fails_for_three_days_is_disabled_with_an_event(
    world: World,
) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, "balance.credited")
    for hours in (0, 24, 24, 23.9):
        world.clock.advance(hours * 3600)
        await failing(world, dealer, 1)
        assert await world.rows("SELECT id FROM endpoints WHERE state = 'disabled'") == []
        # Whatever is due by its schedule is told as well.
        await world.tamper("DELETE FROM callback_attempts")
        await world.tamper("DELETE FROM callbacks")
    world.clock.advance(0.2 * 3600)
    await failing(world, dealer, 1)

    rows = await world.rows("SELECT disabled_reason FROM endpoints WHERE state = 'disabled'")
    assert [tuple(row) for row in rows] == [("failing",)]
    last = (await world.events())[-1]
    assert (last.kind.value, last.data["reason"]) == ("callback.disabled", "failing")


async def test_one_success_begins_the_three_days_anew(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, "balance.credited")
    await failing(world, dealer, 1)
    world.clock.advance(2 * DAY_S)
    for one in await claim(world):
        await record(world, one, 200)
    world.clock.advance(1.5 * DAY_S)
    await failing(world, dealer, 1)

    assert await world.rows("SELECT id FROM endpoints WHERE state = 'disabled'") == []
