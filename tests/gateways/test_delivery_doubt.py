"""What was perhaps written already counts once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateways.posting import DUPLICATE, FAILED, KEPT, files, posted, sms, until
from simlet.domain.inbound import Part
from simlet.gateways import delivery
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("known_by", [{}, {"source_id": None}])
async def test_a_write_that_takes_long_is_spooled_and_counts_once(
    world: World, tmp_path: Path, known_by: dict[str, Any]
) -> None:
    async with posted(world, tmp_path / "spool", after_s=0.05) as post:
        post.moody.open.clear()
        assert await post.deliver([sms("one", **known_by)]) == [KEPT]
        assert post.spool.waiting == 1
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == ["one"]


async def test_a_write_that_takes_long_is_waited_for_where_the_spool_is_full(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=0, after_s=0.05) as post:
        post.moody.open.clear()
        waiting = asyncio.create_task(post.deliver([sms("one", source_id=None)]))
        await until(lambda: len(post.moody.tries) == 2)
        assert not waiting.done()
        post.moody.open.set()
        assert await waiting == [DUPLICATE]
        assert await post.bodies() == ["one"]


@pytest.mark.parametrize("part", [None, Part(7, 3, 1)])
async def test_two_of_the_same_text_that_are_written_again_stay_two(
    world: World, tmp_path: Path, part: Part | None
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=0, after_s=0.05) as post:
        post.moody.open.clear()
        same = sms("same", source_id=None, part=part)
        waiting = asyncio.create_task(post.deliver([same, same]))
        await until(lambda: len(post.moody.tries) == 2)
        post.moody.open.set()
        assert await waiting == [DUPLICATE, DUPLICATE]
        table = "messages" if part is None else "long_messages"
        assert len(await world.rows(f"SELECT id FROM {table}")) == 2


async def test_what_the_spool_has_is_kept_although_it_cannot_be_written_again(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=700, after_s=0.05) as post:
        post.moody.open.clear()
        texts = [f"{one}" for one in range(9)]
        waiting = asyncio.create_task(post.deliver([sms(one, source_id=None) for one in texts]))
        await post.moody.began.wait()
        post.break_down()
        results = await waiting
        room = results.count(KEPT)
        assert 0 < room < 9
        assert results == [KEPT] * room + [FAILED] * (9 - room)
        post.moody.fault = None
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == texts


async def test_what_was_drained_when_the_process_died_counts_once(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool") as post:
        post.break_down()
        await post.deliver([sms("one", source_id=None), sms("two", sent_at_ms=1)])
        await post.pause()
        left = {path: path.read_bytes() for path in files(tmp_path / "spool")}
        post.moody.fault = None
        await post.drained()
    for path, data in left.items():
        path.write_bytes(data)
    async with posted(world, tmp_path / "spool") as post:
        await post.drained()
        assert await post.bodies() == ["one", "two"]


async def test_what_an_earlier_process_left_comes_first(world: World, tmp_path: Path) -> None:
    async with posted(world, tmp_path / "spool") as post:
        post.break_down()
        await post.deliver([sms("old")])
    async with posted(world, tmp_path / "spool") as post:
        assert await post.deliver([sms("new")]) == [KEPT]
        await post.drained()
        assert await post.bodies() == ["old", "new"]


async def test_what_another_process_left_is_found_while_this_one_runs(
    world: World, tmp_path: Path
) -> None:
    async with posted(world, tmp_path / "spool") as living:
        async with posted(world, tmp_path / "spool") as dying:
            dying.break_down()
            await dying.deliver([sms("theirs")])
        assert living.spool.waiting == 0
        await world.clock.wait_for_sleeping(1)
        world.clock.advance(delivery.ADOPT_EVERY_S)
        await until(lambda: living.moody.tries == [1])
        await living.spool.until_empty()
        assert await living.bodies() == ["theirs"]


@pytest.mark.parametrize("sent_at_ms", [None, 1_700_000_000_000])
async def test_parts_that_are_written_twice_make_one_message(
    world: World, tmp_path: Path, sent_at_ms: int | None
) -> None:
    async with posted(world, tmp_path / "spool", after_s=0.05) as post:
        post.moody.open.clear()
        for number in (1, 2):
            part = sms(f"{number}", sent_at_ms=sent_at_ms, part=Part(7, 2, number))
            assert await post.deliver([part._replace(source_id=None)]) == [KEPT]
        post.moody.open.set()
        await post.drained()
        assert await post.bodies() == ["12"]
        assert len(await post.world.rows("SELECT id FROM long_messages")) == 1
