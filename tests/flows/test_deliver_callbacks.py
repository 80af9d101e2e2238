"""What is queued, what is claimed until when, and how it is signed."""

from dataclasses import replace

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
from simlet.domain.endpoint import BodyFormat
from simlet.domain.rental import RentalState
from simlet.flows.deliver_callbacks import headers_for, reclaim_callbacks
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_accounts import set_callback
from simlet.store.endpoints import CallbackTarget
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

DAY_S = 86_400


# ------------------------------------------------------------------------------------- what is told


async def test_a_code_is_told(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)

    (delivery,) = await claim(world)

    assert (delivery.url, delivery.secret) == (URL, dealer.callback_secret)
    assert delivery.view is not None
    assert (delivery.view.state, delivery.view.code) == (RentalState.RECEIVED, "123456")
    assert delivery.callback.account_id == dealer.id
    assert delivery.callback.attempts == 1
    assert delivery.callback.urgent


async def test_an_expiry_is_told(world: World) -> None:
    await renting_dealer(world)
    world.clock.advance(60)
    await world.expire()
    await queue(world)

    (delivery,) = await claim(world)

    assert delivery.view is not None
    assert (delivery.view.state, delivery.view.code) == (RentalState.EXPIRED, None)
    assert not delivery.callback.urgent


async def test_nothing_else_is_told_in_the_first_api(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, "Welcome")
    await world.sms(NUMBER, CODE, sender="a stranger")
    await world.sms("0967000002", CODE)
    await queue(world)

    assert await claim(world) == []


async def test_a_second_code_is_not_told_again_in_the_first_api(world: World) -> None:
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

    told = {one.url: (one.callback.account_id, one.view) for one in await claim(world)}

    assert {url: (one, view and view.code) for url, (one, view) in told.items()} == {
        URL: (first.id, "123456"),
        "https://other.test/codes": (other.id, "654321"),
    }


async def test_an_endpoint_is_told_what_it_takes_and_each_endpoint_of_an_account_is(
    world: World,
) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await queue(world)
    every = await endpoint(world, dealer)
    some = await endpoint(world, dealer, "balance.credited", url="https://dealer.example/money")
    await world.credit(dealer.name, 1)
    await world.sms(NUMBER, "Welcome")
    await queue(world)

    claimed = await claim(world)

    told = {
        (one.callback.endpoint_id, kind) for one, kind in zip(claimed, kinds(claimed), strict=True)
    }
    assert told == {
        (every.id, "balance.credited"),
        (every.id, "message.kept"),
        (some.id, "balance.credited"),
    }


async def test_what_happened_before_an_endpoint_was_queued_for_is_told_by_replay_alone(
    world: World,
) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await queue(world)
    await endpoint(world, dealer)
    await queue(world)

    assert await claim(world) == []


async def test_an_endpoint_is_told_what_comes_after_the_clock_was_set_back(world: World) -> None:
    await renting_dealer(world)
    world.clock.set_now_ms(world.clock.now_ms() - 40_000)
    await world.sms(NUMBER, CODE)
    await queue(world)

    (delivery,) = await claim(world)
    assert delivery.view is not None
    assert delivery.view.code == "123456"


