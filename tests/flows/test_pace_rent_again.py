import pytest

from simlet.domain.errors import TOO_SOON, Refused
from simlet.flows.pace_rent_again import INTERVAL_MS, pace_rent_again
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio


async def call(world: World, dealer: Dealer) -> int:
    """Calls now; the seconds to wait, 0 when it passed."""
    try:
        await world.db.write(pace_rent_again, dealer.id, None, world.clock.now_ms())
    except Refused as refused:
        return int(refused.details["wait_s"]) if refused.refusal is TOO_SOON else -1
    return 0


async def test_a_call_passes_again_after_just_the_interval(world: World) -> None:
    dealer = await world.dealer()
    assert await call(world, dealer) == 0
    world.clock.advance(INTERVAL_MS / 1000 - 0.001)
    assert await call(world, dealer) == 1
    world.clock.advance(0.001)
    assert await call(world, dealer) == 0


async def test_the_whole_seconds_to_wait_are_told(world: World) -> None:
    dealer = await world.dealer()
    await call(world, dealer)
    assert await call(world, dealer) == 5
    world.clock.advance(1.5)
    assert await call(world, dealer) == 4


async def test_a_refused_call_does_not_count(world: World) -> None:
    dealer = await world.dealer()
    await call(world, dealer)
    for _ in range(4):
        world.clock.advance(1)
        assert await call(world, dealer) > 0
    world.clock.advance(1)
    assert await call(world, dealer) == 0


async def test_accounts_do_not_wait_for_each_other(world: World) -> None:
    one, other = await world.dealer("one"), await world.dealer("other")
    assert [await call(world, one), await call(world, other)] == [0, 0]


async def test_a_clock_that_was_set_back_locks_nobody_out(world: World) -> None:
    dealer = await world.dealer()
    await call(world, dealer)
    world.clock.set_now_ms(world.clock.now_ms() - 3_600_000)
    assert await call(world, dealer) == 0
