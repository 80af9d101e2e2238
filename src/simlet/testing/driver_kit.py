"""The kit that every driver must pass: a table of recorded cases, and laws that hold for each.

A driver's test gives an `UnderTest`: its kind, settings, the recorded cases, and how to connect
the other side. `LAWS` is what is to be checked for each case.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Any, Protocol

from simlet.domain.health import GatewayReport, LineReport
from simlet.domain.inbound import Inbound
from simlet.domain.signing import hash_secret
from simlet.gateways.contract import (
    Driver,
    DriverContext,
    DriverKind,
    Expected,
    HttpRequest,
    Result,
    Value,
)
from simlet.gateways.settings import check_settings
from simlet.log import configure_log
from simlet.testing.clock import FakeClock

GATEWAY = "kit"
SECRET = "sg_a-secret-of-the-kit"  # noqa: S105 - of tests
ADDRESS = "https://simlet.test/gateways/kit"
RECORDING_LIMIT_BYTES = 2 * 1024 * 1024
PATIENCE_S = 10.0
_TURNS = 20


class Reaction(Enum):
    """What the other side is told of something that it sent.

    Attributes:
        TAKEN: it may forget it: the acknowledgement of its protocol, or the deletion from the SIM.
        AGAIN: it is to try again later.
        REJECTED: it is not to send it again.
    """

    TAKEN = auto()
    AGAIN = auto()
    REJECTED = auto()


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded thing from the other side, and what comes of it.

    Attributes:
        sent: whatever the connected peer can send: bytes, a request, a PDU.
        inbound: what is handed over for it, in order; empty where there is nothing to keep.
        reaction: what the other side is told when all is kept.
    """

    name: str
    sent: Any
    inbound: tuple[Inbound, ...]
    reaction: Reaction = Reaction.TAKEN


class Peer(Protocol):
    """The other side of a running driver."""

    async def send(self, sent: Any) -> Reaction:
        """Sends what was recorded; returns when the driver has told what became of it."""
        ...


