"""Who is told next: accounts take turns, and no endpoint has all places."""

from collections import Counter

import pytest

from calling_back import CODE, NUMBER, claim, endpoint, kinds, queue, renting_dealer
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio


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
