"""Several processes that serve one port: they share the work, and live and end together."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
from yarl import URL

from simlet.siblings import SERVE_BESIDE, WRITE
from simlet.store.database import open_database
from simlet.testing.world import Dealer, World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have one process"),
]

PATIENCE_S = 30.0
ENDS_WITHIN_S = 10.0
LISTENS = "0A"
RENTS = 40


@dataclass
class Server:
    """A server of several processes."""

    process: Process
    address: str

    @property
    def siblings(self) -> list[int]:
        """The ids of the other processes that serve the web."""
        return self._children(SERVE_BESIDE)

    @property
    def writers(self) -> list[int]:
        """The ids of the processes that write to SQLite for the others: one, or none."""
        return self._children(WRITE)

    @property
    def others(self) -> list[int]:
        """The ids of all processes but the first."""
        return [*self.siblings, *self.writers]

    def _children(self, program: tuple[str, ...]) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(one) for one in path.read_text().split()]
        return [pid for pid in pids if program[-1] in _words(pid)]

    def listening(self) -> int:
        """How many sockets listen on its port."""
        port = f":{URL(self.address).port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(port) and row[3] == LISTENS for row in rows)


def _words(pid: int) -> list[str]:
    """The words with which a process was started; none of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what another process does; nothing tells us of it."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - it is another process that changes
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@asynccontextmanager
async def serving(
    url: str, folder: Path, processes: int = 2, **others: object
) -> AsyncIterator[Server]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("SIMLET_")}
    env = plain | {
        "SIMLET_DATABASE_URL": url,
        "SIMLET_LISTEN": "127.0.0.1:0",
        "SIMLET_WEB_PROCESSES": str(processes),
        **{name: str(value) for name, value in others.items()},
    }
    command = [sys.executable, "-m", "simlet", "serve", "--json"]
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=log, env=env, cwd=folder
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        server = Server(process, msgspec.json.decode(line)["address"])
        await until(lambda: server.listening() == processes)
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def a_dealer(url: str) -> Dealer:
    db = open_database(url)
    try:
        world = World(db)
        await world.service(4, waiting_s=3600)
        await world.lines(*(f"0967{number:06}" for number in range(RENTS)))
        return await world.dealer(balance_dong=10_000_000, waiting_limit=1000)
    finally:
        await db.close()


async def rent(server: Server, dealer: Dealer) -> int:
    """Rents on a connection of its own; the rental's id."""
    path = f"/api/register-service/?serviceId=4&token={dealer.token}"
    async with aiohttp.ClientSession() as client, client.get(server.address + path) as answer:
        text = await answer.text()
    found = re.search(r'"request_id":\s*"?(\d+)', text)
    assert found is not None, text
    return int(found[1])


async def book_findings(url: str) -> list[str]:
    db = open_database(url)
    try:
        return await World(db).book_findings()
    finally:
        await db.close()


async def test_no_line_is_rented_twice_by_two_processes(database_url: str, tmp_path: Path) -> None:
    dealer = await a_dealer(database_url)
    async with serving(database_url, tmp_path) as server:
        rentals = await asyncio.gather(*[rent(server, dealer) for _ in range(RENTS)])
    assert len(set(rentals)) == RENTS
    assert await book_findings(database_url) == []


async def test_all_processes_end_in_time_when_the_first_is_told_to(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path, processes=3) as server:
        siblings, writers = server.siblings, server.writers
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.process.wait(), ENDS_WITHIN_S) == 0
        assert (len(siblings), len(writers)) == (2, 1)
        assert all(map(gone, [*siblings, *writers]))


async def test_the_others_do_not_hear_what_a_terminal_sends_to_the_first(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path) as server:
        groups = {os.getpgid(pid) for pid in (server.process.pid, *server.others)}
        assert len(groups) == 3


async def test_when_the_first_is_killed_the_others_end(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server:
        others = server.others
        assert len(others) == 2
        server.process.kill()
        await server.process.wait()
        await until(lambda: all(map(gone, others)))


async def test_one_that_is_killed_is_started_again(sqlite_url: str, tmp_path: Path) -> None:
    dealer = await a_dealer(sqlite_url)
    async with serving(sqlite_url, tmp_path) as server:
        (before,) = server.siblings
        os.kill(before, signal.SIGKILL)
        await until(lambda: server.siblings not in ([], [before]) and server.listening() == 2)
        await asyncio.gather(*[rent(server, dealer) for _ in range(10)])


async def test_another_server_does_not_share_the_port(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server:
        listen = str(URL(server.address).authority)
        env = dict(os.environ) | {
            "SIMLET_DATABASE_URL": f"sqlite:///{tmp_path}/other.db",
            "SIMLET_LISTEN": listen,
            "SIMLET_WEB_PROCESSES": "2",
        }
        command = [sys.executable, "-m", "simlet", "serve", "--json"]
        second = await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=PIPE, env=env, cwd=tmp_path
        )
        _, error = await asyncio.wait_for(second.communicate(), PATIENCE_S)
        assert second.returncode != 0
        assert b"Cannot listen on" in error
        assert server.listening() == 2
