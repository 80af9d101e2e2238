"""Counts what came of rentals, and keeps what it comes to for each service."""

from dataclasses import dataclass, field

from simlet.domain.figures import hour_of
from simlet.flows.count_figures import (
    count_figures,
    forget_hours,
    keep_figures,
    read_on,
    sum_figures,
)
from simlet.flows.count_page import LogPage
from simlet.runtime import Runtime
from simlet.store.figures import Sample
from simlet.workers.periodic_task import PeriodicTask

PAGE = 2_000
PAUSE_S = 5.0


def counting(runtime: Runtime) -> PeriodicTask:
    """The worker that counts; one process alone has it."""
    return PeriodicTask("figures", _Figures(runtime).turn, PAUSE_S, runtime.clock)


@dataclass(slots=True)
class _Figures:
    """Each turn reads first, and writes only where there is something to write.

    Attributes:
        _touched: services of which something was counted since their sums were made.
        _hour: the hour of the last sums of all services; a new hour leaves an old one behind.
    """

    runtime: Runtime
    _touched: set[int] = field(default_factory=set)
    _hour: int = 0

    async def turn(self) -> bool:
        """One page of the event log; the sums follow when there is no other page."""
        page = await self.runtime.db.read(read_on, PAGE)
        await self._count(page)
        if page.full:
            return True
        await self._sum()
        return False

    async def _count(self, page: LogPage[Sample]) -> None:
        if page.seq == page.after:
            return
        if await self.runtime.db.write(count_figures, page, self.runtime.clock.now_ms()):
            self._touched.update(one.service_id for one in page.items)

    async def _sum(self) -> None:
        now_ms = self.runtime.clock.now_ms()
        new_hour = hour_of(now_ms) != self._hour
        if not new_hour and not self._touched:
            return
        wanted = None if new_hour else frozenset(self._touched)
        sums = await self.runtime.db.read(sum_figures, wanted, now_ms)
        await self.runtime.db.write(keep_figures, sums)
        if new_hour:
            await self.runtime.db.write(forget_hours, now_ms)
        self._touched.clear()
        self._hour = hour_of(now_ms)
