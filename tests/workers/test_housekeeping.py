from dataclasses import replace

import pytest

from simlet.config import RetentionSettings, Settings
from simlet.domain.events import EventKind
from simlet.testing.world import World
from simlet.workers import housekeeping as housekeeping_worker
from simlet.workers.housekeeping import PAUSE_S, housekeeping

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
WAV = b"RIFF\x04\x00\x00\x00WAVE"


async def told(world: World) -> list[tuple[object, ...]]:
    """What is left of what messages said."""
    rows = await world.rows("SELECT sender, body, code FROM messages ORDER BY id")
    return [tuple(row) for row in rows]


async def test_what_messages_said_is_erased_when_its_hours_are_over(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    settings = Settings(retention=RetentionSettings(texts_hours=2))
    periodic_task = housekeeping(replace(world.runtime, settings=settings))
    await world.sms(NUMBER, "Your Yahoo code is 486460")
    await world.sms("0999999999", "nobody's")
    await world.call(NUMBER, transcript="code 1 2 3 4", wav=WAV)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(2 * 3600)
    await world.clock.wait_for_sleeping(1)
    before = await told(world)
    world.clock.advance(PAUSE_S)
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert before[:2] == [
        ("Yahoo", "Your Yahoo code is 486460", "486460"),
        ("Yahoo", "nobody's", None),
    ]
    assert await told(world) == [(None, None, None)] * 3
    assert await world.rows("SELECT 1 FROM recordings") == []
    assert [one.data for one in await world.events() if one.kind is EventKind.MESSAGES_FORGOTTEN]
    # What the books need stays.
    (row,) = await world.rows("SELECT state, price_dong FROM rentals")
    assert tuple(row) == ("received", 470)
    assert await world.book_findings() == []


async def test_younger_messages_are_left_alone(world: World) -> None:
    await world.sms(NUMBER, "old")
    world.clock.advance(3600)
    await world.sms(NUMBER, "young")
    periodic_task = housekeeping(world.runtime)
    world.clock.advance(24 * 3600 - 3599)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert [body for _, body, _ in await told(world)] == [None, "young"]


async def test_a_long_night_is_made_up_for_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping_worker, "BATCH", 3)
    for one in range(10):
        await world.sms(NUMBER, f"text {one}")
    world.clock.advance(25 * 3600)
    periodic_task = housekeeping(world.runtime)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert await told(world) == [(None, None, None)] * 10
