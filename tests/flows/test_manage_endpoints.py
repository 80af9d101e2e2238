"""Endpoints as their dealers add, change, remove and test them."""

from dataclasses import replace

import pytest

from calling_back import claim, endpoint, kinds, queue, record, told_of_a_credit
from flows.changing_endpoints import SECRET, URL, change, refusal, show
from simlet.domain.endpoint import MOST_ACTIVE, BodyFormat, EndpointState
from simlet.domain.errors import CALLBACK_IS_DISABLED, CALLBACK_LIMIT, CALLBACK_UNKNOWN, INVALID
from simlet.flows.manage_endpoints import (
    EndpointSpec,
    add_endpoint,
    endpoint_for_url,
    find_between,
    list_endpoints,
    remove_endpoint,
    replay_event,
    replay_found,
    send_test,
)
from simlet.flows.show_attempts import show_attempts
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio


# ------------------------------------------------------------------------------------- add and show


async def test_an_endpoint_is_shown_as_it_was_added(world: World) -> None:
    dealer = await world.dealer()
    wish = EndpointSpec(URL, ("rental.received",), BodyFormat.V1, "https://b.example/")
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

    first = await world.db.read(list_endpoints, dealer.id, None, 2**53, 2)
    second = await world.db.read(list_endpoints, dealer.id, None, first[-1].id, 2)

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
            world.db.read(find_between, dealer.id, one_id, 0, now_ms),
            world.db.write(replay_found, dealer.id, one_id, [], now_ms),
            world.db.read(show_attempts, dealer.id, one_id, 2**53, 10),
        ):
            assert await refusal(call) is CALLBACK_UNKNOWN
    assert await world.rows("SELECT * FROM endpoints ORDER BY id") == before
    assert await world.db.read(list_endpoints, dealer.id, None, 2**53, 10) == []


# ------------------------------------------------------------------------------------------- change


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

    one = await told_of_a_credit(world, dealer)
    assert (one.secret, one.old_secret) == (SECRET, made.secret)
    await record(world, one, 500)
    world.clock.advance(300)
    (one,) = await claim(world)
    assert (one.secret, one.old_secret) == (SECRET, None)


async def rotate(world: World, dealer: Dealer, one_id: int, *secrets: str, keep_s: int) -> None:
    for secret in secrets:
        await change(world, dealer, one_id, new_secret=secret, keep_old_secret_s=keep_s)


async def test_a_secret_in_use_signs_as_long_as_promised_however_often_another_is_made(
    world: World,
) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    end_ms = world.clock.now_ms() + 60_000

    await rotate(world, dealer, made.id, "whsec_1", "whsec_2", "whsec_3", keep_s=60)
    await rotate(world, dealer, made.id, "whsec_4", keep_s=1)

    one = await show(world, dealer, made.id)
    assert (one.secret, one.old_secret_until_ms) == ("whsec_4", end_ms)
    assert one.old_secret_at(end_ms - 1) == f"whsec_3 {made.secret}"
    assert one.old_secret_at(end_ms) is None


async def test_a_secret_whose_time_is_over_is_not_kept_any_longer(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)

    await rotate(world, dealer, made.id, "whsec_1", keep_s=60)
    world.clock.advance(60)
    await rotate(world, dealer, made.id, "whsec_2", keep_s=60)

    one = await show(world, dealer, made.id)
    assert (one.secret, one.old_secret) == ("whsec_2", "whsec_1")
    assert one.old_secret_until_ms == world.clock.now_ms() + 60_000


async def test_all_old_secrets_end_at_once_where_that_is_asked_for(world: World) -> None:
    dealer = await world.dealer()
    made = await endpoint(world, dealer)

    await rotate(world, dealer, made.id, "whsec_1", "whsec_2", keep_s=60)
    await rotate(world, dealer, made.id, "whsec_3", keep_s=0)

    one = await show(world, dealer, made.id)
    assert (one.secret, one.old_secret, one.old_secret_until_ms) == ("whsec_3", None, None)


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
    one = await told_of_a_credit(world, dealer)
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
    one = await told_of_a_credit(world, dealer)
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


# -------------------------------------------------------------------------------------------- tests


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
        world.db.read(find_between, dealer.id, made.id, 0, now_ms),
        world.db.write(replay_found, dealer.id, made.id, [], now_ms),
    ):
        assert await refusal(call) is CALLBACK_IS_DISABLED
