"""Which lines are free for a service."""

import pytest

from flows.renting import refusal_of_rent, rent_all
from simlet.domain import errors
from simlet.flows.manage_lines import retire_line
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_services_share_a_line(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")

    rented = [await world.rent(one, 4), await world.rent(other, 5)]

    assert {each.rental.number for each in rented} == {"+84967000001"}


async def test_a_line_is_rented_once_at_a_time_for_a_service(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)

    assert await refusal_of_rent(world, one, 4) is errors.OUT_OF_STOCK
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK


async def test_a_line_that_gave_a_code_is_not_offered_for_that_service_again(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(61)
    await world.expire()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK
    assert (await world.rent(dealer, 5)).rental.number == "+84967000001"


async def test_a_line_that_expired_in_silence_is_offered_again(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)

    world.clock.advance(60)
    await world.expire()

    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_a_retired_line_is_not_rented(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    await world.db.write(retire_line, "0967000001", world.clock.now_ms())

    assert await rent_all(world, dealer, 4) == ["0967000002"]


async def test_a_line_retired_while_it_was_rented_does_not_come_back(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.db.write(retire_line, "0967000001", world.clock.now_ms())

    world.clock.advance(60)
    await world.expire()

    assert await refusal_of_rent(world, dealer, 4) is errors.OUT_OF_STOCK
