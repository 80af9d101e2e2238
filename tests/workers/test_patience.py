import pytest

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.testing.world import World
from simlet.workers.patience import patience

pytestmark = pytest.mark.anyio


async def a_lone_part(world: World) -> None:
    text, part = "the first of two", Part(7, 2, 1)
    await world.receive(
        Inbound(MessageKind.SMS, "+84967000001", "Yahoo", text, None, part=part), None
    )


async def test_missing_parts_are_waited_for_as_long_as_is_set_and_no_longer(world: World) -> None:
    await a_lone_part(world)
    worker = patience(world.runtime)

    world.clock.advance(world.settings.parts.patience_s - 0.001)
    await worker.work()
    assert await world.rows("SELECT id FROM messages") == []

    world.clock.advance(0.001)
    await worker.work()
    assert len(await world.rows("SELECT id FROM messages")) == 1


async def test_there_is_no_more_to_do_at_once_after_the_last_of_them(world: World) -> None:
    await a_lone_part(world)
    world.clock.advance(world.settings.parts.patience_s)
    assert not await patience(world.runtime).work()
