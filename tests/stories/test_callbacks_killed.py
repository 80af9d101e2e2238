"""Whatever is killed when, every event reaches its dealer's server, in order for each rental."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
import pytest
from aiohttp import web

from calling_back import endpoint
from simlet.domain.events import DEALER_EVENTS
from simlet.testing.world import World
from stories.test_service import PATIENCE_S, Shop, _kill_at_work, _world, install, nursery_of

pytestmark = pytest.mark.anyio


@dataclass
class Consumer:
    """A dealer's server that keeps each `webhook-id`, and so sees each event once."""

    url: str = ""
    posts: int = 0
    events: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        told = msgspec.json.decode(await request.read())
        assert told["id"] == request.headers["webhook-id"]
        self.posts += 1
        rental_id = told["rental"]["id"] if told["rental"] else None
        self.events.setdefault(told["id"], (rental_id, told["type"]))
        self.came.set()
        return web.Response(status=204)

    def of_rentals(self) -> dict[int, list[str]]:
        """What was told of each rental, as it came first."""
        found: dict[int, list[str]] = {}
        for rental_id, kind in self.events.values():
            if rental_id is not None:
                found.setdefault(rental_id, []).append(kind)
        return found


@asynccontextmanager
async def consuming() -> AsyncIterator[Consumer]:
    consumer = Consumer()
    app = web.Application()
    app.router.add_post("/{tail:.*}", consumer.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    consumer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    try:
        yield consumer
    finally:
        await runner.cleanup()


async def expected(world: World) -> dict[int, list[str]]:
    """What is to be told of each rental, in its order."""
    found: dict[int, list[str]] = {}
    for event in await world.events():
        if event.rental_id is not None and event.kind in DEALER_EVENTS:
            found.setdefault(event.rental_id, []).append(event.kind.value)
    return found


async def all_told(url: str, consumer: Consumer) -> None:
    """Waits until nothing waits any more, and nothing is to be told."""
    async with _world(url) as world, asyncio.timeout(2 * PATIENCE_S):
        while True:
            consumer.came.clear()
            waiting = await world.rows("SELECT 1 FROM rentals WHERE state = 'waiting' LIMIT 1")
            if not waiting and consumer.of_rentals().keys() == (await expected(world)).keys():
                left = await world.rows("SELECT 1 FROM callbacks WHERE state = 'pending' LIMIT 1")
                if not left and consumer.of_rentals() == await expected(world):
                    return
            try:
                await asyncio.wait_for(consumer.came.wait(), 0.25)
            except TimeoutError:
                continue


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("kind", "rounds", "processes"), [("sqlite", 6, 1), ("sqlite", 3, 2), ("postgres", 3, 1)]
)
async def test_every_event_is_told_whenever_the_server_is_killed(
    kind: str, rounds: int, processes: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    random = Random(20261123)
    async with consuming() as consumer:
        installed = await install(url, waiting_s=1)
        async with _world(url) as world:
            await endpoint(world, installed.dealer, url=consumer.url)
        shop = Shop(installed, random)
        async with nursery_of(
            url,
            tmp_path,
            callbacks_private_networks="127.0.0.0/8",
            web_processes=processes,
        ) as nursery:
            for _ in range(rounds):
                server = await nursery.start()
                await _kill_at_work(shop, server, shop.acknowledged + random.randint(20, 90))
            server = await nursery.start()
            await all_told(url, consumer)
            assert await server.stop() == 0
        async with _world(url) as world:
            told = await expected(world)
            states = Counter(row[0] for row in await world.rows("SELECT state FROM callbacks"))

    assert consumer.of_rentals() == told
    assert set(states) == {"done"}
    assert len(told) > 10 * rounds
