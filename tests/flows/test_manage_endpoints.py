"""Endpoints as their dealers manage them, and events that are posted again."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from calling_back import claim, endpoint, kinds, queue, record
from simlet.domain.allocate import Chance
from simlet.domain.endpoint import MOST_ACTIVE, BodyFormat, EndpointState
from simlet.domain.errors import (
    CALLBACK_IS_DISABLED,
    CALLBACK_LIMIT,
    CALLBACK_UNKNOWN,
    EVENT_UNKNOWN,
    INVALID,
    Refusal,
    Refused,
)
from simlet.domain.extras import Extras
from simlet.flows import manage_endpoints
from simlet.flows.manage_endpoints import (
    MOST_REPLAYED,
    EndpointChange,
    EndpointWish,
    add_endpoint,
    change_endpoint,
    endpoint_for_url,
    list_endpoints,
    remove_endpoint,
    replay_between,
    replay_event,
    send_test,
    show_endpoint,
)
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.show_attempts import show_attempts
from simlet.store.sql import Tx
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

URL = "https://dealer.example/v1"
SECRET = "whsec_" + "A" * 43 + "="


async def refusal(call: Awaitable[object]) -> Refusal:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value.refusal


async def change(world: World, dealer: Dealer, one_id: int, **what: object) -> object:
    wanted = EndpointChange(**what)  # type: ignore[arg-type]
    return await world.db.write(change_endpoint, dealer.id, one_id, wanted, world.clock.now_ms())


async def show(world: World, dealer: Dealer, one_id: int) -> object:
    return await world.db.read(show_endpoint, dealer.id, one_id)


# ------------------------------------------------------------------------------------ add and show


async def test_an_endpoint_is_shown_as_it_was_added(world: World) -> None:
    dealer = await world.dealer()
    wish = EndpointWish(URL, ("rental.received",), BodyFormat.V1, "https://b.example/")
    made = await world.db.write(add_endpoint, dealer.id, wish, SECRET, world.clock.now_ms())

    assert await show(world, dealer, made.id) == made
    assert (made.url, made.failover_url, made.events) == (
        URL,
        "https://b.example/",
        ("rental.received",),
    )
    assert (made.state, made.secret) == (EndpointState.ACTIVE, SECRET)


async def test_endpoints_are_listed_by_pages_the_newest_first(world: World) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    ids = [(await endpoint(world, dealer)).id for _ in range(3)]
    await endpoint(world, other)

    first = await world.db.read(list_endpoints, dealer.id, 2**53, 2)
    second = await world.db.read(list_endpoints, dealer.id, first[-1].id, 2)

    assert [one.id for one in first + second] == ids[::-1]


async def test_an_account_has_twenty_active_endpoints_at_most(world: World) -> None:
    dealer = await world.dealer()
    made = [await endpoint(world, dealer) for _ in range(MOST_ACTIVE)]
    now_ms = world.clock.now_ms()

    assert await refusal(endpoint(world, dealer)) is CALLBACK_LIMIT
    await change(world, dealer, made[0].id, active=False)
    await endpoint(world, dealer)
    assert await refusal(change(world, dealer, made[0].id, active=True)) is CALLBACK_LIMIT
    await world.db.write(remove_endpoint, dealer.id, made[1].id, now_ms)
    await change(world, dealer, made[0].id, active=True)
    # Those of rentals do not count.
    await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)


async def test_another_s_endpoint_and_one_that_is_removed_are_not_known(world: World) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    theirs, gone = await endpoint(world, other), await endpoint(world, dealer)
    now_ms = world.clock.now_ms()
    await world.db.write(remove_endpoint, dealer.id, gone.id, now_ms)
    before = await world.rows("SELECT * FROM endpoints ORDER BY id")

    for one_id in (theirs.id, gone.id, 10**9):
        for call in (
            show(world, dealer, one_id),
            change(world, dealer, one_id, active=False),
            world.db.write(remove_endpoint, dealer.id, one_id, now_ms),
            world.db.write(send_test, dealer.id, one_id, now_ms),
            world.db.write(replay_event, dealer.id, one_id, 1, now_ms),
            world.db.write(replay_between, dealer.id, one_id, 0, now_ms, now_ms),
            world.db.read(show_attempts, dealer.id, one_id, 2**53, 10),
        ):
            assert await refusal(call) is CALLBACK_UNKNOWN
    assert await world.rows("SELECT * FROM endpoints ORDER BY id") == before
    assert await world.db.read(list_endpoints, dealer.id, 2**53, 10) == []


# ---------------------------------------------------------------------------------------- change


async def test_what_is_left_out_of_a_change_stays(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.received", failover_url="https://b.example/")

    assert await change(world, dealer, made.id) == made
    changed = await change(world, dealer, made.id, url="https://new.example/")
    assert changed == replace(made, url="https://new.example/")
    changed = await change(world, dealer, made.id, no_failover=True, events=("*",))
    assert changed == await show(world, dealer, made.id)
    assert changed == replace(made, url="https://new.example/", failover_url=None, events=("*",))


async def test_events_that_a_new_format_has_no_words_for_are_refused(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.waiting")

    assert await refusal(change(world, dealer, made.id, format=BodyFormat.FIRST_API)) is INVALID
    assert await show(world, dealer, made.id) == made


async def test_a_new_secret_replaces_the_old_one_which_signs_as_long_as_asked(
    world: World,
) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)

    await change(world, dealer, made.id, new_secret=SECRET, keep_old_secret_s=60)

    await world.credit(dealer.name, 1)
    await queue(world)
    (one,) = await claim(world)
    assert (one.secret, one.old_secret) == (SECRET, made.secret)
    await record(world, one, 500)
    world.clock.advance(300)
    (one,) = await claim(world)
    assert (one.secret, one.old_secret) == (SECRET, None)


@pytest.mark.parametrize("keep_s", [-1, 7 * 86_400 + 1])
async def test_an_old_secret_is_kept_for_a_week_at_most(world: World, keep_s: int) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)

    call = change(world, dealer, made.id, new_secret=SECRET, keep_old_secret_s=keep_s)
    assert await refusal(call) is INVALID
    assert await show(world, dealer, made.id) == made


async def test_a_disabled_endpoint_is_told_nothing_and_active_again_what_happens_then(
    world: World,
) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)
    await change(world, dealer, made.id, active=False)
    await world.credit(dealer.name, 2)
    await queue(world)
    assert await claim(world) == []

    await change(world, dealer, made.id, active=True)
    await world.credit(dealer.name, 3)
    await queue(world)

    (one,) = await claim(world)
    assert one.detail is not None
    assert one.detail.event.data == {"credited_dong": 3}


async def test_active_again_an_endpoint_begins_as_healthy_as_a_new_one(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)
    (one,) = await claim(world)
    await record(world, one, 410)

    assert await change(world, dealer, made.id, active=True) == made


async def test_a_removed_endpoint_is_told_nothing_more(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)

    await world.db.write(remove_endpoint, dealer.id, made.id, world.clock.now_ms())

    await world.credit(dealer.name, 1)
    await queue(world)
    assert await claim(world) == []
    assert [row[0] for row in await world.rows("SELECT state FROM callbacks")] == ["dropped"]


async def test_of_a_removed_endpoint_neither_address_nor_secret_is_kept(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await change(world, dealer, made.id, new_secret=SECRET, keep_old_secret_s=3600)

    await world.db.write(remove_endpoint, dealer.id, made.id, world.clock.now_ms())

    kept = await world.rows("SELECT url, failover_url, secret, old_secret FROM endpoints")
    assert [tuple(row) for row in kept] == [("", None, "", None)]


async def test_an_attempt_under_way_says_nothing_of_an_endpoint_removed_meanwhile(
    world: World,
) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)
    (one,) = await claim(world)
    await world.db.write(remove_endpoint, dealer.id, made.id, world.clock.now_ms())

    assert await record(world, one, 500) == "late"


async def test_each_change_is_an_event_without_a_secret_or_an_address(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await change(world, dealer, made.id, new_secret=SECRET)
    await world.db.write(remove_endpoint, dealer.id, made.id, world.clock.now_ms())

    told = (await world.events())[-3:]
    assert [one.kind.value for one in told] == [
        "callback.added",
        "callback.changed",
        "callback.removed",
    ]
    assert {str(one.data) for one in told} == {str({"callback_id": made.id})}


# ------------------------------------------------------------------------------------------ tests


async def test_a_test_is_told_to_its_endpoint_alone(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.received")
    await endpoint(world, dealer)

    told = await world.db.write(send_test, dealer.id, made.id, world.clock.now_ms())

    await queue(world)
    (one,) = await claim(world)
    assert one.callback.endpoint_id == made.id
    assert one.callback.event_seq == told.event.seq
    assert kinds([one]) == ["callback.test"]
    assert (await world.events())[-1] == told.event


async def test_a_disabled_endpoint_is_neither_tested_nor_replayed_to(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await change(world, dealer, made.id, active=False)
    now_ms = world.clock.now_ms()

    for call in (
        world.db.write(send_test, dealer.id, made.id, now_ms),
        world.db.write(replay_event, dealer.id, made.id, 1, now_ms),
        world.db.write(replay_between, dealer.id, made.id, 0, now_ms, now_ms),
    ):
        assert await refusal(call) is CALLBACK_IS_DISABLED


# ----------------------------------------------------------------------------------------- replay


async def replay(world: World, dealer: Dealer, one_id: int, seq: int) -> int:
    return await world.db.write(replay_event, dealer.id, one_id, seq, world.clock.now_ms())


async def between(world: World, dealer: Dealer, one_id: int, from_ms: int, to_ms: int) -> int:
    now_ms = world.clock.now_ms()
    return await world.db.write(replay_between, dealer.id, one_id, from_ms, to_ms, now_ms)


async def test_an_event_that_was_told_is_told_again_under_its_old_id(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)
    (first,) = await claim(world)
    await record(world, first, 200)

    assert await replay(world, dealer, made.id, first.callback.event_seq) == 1

    (again,) = await claim(world)
    assert again.callback.event_seq == first.callback.event_seq
    assert (again.callback.attempts, again.callback.tries) == (2, 1)
    assert await record(world, again, 500) == "again"
    world.clock.advance(300)
    assert len(await claim(world)) == 1


async def test_an_event_that_nobody_was_told_can_be_told(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.received")
    await queue(world)
    credited = (await world.events())[-2]
    assert credited.kind.value == "balance.credited"

    await replay(world, dealer, made.id, credited.seq)

    assert kinds(await claim(world)) == ["balance.credited"]


async def test_what_is_pending_is_told_at_once_by_a_replay(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    await world.credit(dealer.name, 1)
    await queue(world)
    (first,) = await claim(world)
    await record(world, first, 500)
    assert await claim(world) == []

    await replay(world, dealer, made.id, first.callback.event_seq)

    assert len(await claim(world)) == 1


async def test_another_s_event_and_one_that_is_told_to_nobody_are_not_known(world: World) -> None:
    dealer, other = await world.dealer(), await world.dealer("other")
    made = await endpoint(world, dealer, "rental.received")
    second = await endpoint(world, dealer, "rental.received")
    await world.credit(other.name, 1)
    await world.db.write(send_test, dealer.id, second.id, world.clock.now_ms())
    await queue(world)
    (tested,) = await claim(world)
    before = await world.rows("SELECT * FROM callbacks")
    events = await world.events()
    theirs = next(one for one in events if one.account_id == other.id)
    inner = next(one for one in events if one.kind.value == "callback.added")

    for seq in (theirs.seq, inner.seq, tested.callback.event_seq, 10**9):
        assert await refusal(replay(world, dealer, made.id, seq)) is EVENT_UNKNOWN
    assert await world.rows("SELECT * FROM callbacks") == before


async def test_an_event_without_words_in_the_format_is_refused(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer, body_format=BodyFormat.FIRST_API)
    credited = next(one for one in await world.events() if one.kind.value == "balance.credited")

    assert await refusal(replay(world, dealer, made.id, credited.seq)) is INVALID


async def test_a_stretch_of_time_is_told_again_as_far_as_the_endpoint_takes_it(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer, other = await world.dealer(), await world.dealer("other")
    made = await endpoint(world, dealer, "balance.credited")
    for amount in range(1, 6):
        world.clock.advance(60)
        await world.credit(dealer.name, amount)
        await world.credit(other.name, 100 + amount)
    await world.rent(dealer, 4)
    from_ms = world.clock.now_ms() - 180_000
    to_ms = world.clock.now_ms()
    await world.events()

    assert await between(world, dealer, made.id, from_ms, to_ms) == 3

    told = [one.detail.event.data for one in await claim(world) if one.detail is not None]
    assert told == [{"credited_dong": amount} for amount in (2, 3, 4)]


async def test_a_replayed_rental_is_told_in_its_order(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.sms("0967000001", "Your code is 123456")
    await world.events()
    made = await endpoint(world, dealer, "rental.waiting", "message.kept", "rental.received")

    assert await between(world, dealer, made.id, 0, world.clock.now_ms()) == 3

    told = []
    while claimed := await claim(world):
        told += kinds(claimed)
        await record(world, claimed[0], 200)
    assert told == ["rental.waiting", "message.kept", "rental.received"]


async def test_what_waits_already_is_told_after_what_is_replayed_before_it(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer()
    made = await endpoint(world, dealer, "rental.waiting", "rental.received")
    await world.rent(dealer, 4)
    await queue(world)
    await world.tamper("UPDATE callbacks SET state = 'dropped', ended_at_ms = 1, next_at_ms = NULL")
    await world.sms("0967000001", "Your code is 123456")
    await queue(world)

    assert await between(world, dealer, made.id, 0, world.clock.now_ms() + 1) == 2

    told = []
    while claimed := await claim(world):
        told.append(kinds(claimed))
        for one in claimed:
            await record(world, one, 200)
    assert told == [["rental.waiting"], ["rental.received"]]


async def test_a_long_range_is_not_searched_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage_endpoints, "MOST_SEARCHED", 3)
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer, "rental.received")
    start_ms = world.clock.now_ms()
    for _ in range(3):
        await world.credit(dealer.name, 1)
    await world.events()
    assert await between(world, dealer, made.id, start_ms, start_ms + 1) == 0

    await world.credit(dealer.name, 1)
    await world.events()
    assert await refusal(between(world, dealer, made.id, start_ms, start_ms + 1)) is INVALID


async def test_a_range_that_holds_nothing_or_too_much_is_told_so(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    made = await endpoint(world, dealer)
    start_ms = world.clock.now_ms()
    for _ in range(MOST_REPLAYED):
        await world.credit(dealer.name, 1)
    end_ms = world.clock.now_ms() + 1
    await world.events()

    assert await refusal(between(world, dealer, made.id, end_ms, end_ms)) is INVALID
    assert await between(world, dealer, made.id, end_ms, end_ms + 1) == 0
    assert await between(world, dealer, made.id, start_ms, end_ms) == MOST_REPLAYED
    await world.credit(dealer.name, 1)
    await world.events()
    await world.tamper("DELETE FROM callbacks")
    assert await refusal(between(world, dealer, made.id, start_ms, end_ms)) is INVALID
    assert await world.rows("SELECT 1 FROM callbacks") == []


# ------------------------------------------------------------------------------- of rentals alone


def renting_with(
    tx: Tx, dealer_id: int, url: str, now_ms: int, chance: Chance
) -> tuple[int, str | None, int]:
    """As /v1 rents with a `callback_url`: endpoint, secret and rental."""
    endpoint_id, secret = endpoint_for_url(tx, dealer_id, url, SECRET, now_ms)
    request = RentRequest(
        account_id=dealer_id,
        service_id=4,
        max_price_dong=None,
        networks=(),
        wanted=(),
        unwanted=(),
        extras=Extras({}, endpoint_id),
    )
    rented = rent_number(tx, request, now_ms, chance)
    return endpoint_id, secret, rented.rental.id


async def test_an_address_of_rentals_is_one_endpoint_whose_secret_is_told_once(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    dealer, other = await world.dealer(), await world.dealer("other")
    now_ms, chance = world.clock.now_ms(), world.runtime.chance

    first = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    second = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    theirs = await world.db.write(renting_with, other.id, URL, now_ms, chance)

    assert (first[1], second[1], theirs[1]) == (SECRET, None, SECRET)
    assert first[0] == second[0] != theirs[0]


async def test_a_rental_s_own_endpoint_is_told_of_all_of_that_rental_and_of_no_other(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    now_ms, chance = world.clock.now_ms(), world.runtime.chance
    one_id, _, rental_id = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    await world.rent(dealer, 4)
    for number in ("0967000001", "0967000002"):
        await world.sms(number, "Your code is 123456")
    await queue(world)

    told = []
    while claimed := await claim(world):
        (delivery,) = claimed
        assert (delivery.callback.endpoint_id, delivery.callback.rental_id) == (one_id, rental_id)
        told += kinds(claimed)
        await record(world, delivery, 200)
    assert told == ["rental.waiting", "message.kept", "rental.received"]


async def test_the_address_of_rentals_cannot_be_changed_to_another(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)

    assert await refusal(change(world, dealer, one_id, url="https://c.example/")) is INVALID
    await change(world, dealer, one_id, url=URL, events=("rental.received",))


async def test_an_address_that_is_named_again_is_active_again(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)
    await change(world, dealer, one_id, active=False)

    assert await world.db.write(endpoint_for_url, dealer.id, URL, "new", now_ms) == (one_id, None)
    assert (await world.db.read(show_endpoint, dealer.id, one_id)).state is EndpointState.ACTIVE


async def test_a_removed_address_of_rentals_is_made_anew(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)
    await world.db.write(remove_endpoint, dealer.id, one_id, now_ms)

    made_id, secret = await world.db.write(endpoint_for_url, dealer.id, URL, "new", now_ms)

    assert (made_id != one_id, secret) == (True, "new")


async def test_long_addresses_of_rentals_are_told_apart(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    urls = [f"https://dealer.example/{'đ' * 1950}/{one}" for one in range(2)]

    made = [await world.db.write(endpoint_for_url, dealer.id, url, SECRET, now_ms) for url in urls]

    assert made[0][0] != made[1][0]
