"""What is queued, what is claimed when, and how it is signed."""

from collections import Counter
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
from simlet.flows.deliver_callbacks import (
    Glimpse,
    headers_for,
    look_ahead,
    reclaim_callbacks,
)
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_accounts import set_callback
from simlet.store.endpoints import CallbackTarget
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

DAY_S = 86_400


# ---------------------------------------------------------------------------------- what is told


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


async def test_an_account_is_told_nothing_of_another(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    stranger = await world.dealer("stranger")
    await queue(world)
    await endpoint(world, stranger)
    await world.sms(NUMBER, CODE)
    await queue(world)

    assert await claim(world) == []


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
    await queue(world)
    await world.tamper("UPDATE cursors SET seq = 0 WHERE name = 'callbacks'")
    await queue(world)

    assert len(await claim(world)) == 1


# ----------------------------------------------------------------------------- in order per rental


async def test_what_happens_to_a_rental_is_told_in_its_order(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.waiting", "message.kept", "rental.received")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, "Welcome")
    await world.sms(NUMBER, CODE)
    await queue(world)

    told = []
    while claimed := await claim(world):
        assert len(claimed) == 1
        told += kinds(claimed)
        assert await record(world, claimed[0], 200) == "delivered"

    assert told == ["rental.waiting", "message.kept", "message.kept", "rental.received"]


async def test_what_follows_waits_until_the_earlier_is_told_or_given_up(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer, "rental.waiting", "rental.expired")
    await world.rent(dealer, 4)
    world.clock.advance(60)
    await world.expire()
    await queue(world)

    tries = 0
    for wait_s in (0, 300, 1500, 5400, 14_400, 64_800):
        world.clock.advance(wait_s)
        (one,) = await claim(world)
        assert kinds([one]) == ["rental.waiting"]
        tries += 1
        outcome = await record(world, one, 500)
    assert (tries, outcome) == (6, "failed")
    assert await claim(world) == []
    world.clock.advance(20)  # after six failures in a row it rests
    (one,) = await claim(world)
    assert kinds([one]) == ["rental.expired"]


async def test_rentals_do_not_wait_for_each_other(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other", waiting_limit=2)
    await world.lines("0967000003")
    await endpoint(world, dealer, "rental.waiting", "rental.expired")
    for _ in range(2):
        await world.rent(dealer, 4)
    await queue(world)

    assert kinds(await claim(world)) == ["rental.waiting", "rental.waiting"]


async def test_what_stands_before_a_code_is_tried_as_fast_as_the_code(world: World) -> None:
    await renting_dealer(world, callback_url=None)
    dealer = await world.dealer("other")
    await endpoint(world, dealer, "rental.waiting", "rental.received")
    rental = (await world.rent(dealer, 4)).rental
    await queue(world)
    (one,) = await claim(world)
    await record(world, one, 500)
    world.clock.advance(2)
    assert await claim(world) == []

    await world.sms(rental.number, CODE)
    await queue(world)

    at_s = []
    for second in range(21):
        for one in await claim(world):
            at_s.append(second)
            assert kinds([one]) == ["rental.waiting"]
            await record(world, one, 500)
        world.clock.advance(1)
    assert at_s == [0, 1, 3, 8, 20]


# -------------------------------------------------------------------------------------- claims


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


# ------------------------------------------------------------------------------- what is not told


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


# ---------------------------------------------------------------------------------------- fairness


async def dealers_with_money(world: World, counts: dict[str, int]) -> dict[str, Dealer]:
    """Dealers, each with so many events to be told."""
    dealers = {}
    for name, count in counts.items():
        dealers[name] = await world.dealer(name, balance_dong=0)
        await endpoint(world, dealers[name], url=f"https://{name}.example/")
        for _ in range(count):
            await world.credit(name, 1)
    await queue(world)
    return dealers


async def test_no_more_are_claimed_than_there_are_places(world: World) -> None:
    await dealers_with_money(world, {"ann": 3, "bob": 3})
    assert [len(await claim(world, places)) for places in (0, 1, 4, 9)] == [0, 1, 4, 1]


async def test_accounts_take_turns(world: World) -> None:
    dealers = await dealers_with_money(world, {"ann": 4, "bob": 4, "cat": 1})
    ids = {one.id: name for name, one in dealers.items()}

    claimed = await claim(world, 4)

    assert [ids[one.callback.account_id] for one in claimed] == ["ann", "bob", "cat", "ann"]


async def test_the_turn_is_that_of_the_account_after_the_last(world: World) -> None:
    dealers = await dealers_with_money(world, {"ann": 4, "bob": 4, "cat": 4})

    first = await claim(world, 1, after_account=dealers["bob"].id)
    last = await claim(world, 1, after_account=dealers["cat"].id)

    assert [one.callback.account_id for one in first + last] == [
        dealers["cat"].id,
        dealers["ann"].id,
    ]


async def test_an_account_has_no_more_places_than_its_share(world: World) -> None:
    dealers = await dealers_with_money(world, {"ann": 4, "bob": 4})
    for number in range(3):
        await endpoint(world, dealers["ann"], url=f"https://ann.example/{number}")
    for _ in range(4):
        await world.credit("ann", 1)
    await queue(world)

    claimed = await claim(world, 100, per_account=6)
    more = await claim(world, 100, per_account=6, going=claimed)

    by_ann = [one for one in claimed if one.callback.account_id == dealers["ann"].id]
    assert (len(by_ann), len(claimed) - len(by_ann)) == (6, 4)
    assert more == []


async def test_when_others_have_all_places_an_account_still_has_its_own(world: World) -> None:
    dealers = await dealers_with_money(world, {"ann": 4, "bob": 4})
    ids = {one.id: name for name, one in dealers.items()}
    first = await claim(world, 3)

    # Of ann two are under way, of bob one.
    more = await claim(world, 0, going=first, own=3)
    rest = await claim(world, 0, going=first + more, own=3)

    assert [ids[one.callback.account_id] for one in first] == ["ann", "bob", "ann"]
    assert Counter(ids[one.callback.account_id] for one in more) == {"ann": 1, "bob": 2}
    assert rest == []


async def test_an_endpoint_has_four_under_way_at_most_and_a_new_one_has_one(world: World) -> None:
    await dealers_with_money(world, {"ann": 9})

    claimed = await claim(world)
    assert len(claimed) == 4
    assert await claim(world, going=claimed) == []
    assert len(await claim(world, going=claimed[:3])) == 1
    assert await claim(world, going=claimed[:1], answering=()) == []
    assert len(await claim(world, answering=())) == 1


async def test_a_dealer_s_dead_endpoint_leaves_its_others_their_turns(world: World) -> None:
    dealers = await dealers_with_money(world, {"ann": 9})
    hanging = await claim(world, per_account=6)
    await endpoint(world, dealers["ann"], url="https://ann.example/2")
    await world.credit("ann", 1)
    await queue(world)

    more = await claim(world, per_account=6, going=hanging)

    assert [one.url for one in more] == ["https://ann.example/2"]


async def test_codes_are_told_before_anything_else_of_the_same_endpoint(world: World) -> None:
    dealer = await renting_dealer(world, callback_url=None)
    await queue(world)
    await endpoint(world, dealer, "balance.credited", "rental.received")
    for _ in range(9):
        await world.credit(dealer.name, 1)
    world.clock.advance(1)
    await world.sms(NUMBER, CODE)
    await queue(world)

    assert kinds(await claim(world))[0] == "rental.received"


# --------------------------------------------------------------------------------------- signing


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


# ------------------------------------------------------------------------------------ look ahead


async def look(world: World, after: int, limit: int) -> Glimpse:
    await world.events()
    return await world.db.read(look_ahead, after, limit)


async def test_a_look_ahead_goes_on_where_a_page_holds_nothing_to_tell(world: World) -> None:
    await world.dealer("silent")
    seq = (await world.events())[-1].seq
    for _ in range(3):
        await world.credit("silent", 1)
    assert await look(world, seq, 2) == Glimpse(seq + 2, work=False, more=True)
    assert await look(world, seq + 2, 2) == Glimpse(seq + 3, work=False, more=False)
    assert await look(world, seq + 3, 2) == Glimpse(seq + 3, work=False, more=False)


async def test_a_look_ahead_finds_work_where_an_endpoint_is_told_of_an_event(world: World) -> None:
    dealer = await world.dealer()
    await world.dealer("silent")
    await endpoint(world, dealer, "balance.credited")
    seq = (await world.events())[-1].seq
    await world.credit("silent", 1)
    await world.credit(dealer.name, 1)
    assert await look(world, seq, 1) == Glimpse(seq + 1, work=False, more=True)
    assert (await look(world, seq + 1, 10)).work


async def test_a_look_ahead_finds_no_work_in_events_that_an_endpoint_does_not_take(
    world: World,
) -> None:
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received")
    seq = (await world.events())[-1].seq
    await world.credit(dealer.name, 1)
    assert await look(world, seq, 10) == Glimpse(seq + 1, work=False, more=False)
