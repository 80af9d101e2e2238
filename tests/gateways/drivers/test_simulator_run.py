"""The simulator loses nothing, bears many lines, and ends when it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from random import Random

import pytest

from gateways.drivers.pretend_lines import (
    AT_ONCE,
    NUMBER,
    YAHOO,
    BrokenError,
    Kept,
    driver_of,
    finish,
    give_way,
    many_expected,
)
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import DriverContext, Expected, HttpRequest, Result, Settings
from simlet.gateways.drivers.simulator import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.clock import START_MS, FakeClock

pytestmark = pytest.mark.anyio


# ---------------------------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize("how", ["raises", "fails"])
async def test_what_was_not_kept_is_handed_over_again_with_growing_pauses(how: str) -> None:
    kept = Kept(FakeClock())
    if how == "raises":
        kept.raises = 7
    else:
        kept.fails = [{0} for _ in range(7)]
    await finish(driver_of(kept, YAHOO, settings=AT_ONCE), kept.clock)

    assert [after // 1000 for after in kept.tries] == [0, 1, 3, 7, 15, 31, 61, 91]
    assert [one.sent_at_ms for one in kept.messages] == [START_MS]


async def test_of_a_burst_only_what_was_not_kept_is_handed_over_again() -> None:
    kept = Kept(FakeClock(), fails=[{0, 2}, {1}])
    settings: Settings = {**AT_ONCE, "burst_share": 1}
    await finish(driver_of(kept, YAHOO, settings=settings), kept.clock)

    first, second, third = kept.calls
    assert second == [first[0], first[2]]
    assert third == [first[2]]


async def test_a_duplicate_is_not_handed_over_again() -> None:
    kept = Kept(FakeClock())

    async def known(many: Sequence[Inbound]) -> list[Result]:
        await kept.deliver(many)
        return [Result.DUPLICATE for _ in many]

    await finish(driver_of(kept, YAHOO, settings=AT_ONCE, deliver=known), kept.clock)

    assert len(kept.calls) == 1


async def test_a_line_that_is_not_kept_holds_up_no_other() -> None:
    kept = Kept(FakeClock())

    async def stuck(many: Sequence[Inbound]) -> list[Result]:
        return [Result.FAILED] if many[0].to == NUMBER else await kept.deliver(many)

    driver = driver_of(kept, YAHOO, *many_expected(5), settings=AT_ONCE, deliver=stuck)
    running = asyncio.create_task(driver.run())
    await give_way()

    assert len(kept.messages) == 5
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_failure_to_listen_loses_nothing_heard_before_and_hears_what_comes_after() -> None:
    kept = Kept(FakeClock())
    later = Expected("+84912345679", "Zalo", ())
    times = iter([[YAHOO], [later]])

    async def expected() -> AsyncIterator[Expected]:
        heard = next(times)
        for one in heard:
            yield one
        if heard == [YAHOO]:
            raise BrokenError

    context = DriverContext(
        gateway="pretend",
        settings=check_settings(KIND, {}),
        secret_hash=None,
        clock=kept.clock,
        chance=Random(1).randrange,
        deliver=kept.deliver,
        expected=expected,
        recording_limit_bytes=0,
    )
    await finish(KIND.make(context), kept.clock)

    assert {one.to for one in kept.messages} == {YAHOO.number, later.number}


# -------------------------------------------------------------------------------- many, and the end


async def test_many_lines_wait_at_a_time() -> None:
    kept = Kept(FakeClock())
    settings: Settings = {"delay_min_s": 5, "delay_max_s": 5}
    driver = driver_of(kept, *many_expected(10_000), settings=settings)
    running = asyncio.create_task(driver.run())
    await give_way()
    assert kept.clock.sleeping == 10_000

    kept.clock.advance(5)
    await running
    assert len({one.to for one in kept.messages}) == 10_000


async def test_nothing_is_left_running_when_it_is_cancelled() -> None:
    kept = Kept(FakeClock())
    before = asyncio.all_tasks()
    running = asyncio.create_task(driver_of(kept, *many_expected(100)).run())
    await give_way()
    assert kept.clock.sleeping == 100

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert asyncio.all_tasks() == before
    assert kept.clock.sleeping == 0
    kept.clock.advance(60)
    await give_way()
    assert kept.messages == []


async def test_it_ends_when_cancelled_while_it_waits_to_hand_over_again() -> None:
    kept = Kept(FakeClock(), raises=1000)
    running = asyncio.create_task(driver_of(kept, YAHOO, settings=AT_ONCE).run())
    await give_way()
    assert kept.clock.sleeping == 1

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kept.clock.sleeping == 0


async def test_it_has_no_address() -> None:
    driver = driver_of(Kept(FakeClock()))
    answer = await driver.answer(HttpRequest("POST", "messages", {}, b"{}"))

    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "not found"}
