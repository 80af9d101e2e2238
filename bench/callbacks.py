"""How soon a dealer's server is told of a code: from the commit to the first attempt.

`python -m bench.callbacks` measures this alone.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from aiohttp import web
from bench.desk import PER_S, Desk, at_a_steady_pace, now_ms, open_desk, sleep_until
from bench.fault import BenchFault
from bench.installation import Installation, make_installation
from bench.server import running_server

from simlet.domain.signing import new_webhook_secret
from simlet.flows.browse import list_accounts
from simlet.flows.manage_accounts import set_callback
from simlet.store.endpoints import CallbackTarget

_LINES = 20_000
_RENTED_AHEAD_S = 1.0
_PATIENCE_S = 30.0
_INSIDE = {"SIMLET_CALLBACKS_PRIVATE_NETWORKS": "127.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What was measured.

    Attributes:
        first_ms: of each message, from just before its commit to its first attempt.
    """

    first_ms: list[float]

    def share_ms(self, share: float) -> float:
        """The time within which that share of the attempts came, in milliseconds."""
        return sorted(self.first_ms)[int(share * (len(self.first_ms) - 1))]


def measure_callbacks(folder: Path, seconds: float) -> Callbacks:
    """Measures on an installation of its own, on SQLite, at 200 messages a second.

    Raises:
        BenchFault: a code was not told, or another one was.
    """
    folder.mkdir()
    installation = asyncio.run(make_installation(folder / "simlet.db", _LINES, services=1))
    with running_server(installation, _INSIDE):
        return Callbacks(asyncio.run(_measure(installation, seconds)))


@dataclass(slots=True)
class _Receiver:
    """The servers of all dealers."""

    url: str = ""
    told: dict[str, asyncio.Future[tuple[float, str]]] = field(default_factory=dict)

    def expect(self, rental_id: int) -> asyncio.Future[tuple[float, str]]:
        """When a rental's code was told, and which."""
        return self.told.setdefault(str(rental_id), asyncio.get_running_loop().create_future())

    async def take(self, request: web.Request) -> web.Response:
        """A callback."""
        came_s = time.perf_counter()
        data = msgspec.json.decode(await request.read())["data"]
        told = self.told.get(data["requestId"])
        if told is not None and not told.done():
            told.set_result((came_s, data["code"]))
        return web.Response()


@asynccontextmanager
async def _receiving() -> AsyncIterator[_Receiver]:
    receiver = _Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def _measure(installation: Installation, seconds: float) -> list[float]:
    async with open_desk(installation) as desk, _receiving() as receiver:
        for account in await desk.db.read(list_accounts):
            target = CallbackTarget(f"{receiver.url}/{account.name}", new_webhook_secret(bytes(32)))
            await desk.db.write(set_callback, account.name, target, now_ms())
        return await at_a_steady_pace(_Dealers(desk, receiver).round, seconds)


@dataclass(slots=True)
class _Dealers:
    """Dealers who rent, and whose servers are told."""

    desk: Desk
    receiver: _Receiver

    async def round(self, number: int, at_s: float) -> float:
        """One rental; the milliseconds from its message to the callback."""
        await sleep_until(at_s)
        rental = await self.desk.rent(number % len(self.desk.installation.tokens))
        told = self.receiver.expect(rental.id)
        await sleep_until(at_s + _RENTED_AHEAD_S)
        code = f"{number:06}"
        kept_s = await self.desk.send(rental, code)
        came_s, told_code = await asyncio.wait_for(told, _PATIENCE_S)
        if told_code != code:
            raise BenchFault(f"a dealer was told {told_code!r} in the place of {code!r}")
        return (came_s - kept_s) * 1000


def main() -> int:
    """Measures, and prints what came out."""
    parser = argparse.ArgumentParser(prog="python -m bench.callbacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        measured = measure_callbacks(Path(folder) / "callbacks", seconds)
    print(f"{len(measured.first_ms)} codes at {PER_S}/s, from commit to the first attempt:")
    for share in (0.5, 0.9, 0.99, 1.0):
        print(f"  p{share * 100:g}: {measured.share_ms(share):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
