"""What waited in the spool belongs to the rental that was open when it came."""

from typing import Any

import pytest

from gateways.posting import Post, sms
from simlet.domain.inbound import Quarantine
from simlet.domain.rental import RentalState

pytestmark = pytest.mark.anyio


async def rented(post: Post) -> Any:
    await post.world.service(4, waiting_s=60)
    await post.world.lines("0967000001")
    dealer = await post.world.dealer()
    return dealer, (await post.world.rent(dealer, 4)).rental


async def kept(post: Post) -> list[Any]:
    rows = await post.world.rows(
        "SELECT rental_id, code, kept_at_ms, quarantine FROM messages ORDER BY id"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_was_open_when_it_came_gets_its_code(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    # Its time passes, and nobody could write that either.
    post.world.clock.advance(70)
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]
    (row,) = await post.world.rows("SELECT state, closed_at_ms FROM rentals")
    assert tuple(row) == (RentalState.RECEIVED.value, came_at_ms)
    assert await post.world.book_findings() == []


@pytest.mark.parametrize("stamped", [False, True])
async def test_a_rental_that_ended_meanwhile_has_the_message_and_its_money(
    post: Post, *, stamped: bool
) -> None:
    _, rental = await rented(post)
    post.break_down()
    came_at_ms = post.world.clock.now_ms()
    await post.deliver([sms("your code is 123456", sent_at_ms=came_at_ms if stamped else None)])
    post.world.clock.advance(70)
    await post.world.expire()
    post.moody.fault = None
    await post.drained()
    assert await kept(post) == [(rental.id, "123456", came_at_ms, None)]
    (row,) = await post.world.rows("SELECT state FROM rentals")
    assert row[0] == RentalState.EXPIRED.value
    assert await post.world.book_findings() == []


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
