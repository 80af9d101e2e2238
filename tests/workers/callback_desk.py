"""The worker of callbacks on the world's clock, and rentals whose ends it tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import msgspec

from simlet.config import CallbackSettings
from simlet.outbound import Answer, Poster
from simlet.store.events import number_events
from simlet.testing.world import Dealer, World
from simlet.web.recordings import recording_url, recording_urls
from simlet.web.v1.shapes import event_bytes
from simlet.workers.callbacks import CallbackWorker

URL = "https://dealer.example/sms"
REFUSED = Answer(status=500, error=None, duration_ms=3)
PATIENCE_S = 10.0
LEASE_S = 5 + 30


@dataclass
class Desk:
    """The worker of callbacks, turn by turn on the world's clock."""

    world: World
    posting: CallbackWorker

    async def pass_time(self, seconds: float) -> None:
        """Lets time pass; whatever is due then was posted, and what came of it recorded."""
        self.world.clock.advance(seconds)
        await self.deliver()

    async def deliver(self) -> None:
        """Has all that is due now posted."""
        while await self.turn():
            await asyncio.wait(self.posting._under_way)

    async def turn(self) -> int:
        """One turn of the worker; how many posts are under way then."""
        await self.world.db.write(number_events)
        await self.posting._work()
        return len(self.posting._under_way)


def posting_of(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> CallbackWorker:
    all_settings = world.settings
    if settings is not None:
        all_settings = msgspec.structs.replace(all_settings, callbacks=settings)
    runtime = replace(world.runtime, settings=all_settings)
    return CallbackWorker(
        runtime,
        poster,
        lambda rental: recording_url(runtime, rental),
        lambda detail: event_bytes(detail, recording_urls(runtime)),
    )


@asynccontextmanager
async def desk_of(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> AsyncIterator[Desk]:
    posting = posting_of(world, poster, settings)
    try:
        yield Desk(world, posting)
    finally:
        await posting.stop()


@asynccontextmanager
async def running(
    world: World, poster: Poster, settings: CallbackSettings | None = None
) -> AsyncIterator[CallbackWorker]:
    """The worker as it runs in a server, woken by the feed."""
    posting = posting_of(world, poster, settings)
    await world.runtime.feed.start()
    await posting.start()
    try:
        yield posting
    finally:
        await posting.stop()
        await world.runtime.feed.stop()


@dataclass
class Rented:
    """A rental whose end is told to its dealer."""

    world: World
    dealer: Dealer
    id: int
    number: str

    async def receive(self, text: str = "Your Yahoo code is 486460") -> None:
        await self.world.sms(self.number, text)

    async def expire(self) -> None:
        self.world.clock.advance(300)
        await self.world.expire()


async def shop(world: World, lines: int = 1) -> None:
    await world.service(4)
    await world.lines(*(f"0967{one:06}" for one in range(1, lines + 1)))


async def rent(world: World, dealer: Dealer) -> Rented:
    rental = (await world.rent(dealer, 4)).rental
    return Rented(world, dealer, rental.id, rental.number)
