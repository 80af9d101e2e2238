"""Starts drivers, again when they fail or are set anew, and stops them; none holds up another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from simlet.domain.errors import Refused
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound
from simlet.flows import browse
from simlet.flows.manage_gateways import CONSOLE
from simlet.flows.note_reports import last_sim_in
from simlet.gateways.contract import (
    Deliver,
    Driver,
    DriverContext,
    Expected,
    HttpAnswer,
    HttpRequest,
    Report,
    Result,
    unheard,
)
from simlet.gateways.deadlines import Deadlines
from simlet.gateways.delivery import deliver_for
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_settings
from simlet.gateways.spool import Spool
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.store.gateways import Gateway
from simlet.store.sql import DatabaseFault

LOOK_AGAIN_S = 1.0
NOTE_AGAIN_S = 10.0
REFUSALS = range(400, 500)
EXPECTED_TICK_S = 0.2
EXPECTED_PAGE = 500
ANSWER_WITHIN_S = 30.0
STOP_WITHIN_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0

_log = get_log("gateways")


def _nobody(_: Gateway) -> Report:
    return unheard


@dataclass(slots=True)
class Supervisor:
    """All gateways of a running server; it follows what is added, changed and removed.

    Attributes:
        spool: takes what the database cannot; None where nothing does.
        report_of: who hears what is told of a gateway and its lines.
        answer_within_s: how long a driver may take to answer a request.
        stop_within_s: how long drivers may take to end.
    """

    runtime: Runtime
    spool: Spool | None = None
    report_of: Callable[[Gateway], Report] = _nobody
    answer_within_s: float = ANSWER_WITHIN_S
    stop_within_s: float = STOP_WITHIN_S
    _drivers: dict[str, Driver] = field(default_factory=dict)
    _made_of: dict[str, Gateway] = field(default_factory=dict)
    _fresh_until_s: dict[str, float] = field(default_factory=dict)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _running: dict[int, Gateway] = field(default_factory=dict)
    _answering: set[asyncio.Task[HttpAnswer]] = field(default_factory=set)
    _unknown: set[int] = field(default_factory=set)
    _noted_until_s: dict[tuple[str, int], float] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None
    _deadlines: Deadlines = field(init=False)

    def __post_init__(self) -> None:
        self._deadlines = Deadlines(self.answer_within_s)

    async def start(self) -> None:
        """Starts every gateway's driver, and goes on looking for what has changed."""
        await self._follow()
        self._looking = asyncio.create_task(self._look())

    async def learn(self) -> None:
        """Makes all drivers and runs none, in a process that only answers.

        So it can take what is posted when the database can tell of no gateway any more.
        """
        for gateway in await self.runtime.db.read(browse.list_gateways):
            if gateway.kind in KINDS:
                # What will not do is told by the process that runs it.
                with suppress(Refused):
                    self._driver(gateway)

    async def stop(self) -> None:
        """Stops all drivers; one that does not end when it is told to is left behind."""
        looking = [self._looking] if self._looking else []
        tasks = [*looking, *self._tasks.values(), *self._answering]
        for task in tasks:
            task.cancel()
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=self.stop_within_s)
            for task in hanging:
                _log.error("driver_does_not_stop", task=task.get_name())

    async def answer(self, name: str, request: HttpRequest) -> HttpAnswer | None:
        """A gateway's answer to a request at one of its addresses; None when there is no such."""
        if self._looking is None:
            await self._refresh(name)
        driver = self._drivers.get(name)
        if driver is None:
            gateway = await self._find(name)
            if gateway is None:
                return None
            driver = self._usable(gateway)
            if driver is None:
                return _unavailable("the gateway cannot work with its settings")
        if _is_packed(request):
            answer = _refused(415, "Content-Encoding: expected a body that is not compressed")
        else:
            answer = await self._answer_in_time(name, driver, request)
        self.note_refusal(name, answer)
        return answer

    async def _refresh(self, name: str) -> None:
        """In a process that runs no drivers, lets one go that was changed or removed.

        While the database does not answer, the one that is known stays: it has the spool.
        """
        now_s = self.runtime.clock.monotonic_s()
        if name in self._drivers and now_s >= self._fresh_until_s.get(name, 0.0):
            self._fresh_until_s[name] = now_s + LOOK_AGAIN_S
            with suppress(DatabaseFault):
                if await self._find(name) != self._made_of[name]:
                    self._forget(name)

    def _forget(self, name: str) -> None:
        self._drivers.pop(name, None)
        self._made_of.pop(name, None)

    def note_refusal(self, name: str, answer: HttpAnswer) -> None:
        """Tells the operator of what was not taken, and not each time of one that keeps asking."""
        now_s, status = self.runtime.clock.monotonic_s(), answer.status
        # Names that no gateway has are as many as somebody likes.
        if status not in REFUSALS or name not in self._drivers:
            return
        if now_s >= self._noted_until_s.get((name, status), 0.0):
            self._noted_until_s[name, status] = now_s + NOTE_AGAIN_S
            _log.warning("request_refused", gateway=name, status=status, reason=answer.reason)

    async def _answer_in_time(self, name: str, driver: Driver, request: HttpRequest) -> HttpAnswer:
        """In a task, which is left behind where it does not even end when it is told to."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(driver.answer(request))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        over: asyncio.Future[None] = loop.create_future()
        end = partial(_end_once, over)
        task.add_done_callback(end)
        deadline = self._deadlines.begin(end)
        try:
            await over
            if task.done():
                return task.result()
        finally:
            deadline.end()
            task.cancel()
        _log.error("driver_does_not_answer", gateway=name, after_s=self.answer_within_s)
        return _unavailable("it could not be done now; try again")

    async def _find(self, name: str) -> Gateway | None:
        # What no name can be is not asked for: PostgreSQL takes no NUL.
        if not name.isprintable():
            return None
        gateway = await self.runtime.db.quick_read(browse.find_gateway, name)
        return gateway if gateway is not None and self._is_known(gateway) else None

    async def _look(self) -> None:
        while True:
            await self.runtime.clock.sleep(LOOK_AGAIN_S)
            try:
                await self._follow()
            except Exception:  # noqa: BLE001 - logged, and the rest goes on
                _log.exception("gateways_not_read")

    async def _follow(self) -> None:
        """Starts what is new, stops what is gone, and starts again what was set anew."""
        listed = await self.runtime.db.read(browse.list_gateways)
        wanted = {one.id: one for one in listed if self._is_known(one)}
        for gateway in list(self._running.values()):
            if wanted.get(gateway.id) != gateway:
                await self._end(gateway)
        for gateway in wanted.values():
            if gateway.id not in self._running:
                self._running[gateway.id] = gateway
                self._tasks[gateway.id] = asyncio.create_task(self._run(gateway), name=gateway.name)

    async def _end(self, gateway: Gateway) -> None:
        """Ends a driver. One that goes on holds its equipment: no other is started beside it."""
        task = self._tasks[gateway.id]
        task.cancel()
        _, hanging = await asyncio.wait({task}, timeout=self.stop_within_s)
        if hanging:
            _log.error("driver_does_not_stop", task=task.get_name())
            return
        self._forget(gateway.name)
        del self._tasks[gateway.id], self._running[gateway.id]
        _log.info("driver_ended", gateway=gateway.name)

    def _is_known(self, gateway: Gateway) -> bool:
        """Whether there are drivers of its kind; that there are none is logged once.

        What the operator puts in by hand needs none.
        """
        if gateway.kind in KINDS:
            return True
        if gateway.kind != CONSOLE and gateway.id not in self._unknown:
            self._unknown.add(gateway.id)
            _log.error("gateway_kind_unknown", gateway=gateway.name, kind=gateway.kind)
        return False

    def _usable(self, gateway: Gateway) -> Driver | None:
        """The driver of a gateway; None where its settings will not do, which is told."""
        try:
            return self._driver(gateway)
        except Refused as refused:
            # The sentence names the setting and what was expected, and not what was given.
            _log.error("gateway_unusable", gateway=gateway.name, reason=refused.sentence)
            self._tell_down(gateway, refused.sentence)
            return None

    def _driver(self, gateway: Gateway) -> Driver:
        driver = self._drivers.get(gateway.name)
        if driver is None or self._made_of[gateway.name] != gateway:
            driver = KINDS[gateway.kind].make(self._context(gateway))
            self._drivers[gateway.name] = driver
            self._made_of[gateway.name] = gateway
        return driver

    async def _run(self, gateway: Gateway) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = self.runtime.clock.monotonic_s()
            try:
                driver = self._usable(gateway)
                if driver is not None:
                    await driver.run()
            except Exception as error:  # noqa: BLE001 - logged, and the rest goes on
                lasted_s = self.runtime.clock.monotonic_s() - started_s
                # One that held for a while did not fail at its start, and begins again soon.
                pause_s = _FIRST_PAUSE_S if lasted_s > _LONGEST_PAUSE_S else pause_s
                _log.exception("driver_failed", gateway=gateway.name, again_in_s=pause_s)
                self._tell_down(gateway, f"its driver failed: {type(error).__name__}")
            else:
                return
            await self.runtime.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _tell_down(self, gateway: Gateway, detail: str) -> None:
        self.report_of(gateway)(GatewayReport(up=False, detail=detail))

    def _deliver(self, gateway: Gateway) -> Deliver:
        deliver = deliver_for(self.runtime, gateway.id, gateway.name, self.spool)
        if not KINDS[gateway.kind].reads_sims:
            return deliver

        async def deliver_from_sims(many: Sequence[Inbound]) -> list[Result]:
            return await deliver([one._replace(has_sim=one.iccid is not None) for one in many])

        return deliver_from_sims

    def _context(self, gateway: Gateway) -> DriverContext:
        return DriverContext(
            gateway=gateway.name,
            settings=check_settings(KINDS[gateway.kind], gateway.settings),
            secret_hash=gateway.secret_hash,
            clock=self.runtime.clock,
            chance=self.runtime.chance,
            deliver=self._deliver(gateway),
            expected=lambda: expected_on(self.runtime, gateway.id),
            recording_limit_bytes=self.runtime.settings.recordings.size_limit_bytes,
            report=self.report_of(gateway),
            address=f"{self.runtime.base_url}/gateways/{gateway.name}",
            last_sim=lambda port: self.runtime.db.read(last_sim_in, gateway.id, port),
        )


def _end_once(over: asyncio.Future[None], _: object = None) -> None:
    if not over.done():
        over.set_result(None)


def _is_packed(request: HttpRequest) -> bool:
    """Whether its body is not what stands in it: compressed, which no driver reads."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    return encoding not in {"", "identity"}


def _unavailable(sentence: str) -> HttpAnswer:
    return _refused(503, sentence)


def _refused(status: int, sentence: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode({"error": sentence}), reason=sentence)


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
