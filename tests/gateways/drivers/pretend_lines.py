"""The simulator as its tests run it: what it hears, and who keeps what it hands over."""

import asyncio
import importlib.resources
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random

from simlet.domain.allocate import Chance
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import (
    Deliver,
    Driver,
    DriverContext,
    Expected,
    Result,
    Settings,
)
from simlet.gateways.drivers.simulator import KIND
from simlet.gateways.settings import check_settings
from simlet.testing.clock import START_MS, FakeClock

NUMBER = "+84912345678"
YAHOO = Expected(NUMBER, "Yahoo", ("Yahoo",))
AT_ONCE: Settings = {"delay_min_s": 0, "delay_max_s": 0}
SERVICES = (
    "Yahoo",
    "Google / Gmail",
    "ZALO",
    "Shopee VN",
    "DV KHÁC (TEST)",
    "Điện Máy Xanh",
    "Be",
    "7-Eleven",
    "Kênh {14}",
    "123.vn",
)
_FILE = importlib.resources.files("simlet.gateways.drivers").joinpath("simulator_texts.toml")
TEXTS = tomllib.loads(_FILE.read_text("utf-8"))


class BrokenError(Exception):
    """What a deliver or an expected of these tests raises."""


@dataclass
class Kept:
    """Keeps what is handed over, and fails as often as it was told to.

    Attributes:
        raises: how many of the next calls raise.
        fails: for each of the next calls, the places of the messages that are not kept.
        tries: the clock's time at each call.
    """

    clock: FakeClock
    raises: int = 0
    fails: list[set[int]] = field(default_factory=list)
    messages: list[Inbound] = field(default_factory=list)
    calls: list[list[Inbound]] = field(default_factory=list)
    tries: list[int] = field(default_factory=list)

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        self.tries.append(self.clock.now_ms() - START_MS)
        await asyncio.sleep(0)
        if self.raises:
            self.raises -= 1
            raise BrokenError
        self.calls.append(list(many))
        failing = self.fails.pop(0) if self.fails else set()
        self.messages += [one for place, one in enumerate(many) if place not in failing]
        return [Result.FAILED if place in failing else Result.KEPT for place in range(len(many))]


async def each(*heard: Expected) -> AsyncIterator[Expected]:
    for one in heard:
        yield one


def driver_of(
    kept: Kept,
    *heard: Expected,
    settings: Settings | None = None,
    chance: Chance | None = None,
    deliver: Deliver | None = None,
) -> Driver:
    """A driver that hears of what is given here, and of nothing after that."""
    return KIND.make(
        DriverContext(
            gateway="pretend",
            settings=check_settings(KIND, settings or {}),
            secret_hash=None,
            clock=kept.clock,
            chance=chance or Random(1).randrange,
            deliver=deliver or kept.deliver,
            expected=lambda: each(*heard),
            recording_limit_bytes=0,
        )
    )


async def give_way() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def finish(driver: Driver, clock: FakeClock, step_s: float = 1.0) -> None:
    """Runs a driver to its end, letting time pass by steps."""
    running = asyncio.create_task(driver.run())
    await give_way()
    while not running.done():
        clock.advance(step_s)
        await give_way()
    await running


async def kept_of(
    *heard: Expected, settings: Settings | None = None, chance: Chance | None = None
) -> list[Inbound]:
    """All that becomes of what is expected, in the order in which it was handed over."""
    kept = Kept(FakeClock())
    await finish(driver_of(kept, *heard, settings=settings, chance=chance), kept.clock)
    return kept.messages


def many_expected(count: int) -> list[Expected]:
    return [
        Expected(f"+849{place:08}", SERVICES[place % len(SERVICES)], ()) for place in range(count)
    ]


def said(messages: Sequence[Inbound]) -> list[tuple[str, str, str, int | None]]:
    """The messages without their ids, which differ from run to run."""
    return [(one.to, one.sender, one.text, one.sent_at_ms) for one in messages]
