"""Equipment that does what a test says, and a supervisor that runs it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import DriverContext, DriverKind, HttpAnswer, HttpRequest
from simlet.gateways.registry import KINDS
from simlet.gateways.supervisor import LOOK_AGAIN_S, Supervisor
from simlet.testing.world import World

NUMBER = "+84967000001"
REQUEST = HttpRequest("GET", "state", {}, b"")

PATIENCE_S = 20.0

Run = Callable[["Equipment"], Awaitable[None]]


class BrokenError(Exception):
    """What the equipment of these tests fails with."""


async def nothing(_: "Equipment") -> None:
    """Takes no time."""


@dataclass
class Equipment:
    """A driver that does what a test says, and remembers when it was run.

    Attributes:
        runs_s: the clock at each start.
        stopped: whether it was cancelled.
    """

    run_once: Run
    context: DriverContext
    began: asyncio.Event
    runs_s: list[float] = field(default_factory=list)
    stopped: bool = False
    answer_once: Run = nothing

    async def run(self) -> None:
        self.runs_s.append(self.context.clock.monotonic_s())
        self.began.set()
        try:
            await self.run_once(self)
        except asyncio.CancelledError:
            self.stopped = True
            raise

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.route == "hang":
            await asyncio.Event().wait()
        await self.answer_once(self)
        return HttpAnswer(200, self.context.gateway.encode())


@dataclass
class Shed:
    """The equipment that was made, by its gateway's name."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    made: dict[str, Equipment] = field(default_factory=dict)
    began: dict[str, asyncio.Event] = field(default_factory=dict)

    async def gateway(self, name: str, run: Run) -> int:
        """A gateway of a kind of its own, which runs like this."""

        began = self.began[name] = asyncio.Event()

        def make(context: DriverContext) -> Equipment:
            self.made[name] = Equipment(run, context, began)
            return self.made[name]

        self.monkeypatch.setitem(KINDS, name, DriverKind(name, "A test's.", (), "", make))
        gateway_id, _ = await self.world.gateway(name, kind=name)
        return gateway_id

    async def running(self, name: str) -> Equipment:
        """The equipment of a gateway, once it runs."""
        await asyncio.wait_for(self.began[name].wait(), PATIENCE_S)
        return self.made[name]


@asynccontextmanager
async def supervised(world: World) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(world.runtime)
    await supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def fail(_: Equipment) -> None:
    raise BrokenError


async def hang(_: Equipment) -> None:
    await asyncio.Event().wait()


def sms(text: str, source_id: str | None = None, sent_at_ms: int | None = None) -> Inbound:
    return Inbound(MessageKind.SMS, NUMBER, "Yahoo", text, sent_at_ms, source_id)


async def look(world: World) -> None:
    """Lets the supervisor look at the gateways again, and come to rest."""
    await world.clock.wait_for_sleeping(1)
    world.clock.advance(LOOK_AGAIN_S)
    await world.clock.wait_for_sleeping(1)
