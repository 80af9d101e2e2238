"""What happens to a rental is told in its order."""

import pytest

from calling_back import CODE, NUMBER, claim, endpoint, kinds, queue, record, renting_dealer
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


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
