from typing import Any

import pytest
from structlog.testing import capture_logs

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.flows import give_up_parts
from simlet.flows.join import join as real
from simlet.flows.keep import Receipt
from simlet.store.parts import LongMessage
from simlet.store.sql import Tx
from simlet.testing.world import World
from simlet.workers import patience as patience_worker
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


async def test_one_that_fails_holds_up_no_other_and_is_tried_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = "+84967000001", "+84967000002"
    broken = {bad}

    def join(tx: Tx, one: LongMessage, *more: Any) -> Receipt:
        if one.to in broken:
            raise ValueError(f"of {one.to}")
        return real(tx, one, *more)

    monkeypatch.setattr(give_up_parts, "join", join)
    monkeypatch.setattr(patience_worker, "BATCH", 1)
    for number in (bad, good):
        part = Part(7, 2, 1)
        await world.receive(Inbound(MessageKind.SMS, number, "Yahoo", "x", None, part=part), None)
        world.clock.advance(0.001)
    world.clock.advance(world.settings.parts.patience_s)
    worker = patience(world.runtime)

    with capture_logs() as logs:
        seen = [await worker.work() for _ in range(3)]
    kept = [row[0] for row in await world.rows("SELECT to_number FROM messages")]
    broken.clear()
    world.clock.advance(patience_worker.AGAIN_S)
    await worker.work()

    assert seen == [True, True, False]
    assert kept == [good]
    (line,) = [log for log in logs if log["event"] == "parts_not_joined"]
    assert bad not in str(line)
    assert len(await world.rows("SELECT id FROM messages")) == 2


async def test_there_is_no_more_to_do_at_once_after_the_last_of_them(world: World) -> None:
    await a_lone_part(world)
    world.clock.advance(world.settings.parts.patience_s)
    assert not await patience(world.runtime).work()
