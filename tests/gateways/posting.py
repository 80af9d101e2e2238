"""A gateway's way to a database that a test breaks and mends, with a spool behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines import Passing
from simlet.config import Settings, SpoolSettings
from simlet.domain.inbound import Inbound, MessageKind, Quarantine
from simlet.flows.receive_message import Receipt, receive_message
from simlet.gateways import delivery
from simlet.gateways.contract import Deliver, Result
from simlet.gateways.delivery import Drain, deliver_for
from simlet.gateways.spool import Spool
from simlet.store.database import Database
from simlet.store.sql import Call, DatabaseFault, Raised, Tx
from simlet.testing.world import World

NUMBER = "+84967000001"
LIMIT_BYTES = 1_000_000
PATIENCE_S = 20.0
KEPT, FAILED, REFUSED, DUPLICATE = (
    Result.KEPT,
    Result.FAILED,
    Result.REFUSED,
    Result.DUPLICATE,
)


def sms(text: str, to: str = NUMBER, sent_at_ms: int | None = None, **others: Any) -> Inbound:
    given = {"source_id": f"id of {text}"} | others
    return Inbound(MessageKind.SMS, to, "Yahoo", text, sent_at_ms, **given)


async def until(holds: Callable[[], bool]) -> None:
    """Lets the others work until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what a thread or a task of another does tells nobody
            await asyncio.sleep(0.001)


@dataclass
class Moody(Passing):
    """A database that works, or does not, as a test says.

    Attributes:
        fault: what all writes fail with; None while they work.
        bad: messages that fail what is written with them, all of it.
        open: while it is not set, what is written is done, and nobody is told.
        under_way: how many messages are being written.
    """

    fault: Exception | None = None
    bad: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    tries: list[int] = field(default_factory=list)
    under_way: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def write_all(self, calls: list[Call]) -> list[Any]:
        self.tries.append(len(calls))
        if self.fault is not None:
            return [Raised(self.fault) for _ in calls]
        if any(self._is_bad(call) for call in calls):
            return [Raised(DatabaseFault("one took the others with it")) for _ in calls]
        self.under_way += len(calls)
        outcomes = await self.engine.write_all(calls)
        self.began.set()
        try:
            await self.open.wait()
        finally:
            self.under_way -= len(calls)
        return outcomes

    def _is_bad(self, call: Any) -> bool:
        if not self.bad:
            return False
        ((_, inbound, *_),) = call.args
        return inbound.text in self.bad


@dataclass
class Post:
    """A gateway's way to the database, with a spool behind it."""

    world: World
    moody: Moody
    drain: Drain
    gateway_id: int
    _deliver: Deliver

    async def deliver(self, many: Sequence[Inbound]) -> list[Result]:
        return await self._deliver(many)

    @property
    def spool(self) -> Spool:
        return self.drain.spool

    async def bodies(self) -> list[str]:
        return [row[0] for row in await self.world.rows("SELECT body FROM messages ORDER BY id")]

    async def pause(self) -> None:
        """Waits until the drain pauses, or has nothing to do."""
        # The other sleep is for the files of others.
        await until(lambda: not self.spool.waiting or self.world.clock.sleeping >= 2)

    async def drained(self, down_to: int = 0) -> None:
        """Lets time pass until nothing waits, or no more than so many."""
        for _ in range(100):
            await self.pause()
            self.world.clock.advance(5)
            await asyncio.sleep(0)
            if self.spool.waiting <= down_to:
                return
        raise AssertionError("it does not end")

    def break_down(self) -> None:
        self.moody.fault = DatabaseFault("down")


@asynccontextmanager
async def posted(
    world: World, folder: Path, limit_bytes: int = LIMIT_BYTES, after_s: float = 30
) -> AsyncIterator[Post]:
    moody = Moody(world.db.engine)
    spool_settings = SpoolSettings(after_s=after_s)
    runtime = replace(
        world.runtime,
        db=Database(moody),
        settings=msgspec.structs.replace(Settings(), spool=spool_settings),
    )
    drain = Drain(runtime, Spool(folder, limit_bytes, world.clock))
    found = await world.rows("SELECT id FROM gateways WHERE name = 'gate'")
    gateway_id = found[0][0] if found else (await world.gateway("gate"))[0]
    await drain.start()
    try:
        deliver = deliver_for(runtime, gateway_id, "gate", drain.spool)
        yield Post(world, moody, drain, gateway_id, deliver)
    finally:
        moody.open.set()
        await drain.stop()


def keep_with(monkeypatch: pytest.MonkeyPatch, flow: Callable[..., Receipt]) -> None:
    """Has another flow keep the messages."""
    monkeypatch.setattr(delivery, "receive_read", lambda tx, one: flow(tx, *one))


def failing_for(texts: set[str], error: Exception) -> Callable[..., Receipt]:
    """The flow, with a fault for some messages."""

    def receive(tx: Tx, gateway_id: int, inbound: Inbound, *more: Any) -> Receipt:
        if inbound.text in texts:
            raise error
        return receive_message(tx, gateway_id, inbound, *more)

    return receive


def of_another_gateway(*_: object) -> Receipt:
    """A flow that finds every message to be for the line of another gateway."""
    return Receipt(1, duplicate=False, quarantine=Quarantine.OTHER_GATEWAY)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())
