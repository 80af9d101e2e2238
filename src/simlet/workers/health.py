"""Watches lines and gateways: writes what they report, counts, and moves lines in the pool."""

from dataclasses import dataclass, field

from simlet.clock import Clock
from simlet.domain.line_health import PoolPolicy
from simlet.flows.follow_gateways import (
    any_turning,
    follow_gateway,
    lines_behind,
    turn_gateways,
    turned_gateways,
)
from simlet.flows.probe_lines import lines_due, probe_lines
from simlet.flows.watch_lines import read_on, watch_lines
from simlet.gateways.reports import Reports, rules_of
from simlet.runtime import Runtime
from simlet.store.gateway_health import PoolChange
from simlet.workers.periodic_task import PeriodicTask

PAUSE_S = 1.0
EVENTS_PAGE = 2_000
LINES_PAGE = 500
LOOK_AGAIN_S = 60.0
"""Lines that came to a gateway while it was down are found within this time."""


def noting(reports: Reports, clock: Clock) -> PeriodicTask:
    """The worker that writes what the drivers of this process report."""
    return PeriodicTask("reports", reports.flush, PAUSE_S, clock)


def watching(runtime: Runtime) -> PeriodicTask:
    """The worker that moves lines in the pool; one process alone has it."""
    return PeriodicTask("lines", _Watch(runtime, rules_of(runtime)).turn, PAUSE_S, runtime.clock)


@dataclass(slots=True)
class _Watch:
    """Each turn reads first, and writes only where there is something to write.

    Attributes:
        _behind: gateways whose lines may have to follow, and the line behind which to go on.
        _again_s: when all gateways' lines are looked through again.
    """

    runtime: Runtime
    rules: PoolPolicy
    _behind: dict[PoolChange, int] = field(default_factory=dict)
    _again_s: float = 0.0

    async def turn(self) -> bool:
        """One page of each sort of work; True when any has more."""
        more = [await self._count(), await self._follow(), await self._probe()]
        return any(more)

    async def _count(self) -> bool:
        page = await self.runtime.db.read(read_on, EVENTS_PAGE)
        if page.seq != page.after:
            await self.runtime.db.write(watch_lines, page, self.rules, self._now_ms())
        return page.full

    async def _probe(self) -> bool:
        if not await self.runtime.db.read(lines_due, self._now_ms()):
            return False
        await self.runtime.db.write(probe_lines, self.rules, self._now_ms(), LINES_PAGE)
        return await self.runtime.db.read(lines_due, self._now_ms())

    async def _follow(self) -> bool:
        await self._turn_gateways()
        if not self._behind:
            return False
        turn, after = next(iter(self._behind.items()))
        line_ids = await self.runtime.db.read(lines_behind, turn, after, LINES_PAGE)
        if not line_ids:
            del self._behind[turn]
            return bool(self._behind)
        count = await self.runtime.db.write(follow_gateway, line_ids, self.rules, self._now_ms())
        self._behind[turn] = line_ids[count - 1]
        return True

    async def _turn_gateways(self) -> None:
        now_s = self.runtime.clock.monotonic_s()
        if await self.runtime.db.read(any_turning, self.rules, self._now_ms()):
            await self.runtime.db.write(turn_gateways, self.rules, self._now_ms())
        elif now_s < self._again_s:
            return
        self._again_s = now_s + LOOK_AGAIN_S
        turns = await self.runtime.db.read(turned_gateways)
        self._behind = dict.fromkeys(turns, 0)

    def _now_ms(self) -> int:
        return self.runtime.clock.now_ms()
