import pytest

from calling_back import claim, endpoint, queue, record, told_of_a_credit
from simlet.flows.forget_callbacks import forget_callbacks
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

DAY_S = 86_400


async def forget(world: World, limit: int = 100) -> int:
    return await world.db.write(forget_callbacks, world.clock.now_ms(), 7, 24, limit)


async def left(world: World) -> tuple[int, int]:
    """How many callbacks there are, and attempts."""
    (callbacks,) = await world.rows("SELECT count(*) FROM callbacks")
    (attempts,) = await world.rows("SELECT count(*) FROM callback_attempts")
    return callbacks[0], attempts[0]


async def delivered(world: World, count: int) -> None:
    """A dealer was told of so many things."""
    dealer = await world.dealer()
    await endpoint(world, dealer)
    for _ in range(count):
        await world.credit(dealer.name, 1)
    await queue(world)
    for one in await claim(world):
        await record(world, one, 200, answer="the code is 123456")


async def test_what_ended_is_erased_after_its_days_and_no_sooner(world: World) -> None:
    await delivered(world, 1)
    world.clock.advance(7 * DAY_S)
    await forget(world)
    assert await left(world) == (1, 1)

    world.clock.advance(0.001)
    assert await forget(world) == 1
    assert await left(world) == (0, 0)


async def test_what_was_answered_is_erased_with_the_texts(world: World) -> None:
    await delivered(world, 1)
    world.clock.advance(DAY_S + 0.001)

    assert await forget(world) == 1

    assert await left(world) == (1, 1)
    assert await world.rows("SELECT 1 FROM callback_attempts WHERE answer IS NOT NULL") == []


async def test_what_is_still_to_be_told_is_kept(world: World) -> None:
    dealer = await world.dealer()
    await endpoint(world, dealer)
    one = await told_of_a_credit(world, dealer)
    await record(world, one, 500)
    world.clock.advance(30 * DAY_S)

    await forget(world)

    assert await left(world) == (1, 1)
    assert len(await claim(world)) == 1


async def test_no_more_are_erased_at_once_than_asked(world: World) -> None:
    await delivered(world, 3)
    world.clock.advance(8 * DAY_S)

    counts = [await forget(world, 2) for _ in range(3)]

    assert counts == [2, 1, 0]
    assert await left(world) == (0, 0)