async def test_what_happened_just_before_an_endpoint_was_added_is_not_told(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await world.sms(NUMBER, CODE)
    await world.events()
    await endpoint(world, dealer)
    await queue(world)

    assert await claim(world) == []


async def test_an_account_is_told_nothing_of_another(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    stranger = await world.dealer("stranger")
    await queue(world)
    await endpoint(world, stranger)
    await world.sms(NUMBER, CODE)
    await queue(world)

    assert await claim(world) == []


# ---------------------------------------------------------------------------------------- the queue


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
    await queue(world)
    await world.tamper("UPDATE cursors SET seq = 0 WHERE name = 'callbacks'")
    await queue(world)

    assert len(await claim(world)) == 1


# ------------------------------------------------------------------------------------------- claims


async def test_a_claimed_callback_is_nobody_elses_until_its_lease_ends(world: World) -> None:
    await told_of_a_code(world)

    world.clock.advance(LEASE_S - 0.001)
    assert await claim(world) == []
    world.clock.advance(0.001)
    (delivery,) = await claim(world)
    assert delivery.callback.attempts == 2


async def test_what_a_killed_process_had_begun_is_due_at_once_for_the_next_one(
    world: World,
) -> None:
    first = await told_of_a_code(world)

    assert await world.db.write(reclaim_callbacks, world.clock.now_ms()) == 1
    (again,) = await claim(world)

    assert again.callback.event_seq == first.callback.event_seq
    assert await world.db.write(reclaim_callbacks, world.clock.now_ms()) == 1
    assert await record(world, again, 200) == "delivered"
    assert await world.db.write(reclaim_callbacks, world.clock.now_ms()) == 0
    assert await claim(world) == []


# --------------------------------------------------------------------------------- what is not told


async def test_a_callback_whose_account_gave_its_address_up_is_not_posted(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    await world.db.write(set_callback, dealer.name, None, world.clock.now_ms())

    assert await claim(world) == []
    assert await states(world) == [("dropped", 0, None, None)]


async def test_what_is_to_be_told_goes_to_the_address_that_holds_then(world: World) -> None:
    dealer = await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    target = CallbackTarget("https://new.test/", dealer.callback_secret)
    await world.db.write(set_callback, dealer.name, target, world.clock.now_ms())

    (delivery,) = await claim(world)

    assert delivery.url == "https://new.test/"


async def test_a_code_that_was_erased_is_not_told_by_half_in_the_first_api(world: World) -> None:
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    world.clock.advance(2 * DAY_S)
    await world.db.write(forget_old, world.clock.now_ms(), 24, 100)

    assert await claim(world) == []
    assert await states(world) == [("failed", 1, None, "forgotten")]


async def test_v1_tells_of_a_code_that_was_erased_that_it_came(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, "rental.received")
    await world.sms(NUMBER, CODE)
    await queue(world)
    world.clock.advance(2 * DAY_S)
    await world.db.write(forget_old, world.clock.now_ms(), 24, 100)

    (delivery,) = await claim(world)

    assert delivery.detail is not None
    assert delivery.detail.rental is not None
    assert (delivery.detail.rental.state, delivery.detail.rental.code) == (
        RentalState.RECEIVED,
        None,
    )


# ------------------------------------------------------------------------------------------ signing


async def test_every_attempt_bears_the_same_id_and_a_signature_of_its_own_time(
    world: World,
) -> None:
    delivery = await told_of_a_code(world)
    body = b'{"data":{}}'

    first = headers_for(delivery, body, world.clock.now_ms())
    later = headers_for(delivery, body, world.clock.now_ms() + 20_000)

    assert first["webhook-id"] == later["webhook-id"] == f"evt_{delivery.callback.event_seq}"
    assert int(later["webhook-timestamp"]) == int(first["webhook-timestamp"]) + 20
    assert first["webhook-signature"] != later["webhook-signature"]


async def test_a_signature_is_made_with_the_endpoint_s_own_secret(world: World) -> None:
    delivery = await told_of_a_code(world)
    foreign = replace(delivery, secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")

    ours = headers_for(delivery, b"{}", world.clock.now_ms())
    theirs = headers_for(foreign, b"{}", world.clock.now_ms())

    assert ours["webhook-signature"] != theirs["webhook-signature"]


async def test_each_format_has_its_own_body(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await endpoint(world, dealer, body_format=BodyFormat.FIRST_API)
    await endpoint(world, dealer, "rental.received")
    await world.sms(NUMBER, CODE)
    await queue(world)

    first, second = await claim(world)

    assert (first.view is None, first.detail is None) == (False, True)
    assert (second.view is None, second.detail is None) == (True, False)
