"""A message that fails for itself is set aside, and holds up no other."""

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateways.posting import KEPT, Post, failing_for, files, keep_with, of_another_gateway, sms
from simlet.domain.errors import RENTAL_CLOSED, Refused
from simlet.gateways import delivery
from simlet.gateways.delivery import POISON_TRIES
from simlet.store.sql import DatabaseFault

pytestmark = pytest.mark.anyio


async def test_a_message_that_fails_for_itself_is_set_aside_and_the_others_go_on(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = failing_for({"bad"}, ValueError("of Hidden text"))
    keep_with(monkeypatch, flow)
    assert await post.deliver([sms("bad")]) == [KEPT]
    assert await post.deliver([sms("one"), sms("two")]) == [KEPT, KEPT]
    await post.drained()
    assert await post.bodies() == ["one", "two"]
    (aside,) = files(tmp_path / "spool")
    assert aside.suffix == ".poison"

    monkeypatch.undo()
    aside.rename(aside.with_suffix(".spool"))
    await post.spool.adopt()
    await post.drained()
    assert await post.bodies() == ["one", "two", "bad"]


async def test_what_was_set_aside_is_erased_when_texts_are(post: Post, tmp_path: Path) -> None:
    clock = post.world.clock
    hours = post.drain.runtime.settings.retention.texts_hours
    for name, age_hours in (
        ("old.poison", hours + 1),
        ("old.damaged", hours + 1),
        ("new.poison", 1),
    ):
        path = tmp_path / "spool" / name
        path.write_bytes(b"a text")
        at_s = clock.now_ms() / 1000 - age_hours * 3600
        os.utime(path, (at_s, at_s))
    await clock.wait_for_sleeping(1)
    clock.advance(delivery.ADOPT_EVERY_S)
    await clock.wait_for_sleeping(1)
    assert [path.name for path in files(tmp_path / "spool")] == ["new.poison"]


async def test_a_lone_message_that_fails_waits_as_the_database_may_be_at_fault(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_with(monkeypatch, failing_for({"bad"}, ValueError()))
    await post.deliver([sms("bad")])
    for _ in range(POISON_TRIES * 2):
        await post.pause()
        post.world.clock.advance(5)
        await asyncio.sleep(0)
    assert post.spool.waiting == 1
    # Something behind it goes: now it is known whose fault it is.
    await post.deliver([sms("good")])
    await post.drained()
    assert await post.bodies() == ["good"]


async def test_those_that_take_others_with_them_are_found(post: Post, tmp_path: Path) -> None:
    post.break_down()
    texts = [f"{one}" for one in range(5)]
    await post.deliver([sms("bad"), *map(sms, texts), sms("bad too"), sms("last")])
    await post.pause()
    post.moody.bad = {"bad", "bad too"}
    post.moody.fault = None
    await post.drained(down_to=2)
    assert sorted(await post.bodies()) == [*texts, "last"]
    # The database was up while others went; each one that goes says so again.
    for one in range(1, POISON_TRIES):
        assert post.spool.waiting == 2
        await post.deliver([sms(f"later {one}")])
        await post.drained(down_to=2 if one < POISON_TRIES - 1 else 0)
    (aside,) = files(tmp_path / "spool")
    assert aside.read_bytes().strip().count(b"\n\n") == 1


async def test_a_database_that_is_down_for_long_poisons_nothing(post: Post, tmp_path: Path) -> None:
    post.break_down()
    texts = [f"{one}" for one in range(5)]
    await post.deliver([sms(text) for text in texts])
    for fault in (DatabaseFault("down"), ValueError("each by itself")):
        post.moody.fault = fault
        for _ in range(POISON_TRIES * 2):
            await post.pause()
            post.world.clock.advance(5)
            await asyncio.sleep(0)
    post.moody.fault = None
    await post.drained()
    assert await post.bodies() == texts
    assert files(tmp_path / "spool") == []


async def test_what_the_rules_refuse_at_last_is_set_aside_at_once(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.break_down()
    await post.deliver([sms("bad"), sms("good")])
    await post.pause()
    flow = failing_for({"bad"}, Refused(RENTAL_CLOSED))
    keep_with(monkeypatch, flow)
    post.moody.fault = None
    await post.drained()
    assert await post.bodies() == ["good"]
    assert [path.suffix for path in files(tmp_path / "spool")] == [".poison"]


async def test_what_turns_out_to_be_another_gateways_is_done_and_told(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.break_down()
    await post.deliver([sms("theirs")])
    await post.pause()

    keep_with(monkeypatch, of_another_gateway)
    post.moody.fault = None
    with capture_logs() as lines:
        await post.drained()
    assert "spooled_message_refused" in {one["event"] for one in lines}
