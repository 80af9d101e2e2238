"""Whether the log holds anything to tell, without the right to write."""

import pytest

from calling_back import endpoint
from simlet.flows.deliver_callbacks import LogScan, look_ahead
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def look(world: World, after: int, limit: int) -> LogScan:
    await world.events()
    return await world.db.read(look_ahead, after, limit)


async def test_a_look_ahead_goes_on_where_a_page_holds_nothing_to_tell(world: World) -> None:
    await world.dealer("silent")
    seq = (await world.events())[-1].seq
    for _ in range(3):
        await world.credit("silent", 1)
    assert await look(world, seq, 2) == LogScan(seq + 2, work=False, more=True)
    assert await look(world, seq + 2, 2) == LogScan(seq + 3, work=False, more=False)
    assert await look(world, seq + 3, 2) == LogScan(seq + 3, work=False, more=False)


async def test_a_look_ahead_finds_work_where_an_endpoint_is_told_of_an_event(world: World) -> None:
    dealer = await world.dealer()
    await world.dealer("silent")
    await endpoint(world, dealer, "balance.credited")
    seq = (await world.events())[-1].seq
    await world.credit("silent", 1)
    await world.credit(dealer.name, 1)
    assert await look(world, seq, 1) == LogScan(seq + 1, work=False, more=True)
    assert (await look(world, seq + 1, 10)).work


async def test_a_look_ahead_finds_no_work_in_events_that_an_endpoint_does_not_take(
    world: World,
) -> None:
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received")
    seq = (await world.events())[-1].seq
    await world.credit(dealer.name, 1)
    assert await look(world, seq, 10) == LogScan(seq + 1, work=False, more=False)
