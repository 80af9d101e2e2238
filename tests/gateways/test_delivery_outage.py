"""What is handed over while the database does not work waits in the spool."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.posting import FAILED, KEPT, Post, files, posted, sms, until
from outages import no_connections, no_writes
from simlet.gateways.delivery import deliver_for
from simlet.store.database import open_database
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_what_a_real_database_refuses_is_kept_and_comes_in_order(
    database_url: str, tmp_path: Path
) -> None:
    db = open_database(database_url, readers=1, pool_size=2, busy_timeout_s=0.1)
    downs = [no_writes(database_url)]
    if database_url.startswith("postgresql"):
        downs.append(no_connections(database_url))
    sent: list[str] = []
    async with posted(World(db), tmp_path / "spool") as post:
        for down in downs:
            with down:
                for _ in range(3):
                    sent.append(f"{len(sent)}")
                    assert await post.deliver([sms(sent[-1])]) == [KEPT]
                await post.pause()
                assert post.spool.waiting == 3
            await post.drained()
        assert await post.bodies() == sent
        sent.append("direct")
        assert await post.deliver([sms("direct")]) == [KEPT]
        assert post.spool.waiting == 0
        assert await post.bodies() == sent
    assert files(tmp_path / "spool") == []
    await db.close()


async def test_what_comes_while_something_waits_goes_behind_it(post: Post) -> None:
    post.break_down()
    await post.deliver([sms("one"), sms("two")])
    await post.pause()
    post.moody.fault = None
    assert await post.deliver([sms("three")]) == [KEPT]
    assert await post.bodies() == []
    await post.drained()
    assert await post.bodies() == ["one", "two", "three"]


async def test_pauses_grow_while_the_database_is_down(post: Post) -> None:
    clock = post.world.clock
    post.break_down()
    await post.deliver([sms("one")])
    for pause_s in (0.2, 0.4, 0.8, 1.6, 3.2, 5, 5):
        await clock.wait_for_sleeping(2)
        tries = len(post.moody.tries)
        clock.advance(pause_s - 0.1)
        await clock.wait_for_sleeping(2)
        assert len(post.moody.tries) == tries
        clock.advance(0.1)
        await until(lambda: len(post.moody.tries) > tries)  # noqa: B023 - called in this turn alone


async def test_a_full_spool_fails_what_does_not_fit(world: World, tmp_path: Path) -> None:
    async with posted(world, tmp_path / "spool", limit_bytes=700) as post:
        post.break_down()
        results = await post.deliver([sms(f"{one}") for one in range(9)])
        room = results.count(KEPT)
        assert results == [KEPT] * room + [FAILED] * (9 - room)
        assert 0 < room < 9
        assert await post.deliver([sms("more")]) == [FAILED]
        post.moody.fault = None
        await post.drained()
        assert await post.bodies() == [f"{one}" for one in range(room)]
        assert await post.deliver([sms("more")]) == [KEPT]


async def test_without_a_spool_what_is_not_taken_fails(post: Post) -> None:
    post.break_down()
    deliver = deliver_for(post.drain.runtime, post.gateway_id, "gate")
    assert await deliver([sms("one")]) == [FAILED]
    post.moody.fault = None
    assert await deliver([sms("one")]) == [KEPT]


async def test_a_database_that_is_closed_raises_nothing(world: World, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/other.db")
    await db.close()
    deliver = deliver_for(replace(world.runtime, db=db), 1, "gate")
    assert await deliver([sms("one"), sms("two")]) == [FAILED, FAILED]


async def test_the_log_tells_what_waits_and_what_went_and_no_text(post: Post) -> None:
    with capture_logs() as lines:
        post.break_down()
        await post.deliver([sms("Hidden")])
        await post.pause()
        post.moody.fault = None
        await post.drained()
    told = [(one["event"], one.get("messages")) for one in lines]
    assert ("messages_spooled", 1) in told
    assert ("spool_waits", 1) in told
    assert told[-1] == ("spool_drained", 1)
    assert "Hidden" not in str(lines)
    assert "967000001" not in str(lines)