@dataclass(slots=True)
class FakeSupervisor:
    """Stands where the supervisor does: takes what is handed over, and does what a test says.

    Attributes:
        handed_over: every message, in order, also those that were not kept.
        result: what becomes of messages from now on.
        open: while it is not set, messages are neither kept nor refused yet.
        expected: what the driver hears that somebody waits for.
        last_sims: what the SIM that was seen last in each port is known by; None while the
            database fails.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    handed_over: list[Inbound] = field(default_factory=list)
    reports: list[LineReport | GatewayReport] = field(default_factory=list)
    result: Result = Result.KEPT
    open: asyncio.Event = field(default_factory=asyncio.Event)
    expected: Sequence[Expected] = ()
    last_sims: dict[str, frozenset[str]] | None = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def context(
        self, kind: DriverKind, settings: Mapping[str, Value] | None = None
    ) -> DriverContext:
        """What a driver of a kind gets to work with; its settings are checked and completed."""
        return DriverContext(
            gateway=GATEWAY,
            settings=check_settings(kind, settings or {}),
            secret_hash=hash_secret(SECRET) if kind.takes_secret else None,
            clock=self.clock,
            chance=Random(1).randrange,  # noqa: S311 - for tests
            deliver=self.deliver,
            expected=self._expected,
            recording_limit_bytes=RECORDING_LIMIT_BYTES,
            report=self.reports.append,
            address=ADDRESS,
            last_sim=self._last_sim,
        )

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        """See `simlet.gateways.contract.Deliver`."""
        self.handed_over.extend(many)
        self._arrived.set()
        await self.open.wait()
        return [self.result for _ in many]

    async def until_handed_over(self, count: int) -> list[Inbound]:
        """Waits until so many messages were handed over; gives all of them.

        Raises:
            TimeoutError: they do not come.
        """
        async with asyncio.timeout(PATIENCE_S):
            while len(self.handed_over) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return list(self.handed_over)

    async def _last_sim(self, port: str) -> frozenset[str]:
        if self.last_sims is None:
            raise OSError
        return self.last_sims.get(port, frozenset())

    async def _expected(self) -> AsyncIterator[Expected]:
        for one in self.expected:
            yield one


Connect = Callable[[FakeSupervisor], AbstractAsyncContextManager[Peer]]


@asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[None]:
    """A driver at work, as the supervisor has it; ended at the end.

    Raises:
        Exception: whatever ended the driver before its time.
    """
    task = asyncio.ensure_future(driver.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


_TRANSIENT = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Poster:
    """The other side of a driver that is called over HTTP: it sends each `HttpRequest`."""

    driver: Driver

    async def send(self, sent: HttpRequest) -> Reaction:
        """Asks the driver, and takes its status as a client that repeats would."""
        status = (await self.driver.answer(sent)).status
        if status // 100 == 2:  # RFC 9110, 15.3
            return Reaction.TAKEN
        again = status in _TRANSIENT or status >= 500  # RFC 9110, 15.6
        return Reaction.AGAIN if again else Reaction.REJECTED


def over_http(kind: DriverKind, settings: Mapping[str, Value] | None = None) -> Connect:
    """How to connect to a driver whose cases are requests."""

    @asynccontextmanager
    async def connect(supervisor: FakeSupervisor) -> AsyncIterator[Peer]:
        driver = kind.make(supervisor.context(kind, settings))
        async with running(driver):
            yield Poster(driver)

    return connect


@dataclass(frozen=True, slots=True)
class UnderTest:
    """A kind of driver under test.

    Attributes:
        connect: makes a driver with a context of its own, runs it, connects the other side, and
            ends both.
        secrets: what must not be found in the log, beside the messages.
        settings: of a kind that has to be given some.
    """

    kind: DriverKind
    cases: tuple[Case, ...]
    connect: Connect
    secrets: tuple[str, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)


async def hands_over_what_was_sent(under_test: UnderTest, case: Case) -> None:
    """The messages are as they were recorded, and the other side is told that they are kept."""
    supervisor = FakeSupervisor()
    async with under_test.connect(supervisor) as peer:
        reaction = await _reaction(peer, case)
    assert tuple(supervisor.handed_over) == case.inbound
    assert reaction is case.reaction


async def acknowledges_after_keeping(under_test: UnderTest, case: Case) -> None:
    """The other side hears nothing before the message is on disk."""
    if not case.inbound:
        return
    supervisor = FakeSupervisor()
    supervisor.open.clear()
    async with under_test.connect(supervisor) as peer:
        sending = asyncio.ensure_future(_reaction(peer, case))
        await supervisor.until_handed_over(1)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        assert not sending.done()
        supervisor.open.set()
        assert await sending is case.reaction


async def asks_again_for_what_is_not_kept(under_test: UnderTest, case: Case) -> None:
    """What could not be kept is not taken from the other side."""
    if not case.inbound:
        return
    supervisor = FakeSupervisor(result=Result.FAILED)
    async with under_test.connect(supervisor) as peer:
        assert await _reaction(peer, case) is Reaction.AGAIN


async def takes_what_was_kept_before(under_test: UnderTest, case: Case) -> None:
    """A repetition is acknowledged, so that it ends."""
    if not case.inbound:
        return
    supervisor = FakeSupervisor(result=Result.DUPLICATE)
    async with under_test.connect(supervisor) as peer:
        assert await _reaction(peer, case) is case.reaction


async def ends_what_is_refused(under_test: UnderTest, case: Case) -> None:
    """What is another gateway's is not asked for again."""
    if not case.inbound:
        return
    supervisor = FakeSupervisor(result=Result.REFUSED)
    async with under_test.connect(supervisor) as peer:
        assert await _reaction(peer, case) in {Reaction.TAKEN, Reaction.REJECTED}


async def logs_nothing_of_a_message(under_test: UnderTest, case: Case) -> None:
    """No sender, no text, no whole number and no secret reaches the log."""
    stream = io.StringIO()
    configure_log("debug", "json", stream)
    for result in (Result.KEPT, Result.FAILED):
        supervisor = FakeSupervisor(result=result)
        async with under_test.connect(supervisor) as peer:
            await _reaction(peer, case)
    logged = stream.getvalue()
    said = [one for message in case.inbound for one in (message.to, message.sender, message.text)]
    for secret in (*said, *under_test.secrets, SECRET):
        assert len(secret) < 4 or secret not in logged


Law = Callable[[UnderTest, Case], Awaitable[None]]

LAWS: tuple[Law, ...] = (
    hands_over_what_was_sent,
    acknowledges_after_keeping,
    asks_again_for_what_is_not_kept,
    takes_what_was_kept_before,
    ends_what_is_refused,
    logs_nothing_of_a_message,
)


async def _reaction(peer: Peer, case: Case) -> Reaction:
    async with asyncio.timeout(PATIENCE_S):
        return await peer.send(case.sent)
