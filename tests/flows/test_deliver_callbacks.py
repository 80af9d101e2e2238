from dataclasses import replace

import pytest

from simlet.domain.backoff import CALLBACK_OFFSETS_MS
from simlet.domain.rental import RentalState
from simlet.flows.deliver_callbacks import (
    Delivery,
    Room,
    claim_callbacks,
    headers_for,
    queue_callbacks,
    record_attempt,
)
from simlet.flows.manage_accounts import set_callback
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
CODE = "Your code is 123456"
URL = "https://dealer.test/codes"
LEASE_S = 40
NOTHING: dict[int, int] = {}


async def renting_dealer(world: World, *, callback_url: str | None = URL) -> Dealer:
    """A dealer with a rental of 60 s that waits."""
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER, "0967000002")
    dealer = await world.dealer(callback_url=callback_url)
    await world.rent(dealer, 4, wanted=("967000001",))
    return dealer


async def queue(world: World, limit: int = 1000) -> int:
    return await world.db.write(queue_callbacks, limit)


async def claim(
    world: World, places: int = 10, *, per_account: int = 10, under_way: dict[int, int] = NOTHING
) -> list[Delivery]:
    room = Room(places, per_account, under_way)
    return await world.db.write(claim_callbacks, world.clock.now_ms(), LEASE_S, room)


async def record(
    world: World, delivery: Delivery, status: int | None, error: str | None = None
) -> str:
    return await world.db.write(
        record_attempt, delivery.callback, status, error, world.clock.now_ms()
    )


# ---------------------------------------------------------------------------------- what is told


async def test_a_code_is_told(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)

    (delivery,) = await claim(world)

    assert (delivery.url, delivery.secret) == (URL, dealer.callback_secret)
    assert (delivery.rental.state, delivery.rental.code) == (RentalState.RECEIVED, "123456")
    assert delivery.callback.account_id == dealer.id
    assert delivery.callback.attempts == 1


async def test_an_expiry_is_told(world: World) -> None:
    await renting_dealer(world)
    world.clock.advance(60)
    await world.expire()
    await queue(world)

    (delivery,) = await claim(world)

    assert (delivery.rental.state, delivery.rental.code) == (RentalState.EXPIRED, None)


async def test_nothing_else_is_told(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, "Welcome")
    await world.sms(NUMBER, CODE, sender="a stranger")
    await world.sms("0967000002", CODE)
    await queue(world)

    assert await claim(world) == []


