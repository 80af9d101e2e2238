"""Messages while the database is down: what was acknowledged is there in the end, whatever dies."""

import asyncio
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from outages import no_writes
from simlet.store.database import open_database
from simlet.testing.world import World
from stories.test_service import PATIENCE_S, Server, nursery_of

pytestmark = pytest.mark.anyio

LINES = [f"+8496700000{one}" for one in range(6)]


class Sender:
    """A gateway's other side: one message after the other on each line, and each until it is kept.

    Attributes:
        kept: the texts of each line that were acknowledged, in their order.
    """

    def __init__(self, secret: str, *, with_ids: bool) -> None:
        self.secret = secret
        self.with_ids = with_ids
        self.kept: dict[str, list[str]] = defaultdict(list)

    async def send(self, server: Server, each: int) -> None:
        """Sends so many on each line."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as client:
            await asyncio.gather(*[self._send(client, server, to, each) for to in LINES])

    async def _send(
        self, client: aiohttp.ClientSession, server: Server, to: str, each: int
    ) -> None:
        for _ in range(each):
            text = f"{len(self.kept[to])} on {to[-1]}"
            if await self._post(client, server, to, text) != 200:
                return
            self.kept[to].append(text)

    async def _post(self, client: aiohttp.ClientSession, server: Server, to: str, text: str) -> int:
        body: dict[str, Any] = {"to": to, "from": "Yahoo", "text": text}
        if self.with_ids:
            body["id"] = text
        headers = {"authorization": f"Bearer {self.secret}"}
        url = f"{server.address}/gateways/gate/messages"
        async with client.post(url, headers=headers, json=body) as answer:
            return answer.status

    @property
    def count(self) -> int:
        return sum(map(len, self.kept.values()))


async def prepared(url: str) -> str:
    """The secret of a gateway with lines."""
    db = open_database(url, readers=1, pool_size=2)
    try:
        world = World(db)
        _, secret = await world.gateway("gate")
        await world.lines(*LINES, gateway="gate")
        return secret
    finally:
        await db.close()


async def in_database(url: str) -> dict[str, list[str]]:
    """The texts of each line, in the order in which they were kept."""
    db = open_database(url, readers=1, pool_size=2)
    try:
        found: dict[str, list[str]] = defaultdict(list)
        for to, text in await World(db).rows("SELECT to_number, body FROM messages ORDER BY id"):
            found[to].append(text)
        return found
    finally:
        await db.close()


async def until_in_database(url: str, kept: dict[str, list[str]], *, in_order: bool = True) -> None:
    """Waits until all of it is there; exactly once, and in the order of each line."""
    awaited = sum(map(len, kept.values()))
    async with asyncio.timeout(PATIENCE_S):
        while sum(map(len, (found := await in_database(url)).values())) < awaited:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    if not in_order:
        found, kept = ({to: sorted(each) for to, each in one.items()} for one in (found, kept))
    assert found == kept


async def until_kept(sender: Sender, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while sender.count < count:  # noqa: ASYNC110 - what a sender has sent tells nobody
            await asyncio.sleep(0.001)


async def kill(server: Server) -> None:
    server.send(signal.SIGKILL)
    assert await server.ended() == -signal.SIGKILL


def spooled(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("with_ids", [True, False])
async def test_what_a_killed_server_acknowledged_while_its_database_was_down_is_there(
    database_url: str, tmp_path: Path, *, with_ids: bool
) -> None:
    sender = Sender(await prepared(database_url), with_ids=with_ids)
    folder = tmp_path / "spool"
    async with nursery_of(
        database_url,
        tmp_path,
        database_busy_timeout_s=0.2,
        spool_folder=folder,
        web_processes=1,
    ) as nursery:
        server = await nursery.start()
        await sender.send(server, 2)
        with no_writes(database_url):
            await sender.send(server, 5)
            await kill(server)
        assert sender.count == len(LINES) * 7
        assert sum(map(len, (await in_database(database_url)).values())) == len(LINES) * 2
        assert spooled(folder)

        server = await nursery.start()
        await sender.send(server, 2)
        await until_in_database(database_url, sender.kept)
        assert await server.stop() == 0
    assert not spooled(folder)
    log = nursery.log.read_text()
    assert '"spool_adopted"' in log
    assert '"spool_drained"' in log
    assert "Yahoo" not in log


@pytest.mark.parametrize(("rounds", "processes"), [(6, 1), (4, 2)])
async def test_a_server_killed_again_and_again_in_the_midst_of_it_loses_and_doubles_nothing(
    rounds: int, processes: int, sqlite_url: str, tmp_path: Path
) -> None:
    sender = Sender(await prepared(sqlite_url), with_ids=True)
    async with nursery_of(
        sqlite_url, tmp_path, database_busy_timeout_s=0.1, web_processes=processes
    ) as nursery:
        for one in range(rounds):
            server = await nursery.start()
            with no_writes(sqlite_url):
                sending = asyncio.create_task(sender.send(server, 1000))
                await until_kept(sender, sender.count + 20 + one * 5)
                if one % 2 == 0:
                    await kill(server)
            if one % 2:
                # The database is back, and the spool is being drained.
                await asyncio.sleep(0.05 * one)
                await kill(server)
            with suppress(aiohttp.ClientError):
                await sending
        server = await nursery.start()
        await sender.send(server, 1)
        # One process may have taken a message while another one's spool was being drained.
        await until_in_database(sqlite_url, sender.kept, in_order=processes == 1)
        assert await server.stop() == 0


async def test_each_process_of_a_server_keeps_what_it_acknowledged(
    database_url: str, tmp_path: Path
) -> None:
    sender = Sender(await prepared(database_url), with_ids=True)
    async with nursery_of(
        database_url, tmp_path, database_busy_timeout_s=0.1, spool_folder="here", web_processes=2
    ) as nursery:
        server = await nursery.start()
        with no_writes(database_url):
            for _ in range(4):
                # New connections, which the system deals out to the processes.
                await sender.send(server, 3)
            await kill(server)
        server = await nursery.start()
        await until_in_database(database_url, sender.kept, in_order=False)
        assert await server.stop() == 0
    assert sender.count == len(LINES) * 12
    assert not spooled(tmp_path / "here")


async def test_a_full_spool_makes_the_other_side_try_again(sqlite_url: str, tmp_path: Path) -> None:
    sender = Sender(await prepared(sqlite_url), with_ids=True)
    async with nursery_of(
        sqlite_url, tmp_path, database_busy_timeout_s=0.1, spool_limit_mb=0, web_processes=1
    ) as nursery:
        server = await nursery.start()
        with no_writes(sqlite_url):
            await sender.send(server, 1)
        assert sender.count == 0
        await sender.send(server, 1)
        assert sender.count == len(LINES)
        await until_in_database(sqlite_url, sender.kept)
        assert await server.stop() == 0
