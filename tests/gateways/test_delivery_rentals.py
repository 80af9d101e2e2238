"""What waited in the spool belongs to the rental that was open when it came."""

from typing import Any

import pytest

from calling_back import endpoint
from gateways.posting import Post, sms
from simlet.domain.events import EventKind
from simlet.domain.inbound import Part, Quarantine
from simlet.domain.rental import RentalState
from simlet.flows.manage_endpoints import find_between
from simlet.flows.show_timeline import message_timeline, show_timeline
from watching import count

pytestmark = pytest.mark.anyio


async def rented(post: Post) -> Any:
    await post.world.service(4, waiting_s=60)
    await post.world.lines("0967000001")
    dealer = await post.world.dealer()
    return dealer, (await post.world.rent(dealer, 4)).rental


async def kept(post: Post) -> list[Any]:
    rows = await post.world.rows(
        "SELECT rental_id, code, coalesce(came_at_ms, kept_at_ms), quarantine FROM messages "
        "ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def message_during_an_outage(post: Post, *, stamped: bool) -> int:
    """A message that cannot be written now, and the time of the rental passes; when it came."""
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    post.world.clock.advance(70)
    return came_at_ms


async def state_when_all_is_well(post: Post) -> str:
    """The state of the rental when the spool was drained, and the books agree."""
    post.moody.fault = None
    await post.drained()
    assert await post.world.book_findings() == []
    (row,) = await post.world.rows("SELECT state FROM rentals")
    return str(row[0])


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_was_open_when_it_came_gets_its_code(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    # Nobody could write that its time was over, either.
    came_at_ms = await message_during_an_outage(post, stamped=stamped)
    assert await state_when_all_is_well(post) == RentalState.RECEIVED.value
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_ended_meanwhile_has_the_message_and_its_money(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    came_at_ms = await message_during_an_outage(post, stamped=stamped)
    await post.world.expire()
    assert await state_when_all_is_well(post) == RentalState.EXPIRED.value
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]


async def test_a_rental_that_began_after_it_came_never_sees_it(post: Post) -> None:
    await post.world.service(4)
    await post.world.lines("0967000001")
    dealer = await post.world.dealer()
    post.break_down()
    # The clock stands at a whole second, for which a network's stamp would stand as well.
    came_at_ms = post.world.clock.now_ms()
    assert came_at_ms % 1000 == 0
    await post.deliver([sms("your code is 123456")])
    post.world.clock.advance(0.001)
    await post.world.rent(dealer, 4)
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(None, "123456", came_at_ms, Quarantine.NO_RENTAL.value)]


@pytest.mark.parametrize("stamped", [False, True])
async def test_what_comes_of_it_has_the_time_at_which_it_is_written(
    post: Post, *, stamped: bool
) -> None:
    """Readers of the event log and of the books have read on meanwhile."""
    dealer, _ = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    post.world.clock.advance(7200)
    back_at_ms = post.world.clock.now_ms()
    await post.world.credit(dealer.name, 1)
    post.moody.fault = None
    await post.drained()

    times = [one.at_ms for one in await post.world.events()]
    assert times == sorted(times)
    written = await post.world.rows(
        "SELECT m.kept_at_ms, r.closed_at_ms, p.at_ms FROM messages m "
        "JOIN rentals r ON r.message_id = m.id "
        "JOIN postings p ON p.rental_id = r.id AND p.kind = 'settle'"
    )
    assert [min(row) >= back_at_ms for row in written] == [True]


async def test_a_replay_leaves_out_nothing_of_what_stands_around_it(post: Post) -> None:
    dealer, _ = await rented(post)
    made = await endpoint(post.world, dealer, "balance.credited")
    post.break_down()
    await post.deliver([sms(f"text {one}") for one in range(20)])
    post.world.clock.advance(7200)
    start_ms = post.world.clock.now_ms()
    for half in range(2):
        for _ in range(20):
            await post.world.credit(dealer.name, 1)
            post.world.clock.advance(60)
        if half == 0:
            post.moody.fault = None
            await post.drained()
    end_ms = post.world.clock.now_ms()
    await post.world.events()

    found = await post.world.db.read(find_between, dealer.id, made.id, start_ms, end_ms)
    assert len(found) == 40


async def test_its_parts_are_joined_as_they_came_and_written_as_it_is(post: Post) -> None:
    _, rental = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    halves = enumerate(("your code is 123", "456"), 1)
    await post.deliver([sms(text, part=Part(7, 2, number)) for number, text in halves])
    post.world.clock.advance(7200)
    back_at_ms = post.world.clock.now_ms()
    post.moody.fault = None
    await post.drained()

    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]
    parted = [one for one in await post.world.events() if one.kind is EventKind.PART_KEPT]
    assert [one.at_ms >= back_at_ms for one in parted] == [True, True]


async def test_a_line_was_heard_when_its_message_came(post: Post) -> None:
    await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("hello")])
    post.world.clock.advance(7200)
    post.moody.fault = None
    await post.drained()
    await count(post.world)

    (row,) = await post.world.rows("SELECT message_at_ms FROM line_health")
    assert row[0] == came_at_ms


async def test_the_timeline_shows_it_where_it_came_and_not_where_it_was_written(
    post: Post,
) -> None:
    """One that came during the first rental is no trouble of the second one."""
    dealer, first = await rented(post)
    post.break_down()
    await post.deliver([sms("no such sender")._replace(sender="Bank")])
    post.world.clock.advance(7200)
    await post.world.expire()
    second = (await post.world.rent(dealer, 4)).rental
    post.moody.fault = None
    await post.drained()

    reasons = []
    for one in (first, second):
        entries = await post.world.db.read(show_timeline, None, one.id)
        reasons.append([e.detail["reason"] for e in entries if e.what == "message_quarantined"])
    assert reasons == [["no_rule_fits"], []]


async def test_the_operator_sees_who_waited_when_it_came_and_nobody_who_began_later(
    post: Post,
) -> None:
    dealer, first = await rented(post)
    post.break_down()
    await post.deliver([sms("no such sender")._replace(sender="Bank")])
    post.world.clock.advance(7200)
    await post.world.expire()
    await post.world.rent(dealer, 4)
    post.moody.fault = None
    await post.drained()

    (row,) = await post.world.rows("SELECT id FROM messages")
    entries = await post.world.db.read(message_timeline, row[0])
    assert [one.detail["rental_id"] for one in entries if one.what == "rented"] == [first.id]


async def test_a_message_that_came_later_and_was_written_first_is_the_one_that_is_shown(
    post: Post,
) -> None:
    dealer, rental = await rented(post)
    post.break_down()
    await post.deliver([sms("your code is 111111")])
    post.world.clock.advance(10)
    # Another process of the server finds the database in order before this one does.
    await post.world.sms("0967000001", "your code is 222222")
    post.moody.fault = None
    await post.drained()

    assert len(await post.bodies()) == 2
    assert (await post.world.rental(dealer, rental.id)).code == "222222"


async def test_what_came_by_a_clock_that_ran_ahead_came_by_now(post: Post) -> None:
    clock = post.world.clock
    now_ms = clock.now_ms()
    post.break_down()
    clock.set_now_ms(now_ms + 3_600_000)
    await post.deliver([sms("hello")])
    await post.pause()
    clock.set_now_ms(now_ms)
    post.moody.fault = None
    clock.advance(5)
    await post.drained()
    assert (await kept(post))[0][2] <= now_ms + 10_000
