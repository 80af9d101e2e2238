"""Gateways that are added, changed or removed while the supervisor runs."""

import asyncio
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from gateways.shed import REQUEST, Equipment, Shed, hang, look, supervised
from simlet.domain.signing import hash_secret
from simlet.flows.manage_gateways import remove_gateway, rotate_secret
from simlet.gateways.supervisor import LOOK_AGAIN_S, Supervisor
from simlet.store.sql import DatabaseFault
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_a_gateway_that_is_added_later_is_started(shed: Shed) -> None:
    async with supervised(shed.world):
        await shed.gateway("late", hang)
        await look(shed.world)
        await shed.running("late")


async def test_one_driver_serves_a_gateway_all_the_time(shed: Shed) -> None:
    await shed.gateway("only", hang)
    async with supervised(shed.world) as supervisor:
        await supervisor.answer("only", REQUEST)
        first = shed.made["only"]
        await look(shed.world)
        await supervisor.answer("only", REQUEST)
        assert shed.made["only"] is first
        assert len(first.runs_s) == 1


async def ignore_the_first_cancel(_: Equipment) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def rotate(world: World, name: str) -> bytes:
    hashed = hash_secret(f"another secret of {name}")
    await world.db.write(rotate_secret, name, hashed, world.clock.now_ms())
    return hashed


async def remove(world: World, name: str) -> None:
    await world.db.write(remove_gateway, name, world.clock.now_ms())


async def test_a_gateway_that_was_changed_is_started_again_as_it_is_now(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", hang)
    await shed.gateway("other", hang)
    async with supervised(world):
        before, other = await shed.running("one"), await shed.running("other")
        shed.began["one"].clear()
        hashed = await rotate(world, "one")
        await look(world)
        after = await shed.running("one")

    assert before.stopped
    assert (after is before, after.context.secret_hash) == (False, hashed)
    assert shed.made["other"] is other


async def test_a_gateway_that_was_removed_is_stopped_and_has_no_address(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", hang)
    async with supervised(world) as supervisor:
        before = await shed.running("one")
        await remove(world, "one")
        await look(world)
        answer = await supervisor.answer("one", REQUEST)
        as_removed = await supervisor.answer("one~1", REQUEST)
        await shed.gateway("one", hang)
        await look(world)
        after = await shed.running("one")

    assert before.stopped
    assert (answer, as_removed) == (None, None)
    assert after is not before


async def test_beside_a_driver_that_does_not_end_no_other_is_started(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", ignore_the_first_cancel)
    supervisor = Supervisor(world.runtime, stop_within_s=0.01)
    await supervisor.start()
    before = await shed.running("one")
    await rotate(world, "one")

    with capture_logs() as logs:
        await look(world)
        same = shed.made["one"] is before
        await look(world)
    after = shed.made["one"]
    await supervisor.stop()

    assert [log["task"] for log in logs if log["event"] == "driver_does_not_stop"] == ["one"]
    assert same
    assert after is not before


async def test_a_process_without_drivers_of_its_own_follows_within_a_second(
    world: World, shed: Shed
) -> None:
    await shed.gateway("one", hang)
    supervisor = Supervisor(world.runtime)
    await supervisor.answer("one", REQUEST)
    hashed = await rotate(world, "one")

    world.clock.advance(LOOK_AGAIN_S)
    await supervisor.answer("one", REQUEST)
    rotated = shed.made["one"].context.secret_hash
    await remove(world, "one")
    world.clock.advance(LOOK_AGAIN_S)

    assert rotated == hashed
    assert await supervisor.answer("one", REQUEST) is None


async def test_while_the_database_does_not_answer_such_a_process_goes_on_as_before(
    world: World, shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.gateway("one", hang)
    supervisor = Supervisor(world.runtime)
    await supervisor.answer("one", REQUEST)

    async def fail_to_look(*_: object) -> None:
        raise DatabaseFault("no disk")

    monkeypatch.setattr(type(world.db.engine), "quick_read", fail_to_look)
    world.clock.advance(LOOK_AGAIN_S)
    answer = await supervisor.answer("one", REQUEST)

    assert answer is not None
    assert answer.status == 200
