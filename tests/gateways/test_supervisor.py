"""Drivers are started, started again, answered for and stopped; none holds up another."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateways.shed import (
    PATIENCE_S,
    REQUEST,
    BrokenError,
    Equipment,
    Shed,
    fail,
    hang,
    look,
    sms,
    supervised,
)
from simlet.gateways.contract import DriverContext, DriverKind, HttpAnswer, Result
from simlet.gateways.registry import KINDS
from simlet.gateways.supervisor import Supervisor

pytestmark = pytest.mark.anyio


async def test_a_driver_that_fails_is_started_again_later_each_time(shed: Shed) -> None:
    clock = shed.world.clock
    await shed.gateway("broken", fail)
    async with supervised(shed.world):
        for pause_s in (1, 2, 4, 8, 16, 32, 60, 60, 60):
            # The driver's pause, and the look for new gateways.
            await clock.wait_for_sleeping(2)
            runs = len(shed.made["broken"].runs_s)
            clock.advance(pause_s - 0.1)
            await clock.wait_for_sleeping(2)
            assert len(shed.made["broken"].runs_s) == runs
            clock.advance(0.2)
            await clock.wait_for_sleeping(2)
            assert len(shed.made["broken"].runs_s) == runs + 1


async def test_a_driver_that_held_for_a_while_is_started_again_soon(shed: Shed) -> None:
    clock = shed.world.clock

    async def fail_after_two_starts(equipment: Equipment) -> None:
        if len(equipment.runs_s) == 3:
            await clock.sleep(61)
        raise BrokenError

    await shed.gateway("broken", fail_after_two_starts)
    async with supervised(shed.world):
        for pass_s in (1, 2, 61, 1):
            await clock.wait_for_sleeping(2)
            clock.advance(pass_s)
        await clock.wait_for_sleeping(2)
        assert shed.made["broken"].runs_s == [0, 1, 3, 65]


async def test_a_driver_that_has_nothing_to_run_is_not_started_again(shed: Shed) -> None:
    async def return_at_once(_: Equipment) -> None:
        return

    await shed.gateway("quiet", return_at_once)
    async with supervised(shed.world):
        for _ in range(3):
            await look(shed.world)
        assert shed.made["quiet"].runs_s == [0]


async def test_a_driver_that_hangs_holds_up_no_other(shed: Shed) -> None:
    results: list[Result] = []
    delivered = asyncio.Event()

    async def deliver(equipment: Equipment) -> None:
        results.extend(await equipment.context.deliver([sms("one"), sms("two")]))
        delivered.set()

    await shed.gateway("a-hanging", hang)
    await shed.gateway("b-working", deliver)
    async with supervised(shed.world) as supervisor:
        hanging = asyncio.create_task(
            supervisor.answer("a-hanging", replace(REQUEST, route="hang"))
        )
        await asyncio.wait_for(delivered.wait(), PATIENCE_S)
        answer = await asyncio.wait_for(supervisor.answer("b-working", REQUEST), PATIENCE_S)
        hanging.cancel()
    assert results == [Result.KEPT, Result.KEPT]
    assert answer == HttpAnswer(200, b"b-working")


async def test_a_gateway_that_cannot_be_made_holds_up_no_other(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_make(_: DriverContext) -> Equipment:
        raise BrokenError

    kind = DriverKind("unmade", "A test's.", (), "", fail_to_make)
    monkeypatch.setitem(KINDS, "unmade", kind)
    await shed.world.gateway("a-unmade", kind="unmade")
    await shed.gateway("b-working", hang)
    async with supervised(shed.world):
        await shed.running("b-working")


async def test_a_gateway_of_an_unknown_kind_is_left_alone(shed: Shed) -> None:
    await shed.world.gateway("a-strange", kind="of-tomorrow")
    await shed.gateway("b-working", hang)
    async with supervised(shed.world) as supervisor:
        await shed.running("b-working")
        assert await supervisor.answer("a-strange", REQUEST) is None


async def test_stopping_cancels_every_driver(shed: Shed) -> None:
    await shed.gateway("a-hanging", hang)
    await shed.gateway("b-broken", fail)
    await shed.gateway("c-hanging", hang)
    async with supervised(shed.world):
        await shed.world.clock.wait_for_sleeping(2)
    assert shed.made["a-hanging"].stopped
    assert shed.made["c-hanging"].stopped
    assert shed.world.clock.sleeping == 0


async def test_a_driver_that_does_not_answer_in_time_is_answered_for(shed: Shed) -> None:
    await shed.gateway("hanging", hang)
    supervisor = Supervisor(shed.world.runtime, answer_within_s=0.05)
    with capture_logs() as lines:
        answer = await supervisor.answer("hanging", replace(REQUEST, route="hang"))
    assert answer is not None
    assert answer.status == 503
    assert lines == [
        {
            "event": "driver_does_not_answer",
            "log_level": "error",
            "gateway": "hanging",
            "after_s": 0.05,
        }
    ]
    assert await supervisor.answer("hanging", REQUEST) == HttpAnswer(200, b"hanging")


async def test_a_driver_that_ignores_its_end_holds_up_no_answer_and_no_stop(shed: Shed) -> None:
    lets_go = asyncio.Event()

    async def ignore(_: Equipment) -> None:
        while not lets_go.is_set():
            with suppress(asyncio.CancelledError):
                await lets_go.wait()

    await shed.gateway("a-stubborn", ignore)
    await shed.gateway("b-hanging", hang)
    supervisor = Supervisor(shed.world.runtime, answer_within_s=0.05, stop_within_s=0.1)
    await supervisor.start()
    for name in ("a-stubborn", "b-hanging"):
        await shed.running(name)
    shed.made["a-stubborn"].answer_once = ignore
    answer = await supervisor.answer("a-stubborn", REQUEST)
    assert answer is not None
    assert answer.status == 503
    with capture_logs() as lines:
        await asyncio.wait_for(supervisor.stop(), PATIENCE_S)
    assert shed.made["b-hanging"].stopped
    assert {one["event"] for one in lines} == {"driver_does_not_stop"}
    assert "a-stubborn" in {one["task"] for one in lines}
    lets_go.set()


async def test_what_a_driver_fails_an_answer_with_goes_to_the_one_who_asked(shed: Shed) -> None:
    await shed.gateway("broken", hang)
    async with supervised(shed.world) as supervisor:
        (await shed.running("broken")).answer_once = fail
        with pytest.raises(BrokenError):
            await supervisor.answer("broken", REQUEST)
