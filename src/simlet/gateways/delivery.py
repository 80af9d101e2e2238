"""What drivers hand over goes to the database, and to the spool while that does not take it.

A hand-over is one message however often it is tried: one that has neither an id nor a stamp gets
an id of its own before the first try. So a write whose outcome nobody knows may be done again.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound, Quarantine, own_id
from simlet.flows.receive_message import Receipt, read_message, receive_read
from simlet.gateways.contract import Deliver, Result
from simlet.gateways.deadlines import Deadlines
from simlet.gateways.spool import Arrival, Spool, Spooled
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.store.sql import DatabaseFault, Raised

IN_FLIGHT = 256
JUST_NOW_MS = 20
DRAIN_COUNT = 256
POISON_TRIES = 5
ADOPT_EVERY_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_ID_BYTES = 16
_HOUR_MS = 3_600_000

_log = get_log("gateways")

Outcome = Receipt | Raised

_Handed = tuple[int, Inbound, int | None]
"""A message with its gateway's id, and when it came, UTC milliseconds; None for just now."""


def deliver_for(
    runtime: Runtime, gateway_id: int, name: str, spool: Spool | None = None
) -> Deliver:
    """What a gateway's driver hands messages over with: kept in order, told after the commit.

    Messages of one gateway that are under way at the same time are bounded, so that one that
    floods leaves room for the others. Without a spool, what the database does not take fails.
    """
    delivery = _Delivery(runtime, gateway_id, name, spool)

    async def deliver(many: Sequence[Inbound]) -> list[Result]:
        now_ms = runtime.clock.now_ms()
        messages = [_told_apart(runtime, one, now_ms) for one in many]
        results: list[Result] = []
        for start in range(0, len(messages), IN_FLIGHT):
            results += await delivery.keep(messages[start : start + IN_FLIGHT], now_ms)
        return results

    return deliver


def _told_apart(runtime: Runtime, inbound: Inbound, now_ms: int) -> Inbound:
    if inbound.source_id is not None or inbound.sent_at_ms is not None:
        return inbound
    return inbound._replace(source_id=own_id(now_ms, runtime.random_bytes(_ID_BYTES)))


@dataclass(slots=True)
class _Capacity:
    """Room for so many at a time; those who wait get it in the order in which they came."""

    free: int
    _waiting: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)

    async def take(self, count: int) -> None:
        """Returns when there is room for `count`, and it is taken."""
        if not self._waiting and self.free >= count:
            self.free -= count
            return
        had: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((count, had))
        try:
            await had
        except asyncio.CancelledError:
            if had.done() and not had.cancelled():
                self.free += count
            self._let_in()
            raise

    def give(self, count: int) -> None:
        """Gives room back."""
        self.free += count
        if self._waiting:
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            count, had = self._waiting[0]
            if not had.done():
                if self.free < count:
                    return
                self.free -= count
                had.set_result(None)
            self._waiting.popleft()


@dataclass(slots=True)
class _Delivery:
    """The way of one gateway's messages."""

    runtime: Runtime
    gateway_id: int
    name: str
    spool: Spool | None
    _room: _Capacity = field(default_factory=lambda: _Capacity(IN_FLIGHT))
    _deadlines: Deadlines = field(init=False)

    def __post_init__(self) -> None:
        self._deadlines = Deadlines(self.runtime.settings.spool.after_s)

    async def keep(self, messages: list[Inbound], now_ms: int) -> list[Result]:
        """The result of each; behind what waits in the spool, so that a line's order stays."""
        await self._room.take(len(messages))
        try:
            if self.spool is None:
                return self._results(await self._written(messages, now_ms))
            if self.spool.waiting:
                return await self._spooled(self.spool, messages, now_ms)
            return await self._written_or_spooled(self.spool, messages, now_ms)
        finally:
            self._room.give(len(messages))

    async def _written_or_spooled(
        self, spool: Spool, messages: list[Inbound], now_ms: int
    ) -> list[Result]:
        try:
            with self._deadlines.within():
                outcomes = await self._written(messages, now_ms)
        except TimeoutError:
            # It may be kept yet: each is known by its id or stamp when it is written again.
            _log.warning("database_slow", gateway=self.name, messages=len(messages))
            return await self._spooled(spool, messages, now_ms, may_be_kept=True)
        faults = [one for one in outcomes if _is_fault(one)]
        if not faults:
            return self._results(outcomes)
        _log.error("message_not_written", gateway=self.name, exc_info=faults[0].error)
        faulty = [m for m, one in zip(messages, outcomes, strict=True) if _is_fault(one)]
        results = iter(await self._spooled(spool, faulty, now_ms))
        return [next(results) if _is_fault(one) else self._result(one) for one in outcomes]

    async def _spooled(
        self, spool: Spool, messages: list[Inbound], now_ms: int, *, may_be_kept: bool = False
    ) -> list[Result]:
        kept = await spool.append(
            [Arrival(self.gateway_id, self.name, now_ms, one) for one in messages]
        )
        if all(kept):
            return [Result.KEPT] * len(kept)
        if may_be_kept:
            # Whoever sends it again without an id would double it: what became of it is waited for.
            outcomes = await self._written(messages, now_ms)
            return [
                Result.KEPT if is_spooled and _is_fault(one) else self._result(one)
                for is_spooled, one in zip(kept, outcomes, strict=True)
            ]
        _log.error("message_not_kept", gateway=self.name, messages=kept.count(False))
        return [Result.KEPT if one else Result.FAILED for one in kept]

    async def _written(self, messages: list[Inbound], came_at_ms: int) -> list[Outcome]:
        came = _not_just_now(came_at_ms, self.runtime.clock.now_ms())
        return await _written(self.runtime, [(self.gateway_id, one, came) for one in messages])

    def _results(self, outcomes: list[Outcome]) -> list[Result]:
        return [self._result(one) for one in outcomes]

    def _result(self, outcome: Outcome) -> Result:
        if isinstance(outcome, Receipt):
            return _result_of(outcome)
        if isinstance(outcome.error, Refused):
            _log.warning("message_refused", gateway=self.name, code=outcome.error.refusal.code)
        else:
            _log.error("message_not_kept", gateway=self.name, exc_info=outcome.error)
        return Result.FAILED


