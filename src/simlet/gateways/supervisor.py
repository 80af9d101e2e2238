"""Starts drivers, starts them again when they fail, and stops them; hands messages to the flow."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound
from simlet.flows import browse
from simlet.flows.receive_message import Receipt, receive_message
from simlet.gateways.contract import (
    Deliver,
    Driver,
    Expected,
    Fate,
    HttpAnswer,
    HttpRequest,
    Tools,
)
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_settings
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.store.gateways import Gateway
from simlet.store.sql import Raised, Tx

LOOK_AGAIN_S = 1.0
EXPECTED_TICK_S = 0.2
EXPECTED_PAGE = 500
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0

_log = get_log("gateways")


@dataclass(slots=True)
class Supervisor:
    """All gateways of a running server; new ones are found while it runs."""

    runtime: Runtime
    _drivers: dict[str, Driver] = field(default_factory=dict)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts every gateway's driver, and goes on looking for new ones."""
        await self._start_new()
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Stops all drivers; what they handed over is kept by then."""
        tasks = [*self._tasks.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def answer(self, name: str, request: HttpRequest) -> HttpAnswer | None:
        """A gateway's answer to a request at one of its addresses; None when there is no such."""
        # A gateway stays as it was added, so each is looked up once.
        driver = self._drivers.get(name) or await self._find(name)
        return None if driver is None else await driver.answer(request)

    async def _find(self, name: str) -> Driver | None:
        # What no name can be is not asked for: PostgreSQL takes no NUL.
        if not name.isprintable():
            return None
        gateway = await self.runtime.db.glance(browse.find_gateway, name)
        if gateway is None or gateway.kind not in KINDS:
            return None
        return self._driver(gateway)

    async def _look(self) -> None:
        while True:
            await self.runtime.clock.sleep(LOOK_AGAIN_S)
            try:
                await self._start_new()
            except Exception:  # noqa: BLE001 - logged, and the rest goes on
                _log.exception("gateways_not_read")

    async def _start_new(self) -> None:
        for gateway in await self.runtime.db.read(browse.list_gateways):
            if gateway.id not in self._tasks and gateway.kind in KINDS:
                self._tasks[gateway.id] = asyncio.create_task(self._run(gateway))

    def _driver(self, gateway: Gateway) -> Driver:
        driver = self._drivers.get(gateway.name)
        if driver is None:
            driver = KINDS[gateway.kind].make(self._tools(gateway))
            self._drivers[gateway.name] = driver
        return driver

    async def _run(self, gateway: Gateway) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = self.runtime.clock.monotonic_s()
            try:
                await self._driver(gateway).run()
            except Exception:  # noqa: BLE001 - logged, and the rest goes on
                lasted_s = self.runtime.clock.monotonic_s() - started_s
                # One that held for a while did not fail at its start, and begins again soon.
                pause_s = _FIRST_PAUSE_S if lasted_s > _LONGEST_PAUSE_S else pause_s
                _log.exception("driver_failed", gateway=gateway.name, again_in_s=pause_s)
            else:
                return
            await self.runtime.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _tools(self, gateway: Gateway) -> Tools:
        return Tools(
            gateway=gateway.name,
            settings=check_settings(KINDS[gateway.kind], gateway.settings),
            secret_hash=gateway.secret_hash,
            clock=self.runtime.clock,
            chance=self.runtime.chance,
            deliver=deliver_for(self.runtime, gateway.id, gateway.name),
            expected=lambda: expected_on(self.runtime, gateway.id),
            recording_limit_bytes=self.runtime.settings.recordings.size_limit_bytes,
            address=f"{self.runtime.base_url}/gateways/{gateway.name}",
        )


def deliver_for(runtime: Runtime, gateway_id: int, name: str) -> Deliver:
    """What a gateway's driver hands messages over with: kept in order, told after the commit."""

    async def deliver(many: Sequence[Inbound]) -> list[Fate]:
        now_ms = runtime.clock.now_ms()

        def receive(tx: Tx, inbound: Inbound) -> Receipt:
            return receive_message(tx, gateway_id, inbound, now_ms)

        outcomes = await runtime.db.write_all(receive, many)
        return [_fate(name, outcome) for outcome in outcomes]

    return deliver


def _fate(gateway: str, outcome: Receipt | Raised) -> Fate:
    if isinstance(outcome, Raised):
        if isinstance(outcome.error, Refused):
            _log.warning("message_refused", gateway=gateway, code=outcome.error.refusal.code)
        else:
            _log.error("message_not_kept", gateway=gateway, exc_info=outcome.error)
        return Fate.FAILED
    return Fate.DUPLICATE if outcome.duplicate else Fate.KEPT


async def expected_on(runtime: Runtime, gateway_id: int) -> AsyncIterator[Expected]:
    """What is waited for on a gateway's own lines, from now on; read from the event log."""
    after = await runtime.db.read(browse.last_event)
    while True:
        found = await runtime.db.read(browse.expected_since, gateway_id, after, EXPECTED_PAGE)
        after = found.seq
        for one in found.expected:
            yield Expected(one.number, one.service, one.senders)
        if not found.full:
            await runtime.clock.sleep(EXPECTED_TICK_S)
