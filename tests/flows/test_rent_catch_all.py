"""A service that takes messages of any sender has its line to itself."""

import pytest

from flows.renting import refusal_of_rent
from simlet.domain import errors
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_a_catch_all_needs_a_line_that_nobody_waits_on(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines("0967000001", "0967000002")
    one, other = await world.dealer("one"), await world.dealer("other")
    taken = (await world.rent(one, 4)).rental.number

    free = (await world.rent(other, 9)).rental.number

    assert free != taken
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK


@pytest.mark.parametrize("mine", [True, False], ids=["own", "other"])
async def test_a_waiting_catch_all_keeps_its_line_from_everybody(world: World, mine: bool) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.service(10, catch_all=True)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)

    asking = one if mine else other

    assert await refusal_of_rent(world, asking, 4) is errors.OUT_OF_STOCK
    assert await refusal_of_rent(world, asking, 10) is errors.OUT_OF_STOCK


async def test_an_overdue_catch_all_keeps_its_line_until_it_is_expired(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)

    world.clock.advance(60)
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK
    await world.expire()
    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_anothers_catch_all_that_got_its_code_keeps_the_line_until_its_deadline(
    world: World,
) -> None:
    await world.service(4)
    await world.service(9, catch_all=True, waiting_s=60)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 9)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(59.999)
    assert await refusal_of_rent(world, other, 4) is errors.OUT_OF_STOCK
    world.clock.advance(0.001)
    assert (await world.rent(other, 4)).rental.number == "+84967000001"


async def test_an_own_catch_all_that_got_its_code_frees_the_line_at_once(world: World) -> None:
    await world.service(4)
    await world.service(9, catch_all=True)
    await world.lines("0967000001")
    dealer = await world.dealer()
    await world.rent(dealer, 9)
    await world.sms("0967000001", "Your code is 123456")

    assert (await world.rent(dealer, 4)).rental.number == "+84967000001"


async def test_anothers_listening_rental_keeps_a_catch_all_away_until_its_deadline(
    world: World,
) -> None:
    await world.service(4, waiting_s=60)
    await world.service(9, catch_all=True)
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)
    await world.sms("0967000001", "Your code is 123456")

    world.clock.advance(59.999)
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK
    assert (await world.rent(one, 9)).rental.number == "+84967000001"
    await world.sms("0967000001", "Your code is 654321", sender="anyone")
    world.clock.advance(0.001)
    await world.expire()
    assert await refusal_of_rent(world, other, 9) is errors.OUT_OF_STOCK


async def test_services_with_rules_share_a_line_where_another_listens(world: World) -> None:
    await world.service(4)
    await world.service(5, name="Zalo")
    await world.lines("0967000001")
    one, other = await world.dealer("one"), await world.dealer("other")
    await world.rent(one, 4)
    await world.sms("0967000001", "Your code is 123456")

    assert (await world.rent(other, 5)).rental.number == "+84967000001"