async def test_a_second_code_is_not_told_again(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await world.sms(NUMBER, "Your code is 654321")
    world.clock.advance(60)
    await world.expire()
    await queue(world)

    assert len(await claim(world)) == 1


async def test_an_account_without_an_address_is_told_nothing(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    await world.sms(NUMBER, CODE)
    await queue(world)

    assert await claim(world) == []


async def test_every_account_is_told_its_own(world: World) -> None:
    first = await renting_dealer(world)
    other = await world.dealer("other", callback_url="https://other.test/codes")
    await world.rent(other, 4)
    await world.sms(NUMBER, CODE)
    await world.sms("0967000002", "Your code is 654321")
    await queue(world)

    told = {one.url: (one.callback.account_id, one.rental.code) for one in await claim(world)}

    assert told == {
        URL: (first.id, "123456"),
        "https://other.test/codes": (other.id, "654321"),
    }


# ------------------------------------------------------------------------------------- the queue


async def test_reading_the_log_goes_on_where_it_stopped(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    events = len(await world.events())

    read = [await queue(world, 2) for _ in range(events)]

    assert sum(read) == events
    assert read[-1] == 0
    assert len(await claim(world)) == 1


async def test_an_event_is_queued_once_however_often_the_log_is_read(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    for _ in range(3):
        await queue(world)

    assert len(await claim(world)) == 1


async def test_what_happens_later_is_queued_later(world: World) -> None:
    await renting_dealer(world)
    await queue(world)
    assert await claim(world) == []
    await world.sms(NUMBER, CODE)
    await queue(world)

    assert len(await claim(world)) == 1


# -------------------------------------------------------------------------------------- attempts


async def test_a_claimed_callback_is_nobody_elses_until_its_lease_ends(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    await claim(world)

    world.clock.advance(LEASE_S - 0.001)
    assert await claim(world) == []
    world.clock.advance(0.001)
    (delivery,) = await claim(world)
    assert delivery.callback.attempts == 2


async def test_no_more_are_claimed_than_asked_for(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.rent(dealer, 4)
    await world.sms(NUMBER, CODE)
    await world.sms("0967000002", CODE)
    await queue(world)

    first, second, third = [await claim(world, 1) for _ in range(3)]

    assert (len(first), len(second), third) == (1, 1, [])
    assert first[0].callback.id != second[0].callback.id


async def test_one_accounts_callbacks_leave_room_for_anothers(world: World) -> None:
    await world.service(4)
    await world.lines(*(f"096700000{number}" for number in range(5)))
    slow = await world.dealer("slow", callback_url=URL)
    quick = await world.dealer("quick", callback_url="https://quick.test/codes")
    for dealer in (slow, slow, slow, slow, quick):
        rental = (await world.rent(dealer, 4)).rental
        await world.sms(rental.number, CODE)
    await queue(world)

    claimed = await claim(world, per_account=2)

    assert sorted(one.callback.account_id for one in claimed) == [slow.id, slow.id, quick.id]
    more = await claim(world, per_account=3, under_way={slow.id: 2, quick.id: 3})
    assert [one.callback.account_id for one in more] == [slow.id]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_the_end_of_it(world: World, status: int) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)

    assert await record(world, delivery, status) == "done"
    world.clock.advance(7 * 86_400)
    assert await claim(world) == []


@pytest.mark.parametrize(
    ("status", "error"), [(199, None), (301, None), (404, None), (500, None), (None, "timeout")]
)
async def test_anything_else_is_tried_again(
    world: World, status: int | None, error: str | None
) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)

    assert await record(world, delivery, status, error) == "pending"
    assert await claim(world) == []
    world.clock.advance(1)
    assert len(await claim(world)) == 1


async def test_attempts_follow_the_schedule_from_the_event_on_and_end(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    happened_ms = world.clock.now_ms()
    await queue(world)

    for number, offset_ms in enumerate(CALLBACK_OFFSETS_MS, 1):
        world.clock.set_now_ms(max(happened_ms + offset_ms - 1, happened_ms))
        if number > 1:
            assert await claim(world) == []
        world.clock.set_now_ms(happened_ms + offset_ms)
        (delivery,) = await claim(world)
        assert delivery.callback.attempts == number
        state = await record(world, delivery, 500)

    assert state == "failed"
    world.clock.advance(30 * 86_400)
    assert await claim(world) == []


async def test_a_callback_whose_account_gave_its_address_up_is_not_posted(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    await world.db.write(set_callback, dealer.name, None, world.clock.now_ms())

    assert await claim(world) == []
    rows = await world.rows("SELECT state, last_error FROM callbacks")
    assert [tuple(row) for row in rows] == [("failed", "no_address")]


async def test_how_the_last_attempt_went_is_recorded(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)

    await record(world, delivery, None, "timeout")

    rows = await world.rows("SELECT state, attempts, last_status, last_error FROM callbacks")
    assert [tuple(row) for row in rows] == [("pending", 1, None, "timeout")]


# --------------------------------------------------------------------------------------- signing


async def test_every_attempt_bears_the_same_id_and_a_signature_of_its_own_time(
    world: World,
) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)
    body = b'{"data":{}}'

    first = headers_for(delivery, body, world.clock.now_ms())
    later = headers_for(delivery, body, world.clock.now_ms() + 20_000)

    assert first["webhook-id"] == later["webhook-id"] == f"evt_{delivery.callback.event_seq}"
    assert int(later["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 20
    assert first["webhook-signature"] != later["webhook-signature"]


async def test_a_signature_is_made_with_the_accounts_own_secret(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)
    foreign = replace(delivery, secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")

    ours = headers_for(delivery, b"{}", world.clock.now_ms())
    theirs = headers_for(foreign, b"{}", world.clock.now_ms())

    assert ours["webhook-signature"] != theirs["webhook-signature"]
