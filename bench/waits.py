"""How soon a waiting dealer has its code, how fast streams tell events, what open ones take.

`python -m bench.waits` measures this alone.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
from bench.desk import SERVICE_ID, Desk, at_a_steady_pace, draw, now_ms, open_desk, sleep_until
from bench.fault import BenchFault
from bench.installation import Installation, make_installation
from bench.server import Server, running_server

from simlet.flows.browse import list_accounts
from simlet.flows.cancel_rental import cancel_rental
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.top_up import top_up
from simlet.store.database import Database, open_database
from simlet.store.sql import Raised, Tx

_LINES = 20_000
_ASKS_AHEAD_S = 1.0
_PATIENCE_S = 30.0
_ROUND = 10
_AT_ONCE = 200
_MARK = b"\nevent: "
_SETTLE_S = 1.0
_ALL_STARTED_S = 3.0
_FREE: Mapping[str, str] = {
    "SIMLET_V1_CALLS_PER_S": "100000",
    "SIMLET_V1_BURST": "1000000",
    "SIMLET_V1_OPEN_PER_ACCOUNT": "1000000",
    # Nothing else passes over the streams while they are counted.
    "SIMLET_V1_HEARTBEAT_S": "300",
}


@dataclass(frozen=True, slots=True)
class WaitsPlan:
    """How much is measured: seconds of each stretch, streams told at once, streams held open."""

    waits_s: float
    streams_s: float
    streams: int
    open_each: int


@dataclass(frozen=True, slots=True)
class Waits:
    """What was measured.

    Attributes:
        answer_ms: of each message, from just before its commit to the answer of who waits.
        told_per_s: events that came out of all streams together, in a second.
        told_streams: how many streams those were.
        opened: streams and waits together that one process held open.
        open_mb: what stood in that process's memory then.
        quiet_mb: the same before they were opened.
    """

    answer_ms: list[float]
    told_per_s: float
    told_streams: int
    opened: int
    open_mb: float
    quiet_mb: float

    def share_ms(self, share: float) -> float:
        """The time within which that share of the answers came, in milliseconds."""
        return sorted(self.answer_ms)[int(share * (len(self.answer_ms) - 1))]

    @property
    def each_kb(self) -> float:
        """What one open stream or wait takes."""
        return (self.open_mb - self.quiet_mb) * 1024 / self.opened


def measure_waits(folder: Path, plan: WaitsPlan) -> Waits:
    """Measures on an installation of its own, on SQLite.

    Raises:
        BenchFault: an answer was wrong, or did not come.
    """
    folder.mkdir()
    _allow_connections(2 * plan.open_each + 1000)
    installation = asyncio.run(make_installation(folder / "simlet.db", _LINES, services=1))
    with running_server(installation, _FREE) as server:
        # Its further processes take a core each while they start.
        time.sleep(_ALL_STARTED_S)
        answers = asyncio.run(_answers(installation, server, plan.waits_s))
        told = asyncio.run(_told(installation, server, plan))
    with running_server(installation, {**_FREE, "SIMLET_WEB_PROCESSES": "1"}) as server:
        quiet_mb = server.memory_mb()
        open_mb = asyncio.run(_open(installation, server, plan.open_each))
    return Waits(answers, told, plan.streams, 2 * plan.open_each, open_mb, quiet_mb)


def _allow_connections(wanted: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < wanted:
        raise BenchFault(f"this user may open {most} files, and {wanted} are wanted")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


# ----------------------------------------------------------------------------------- answers


async def _answers(installation: Installation, server: Server, seconds: float) -> list[float]:
    """Milliseconds of each message, so many of which come in every second."""
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        open_desk(installation) as desk,
        aiohttp.ClientSession(server.address, connector=connector) as client,
    ):
        return await at_a_steady_pace(_Dealers(desk, client).round, seconds)


@dataclass(slots=True)
class _Dealers:
    """Dealers who rent, wait, and get their code."""

    desk: Desk
    client: aiohttp.ClientSession

    async def round(self, number: int, at_s: float) -> float:
        """One rental; the milliseconds from its message to the answer."""
        await sleep_until(at_s)
        tokens = self.desk.installation.tokens
        account = number % len(tokens)
        rental = await self.desk.rent(account)
        waiting = asyncio.ensure_future(self._wait(rental.id, tokens[account]))
        await sleep_until(at_s + _ASKS_AHEAD_S)
        code = f"{number:06}"
        kept_s = await self.desk.send(rental, code)
        answered_s, told = await asyncio.wait_for(waiting, _PATIENCE_S)
        if told != code:
            raise BenchFault(f"a dealer was told {told!r} in the place of {code!r}")
        return (answered_s - kept_s) * 1000

    async def _wait(self, rental_id: int, token: str) -> tuple[float, str | None]:
        path = f"/v1/rentals/{rental_id}?wait_s=60"
        async with self.client.get(path, headers={"authorization": f"Bearer {token}"}) as answer:
            body = await answer.read()
            answered_s = time.perf_counter()
        code: str | None = msgspec.json.decode(body).get("code")
        return answered_s, code


# ----------------------------------------------------------------------------------- streams


class _Connection(asyncio.Protocol):
    """A request on a connection of its own, and how many events have come over it."""

    def __init__(self, request: bytes) -> None:
        self.events = 0
        self.begun = asyncio.get_running_loop().create_future()
        self._request = request
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """A part of the answer came."""
        if not self.begun.done():
            self.begun.set_result(data.split(b"\r\n", 1)[0])
        # A mark may come in two parts.
        seen = self._rest + data
        self.events += seen.count(_MARK)
        self._rest = seen[-len(_MARK) + 1 :]

    def close(self) -> None:
        """Ends."""
        if self._transport is not None:
            self._transport.abort()


@dataclass(slots=True)
class _Crowd:
    """Many connections to a server."""

    server: Server
    connections: list[_Connection] = field(default_factory=list)

    async def add(self, path: str, tokens: tuple[str, ...], count: int) -> list[_Connection]:
        """Opens so many, of the tokens in turn."""
        new: list[_Connection] = []
        while len(new) < count:
            batch = min(_AT_ONCE, count - len(new))
            wanted = [tokens[(len(new) + one) % len(tokens)] for one in range(batch)]
            new += await asyncio.gather(*(self._open(path, token) for token in wanted))
        self.connections += new
        return new

    async def _open(self, path: str, token: str) -> _Connection:
        url = urlsplit(self.server.address)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(request), str(url.hostname), int(url.port or 80)
        )
        return connection

    def close(self) -> None:
        """Ends all."""
        for one in self.connections:
            one.close()


async def _all_begun(streams: list[_Connection]) -> None:
    for line in await asyncio.wait_for(asyncio.gather(*(one.begun for one in streams)), 60):
        if b" 200 " not in line:
            raise BenchFault(f"it was answered with {line!r}")


async def _told(installation: Installation, server: Server, plan: WaitsPlan) -> float:
    """Events of all streams in a second: the next ones are written when all were told."""
    db, crowd = open_database(installation.url), _Crowd(server)
    try:
        streams = await crowd.add("/v1/events", installation.tokens, plan.streams)
        await _all_begun(streams)
        accounts = await _names(db)
        began_s, written = time.perf_counter(), 0
        while time.perf_counter() < began_s + plan.streams_s:
            written += _ROUND
            many = [(name, f"{name} {written} {one}") for name in accounts for one in range(_ROUND)]
            kept = await db.write_all(_credit, many)
            if any(isinstance(one, Raised) for one in kept):
                raise BenchFault("a credit was not taken")
            await _until_told(streams, written)
        return written * len(streams) / (time.perf_counter() - began_s)
    finally:
        crowd.close()
        await db.close()


async def _until_told(streams: list[_Connection], each: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while any(one.events < each for one in streams):  # noqa: ASYNC110 - they only count
                await asyncio.sleep(0.001)
            return
    least = min(one.events for one in streams)
    raise BenchFault(f"{each} events were written, and {least} came over a stream")


def _credit(tx: Tx, credit: tuple[str, str]) -> None:
    name, reference = credit
    top_up(tx, name, 1, reference, "for the bench", now_ms())


async def _names(db: Database) -> list[str]:
    return [account.name for account in await db.read(list_accounts)]


# -------------------------------------------------------------------------------------- memory


async def _open(installation: Installation, server: Server, each: int) -> float:
    """Holds so many streams and as many waits open; what the server takes then, in MB."""
    db, crowd = open_database(installation.url), _Crowd(server)
    try:
        streams = await crowd.add("/v1/events", installation.tokens, each)
        await _all_begun(streams)
        request = RentRequest(1, SERVICE_ID)
        rental = (await db.write(rent_number, request, now_ms(), draw)).rental
        path = f"/v1/rentals/{rental.id}?wait_s=60"
        waits = await crowd.add(path, installation.tokens[:1], each)
        await asyncio.sleep(_SETTLE_S)
        if any(one.begun.done() for one in waits):
            raise BenchFault("a wait was answered before its code was there")
        open_mb = server.memory_mb()
        await db.write(cancel_rental, 1, rental.id, now_ms())
        await _all_begun(waits)
        return open_mb
    finally:
        crowd.close()
        await db.close()


FULL = WaitsPlan(waits_s=10, streams_s=6, streams=1000, open_each=5000)
QUICK = WaitsPlan(waits_s=3, streams_s=2, streams=1000, open_each=1000)


def main() -> int:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.waits", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run, less exact")
    plan = QUICK if parser.parse_args().quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure_waits(Path(folder) / "waits", plan)
    print(
        f"answer p50 {found.share_ms(0.5):.1f} ms, p99 {found.share_ms(0.99):.1f} ms\n"
        f"{found.told_per_s:,.0f} events a second to {found.told_streams} streams\n"
        f"{found.opened:,} open in {found.open_mb:.0f} MB, {found.quiet_mb:.0f} MB before"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