@dataclass(slots=True)
class Drain:
    """Brings what waits in the spool to the database, when that takes it again."""

    runtime: Runtime
    spool: Spool
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _other: int = 0

    async def start(self) -> None:
        """Adopts what earlier processes left, and begins with it."""
        await self.spool.open()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._adopt())]

    async def stop(self) -> None:
        """Ends; what waits stays on disk. Call it when no driver runs any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.spool.close()

    async def _adopt(self) -> None:
        while True:
            await self.runtime.clock.sleep(ADOPT_EVERY_S)
            hours = self.runtime.settings.retention.texts_hours
            try:
                await self.spool.adopt()
                await self.spool.forget_set_aside(self.runtime.clock.now_ms() - hours * _HOUR_MS)
            except Exception:  # noqa: BLE001 - logged, and tried again
                _log.exception("spool_not_looked_at")

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                went_well, went_on = await self._round()
            except Exception:  # noqa: BLE001 - logged, and tried again
                _log.exception("spool_not_drained")
                went_well = went_on = False
            if went_on:
                pause_s = FIRST_PAUSE_S
            if not went_well:
                await self.runtime.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _round(self) -> tuple[bool, bool]:
        """Tries what waits longest: whether all of it went, and whether any did."""
        batch = await self.spool.batch(DRAIN_COUNT)
        tried = list(zip(batch, await self._tried(batch), strict=True))
        kept = [one for one, outcome in tried if isinstance(outcome, Receipt)]
        await self.spool.done(kept)
        went = len(kept)
        for one, outcome in tried:
            if isinstance(outcome, Receipt):
                _note_refusal(one, outcome)
            elif self._is_hopeless(one, outcome.error, others_went=bool(kept)):
                went += 1
                _log.error("spool_poison", gateway=one.arrival.gateway, exc_info=outcome.error)
                await self.spool.set_aside(one)
        if kept:
            _log.info("spool_drained", messages=len(kept), left=self.spool.waiting)
        elif batch:
            error = tried[0][1]
            name = type(error.error).__name__ if isinstance(error, Raised) else ""
            _log.warning("spool_waits", messages=self.spool.waiting, error=name)
        return 0 < went == len(batch), went > 0

    def _is_hopeless(self, one: Spooled, error: BaseException, *, others_went: bool) -> bool:
        """Whether the fault is the message's: the database took others, and it refuses this one."""
        if isinstance(error, Refused):
            return True
        if others_went or (one.tries and not isinstance(error, DatabaseFault)):
            one.tries += 1
        return one.tries >= POISON_TRIES

    async def _tried(self, batch: list[Spooled]) -> list[Outcome]:
        outcomes = await self._written(batch)
        if len(batch) == 1 or not all(map(_is_fault, outcomes)):
            return outcomes
        return await self._tried_singly(batch, outcomes)

    async def _tried_singly(self, batch: list[Spooled], outcomes: list[Outcome]) -> list[Outcome]:
        """What became of each by itself, as one of them may have taken the others with it.

        The first one and another, each time the next one, tell whether the database is down.
        """
        self._other = self._other % (len(batch) - 1) + 1
        tried: dict[int, Outcome] = {}
        for place in (0, self._other, *range(len(batch))):
            if len(tried) == 2 and all(map(_is_fault, tried.values())):
                return outcomes
            if place not in tried:
                (tried[place],) = await self._written([batch[place]])
        return [tried[place] for place in range(len(batch))]

    async def _written(self, batch: list[Spooled]) -> list[Outcome]:
        arrivals = [one.arrival for one in batch]
        return await _written(
            self.runtime, [(one.gateway_id, one.inbound, one.came_at_ms) for one in arrivals]
        )


async def _written(runtime: Runtime, many: list[_Handed]) -> list[Outcome]:
    """What became of each in the database; it raises only when it is cancelled.

    Each reaches the rental that was open when it came, and none that began later. What comes of it
    has the time at which it is written: the event log and the books do not change behind readers.
    """
    now_ms = runtime.clock.now_ms()
    try:
        read = [
            (gateway_id, inbound, now_ms, read_message(inbound), came_at_ms)
            for gateway_id, inbound, came_at_ms in many
        ]
        return await runtime.db.write_all(receive_read, read)
    except Exception as error:  # noqa: BLE001 - every message's result says so
        return [Raised(error) for _ in many]


def _not_just_now(came_at_ms: int, now_ms: int) -> int | None:
    """When a message came that was held up since: for it alone ended rentals are searched, too."""
    return came_at_ms if now_ms - came_at_ms > JUST_NOW_MS else None


def _is_fault(outcome: Outcome) -> TypeGuard[Raised]:
    return isinstance(outcome, Raised) and not isinstance(outcome.error, Refused)


def _result_of(receipt: Receipt) -> Result:
    if receipt.quarantine is Quarantine.OTHER_GATEWAY:
        return Result.REFUSED
    return Result.DUPLICATE if receipt.duplicate else Result.KEPT


def _note_refusal(one: Spooled, receipt: Receipt) -> None:
    if _result_of(receipt) is Result.REFUSED:
        # The other side was told that it is kept, and it is: in quarantine, for the operator.
        _log.warning("spooled_message_refused", gateway=one.arrival.gateway)
