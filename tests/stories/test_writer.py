"""The process that writes to SQLite for the others: killed under load, and stopped with all."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from simlet.store.sqlite_file import sqlite_path
from stories.test_service import Shop, _world, books_are_right, install
from stories.test_siblings import ENDS_WITHIN_S, PATIENCE_S, gone, serving, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have one process"),
]

KILLS = 3
BETWEEN_KILLS = 150


@pytest.fixture
def temporary(sqlite_url: str) -> Path:
    """A folder for temporary files of a server, by a short name."""
    database = sqlite_path(sqlite_url)
    assert database is not None
    folder = database.with_name("t")
    folder.mkdir()
    return folder


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def kept_messages(url: str) -> Counter[str]:
    """How often each text is there."""
    async with _world(url) as world:
        return Counter(row[0] for row in await world.rows("SELECT body FROM messages"))


def texts(shop: Shop) -> Counter[str]:
    """How often each text was acknowledged."""
    return Counter(one["text"] for one in shop.kept.values())


async def kept_rentals(url: str) -> set[int]:
    async with _world(url) as world:
        return {row[0] for row in await world.rows("SELECT id FROM rentals")}


def is_fault(answer: Any) -> bool:
    """Whether a dealer or a gateway was told that something was not done, or may not be."""
    if "results" in answer:
        return {one["result"] for one in answer["results"]} <= {"failed"}
    return bool(answer.get("status_code") == -1)


async def test_a_writer_that_is_killed_under_load_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path, temporary: Path
) -> None:
    shop = Shop(await install(sqlite_url, waiting_s=600), Random(20261123))
    killed: list[int] = []
    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:

        def watch() -> None:
            if shop.acknowledged >= (len(killed) + 1) * BETWEEN_KILLS:
                for pid in server.writers if len(killed) < KILLS else []:
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)
            if shop.acknowledged == (KILLS + 2) * BETWEEN_KILLS:
                server.process.send_signal(signal.SIGTERM)

        shop.watch = watch
        await asyncio.wait_for(shop.work(server), 3 * PATIENCE_S)
        assert await asyncio.wait_for(server.process.wait(), ENDS_WITHIN_S) == 0
    assert len(set(killed)) == KILLS
    assert names_in(temporary) == []
    assert all(map(is_fault, shop.strange))

    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:
        await until_kept(sqlite_url, shop)
        await shop.check(server)
    found = await kept_rentals(sqlite_url)
    assert found >= set(shop.rented)
    # A rent whose answer was a fault may be kept, but each of them once.
    assert len(found) - len(shop.rented) <= len(shop.strange)
    # So may a message; and one of an id that was told to be kept is there once.
    more = await kept_messages(sqlite_url) - texts(shop)
    assert more.total() <= len(shop.strange)
    await books_are_right(sqlite_url)


async def until_kept(url: str, shop: Shop) -> None:
    """Waits until what was spooled meanwhile is in the database."""
    async with asyncio.timeout(PATIENCE_S):
        while not await kept_messages(url) >= texts(shop):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_all_processes_told_to_end_at_once_answer_whatever_they_did(
    sqlite_url: str, tmp_path: Path, temporary: Path
) -> None:
    shop = Shop(await install(sqlite_url, waiting_s=600), Random(7))
    async with serving(sqlite_url, tmp_path, processes=3, TMPDIR=temporary) as server:
        everybody = [server.process.pid, *server.others]
        assert len(everybody) == 4
        assert len(names_in(temporary)) == 1

        def watch() -> None:
            if shop.acknowledged == 300:
                for pid in everybody:
                    os.kill(pid, signal.SIGTERM)

        shop.watch = watch
        await asyncio.wait_for(shop.work(server), 3 * PATIENCE_S)
        assert await asyncio.wait_for(server.process.wait(), ENDS_WITHIN_S) == 0
        assert all(map(gone, everybody))
        assert names_in(temporary) == []
    assert shop.strange == []
    assert await kept_rentals(sqlite_url) == set(shop.rented)
    assert await kept_messages(sqlite_url) == texts(shop)
    await books_are_right(sqlite_url)


async def test_when_the_first_is_killed_under_load_nothing_is_lost_and_nothing_left(
    sqlite_url: str, tmp_path: Path, temporary: Path
) -> None:
    shop = Shop(await install(sqlite_url, waiting_s=600), Random(11))
    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:
        others = server.others

        def watch() -> None:
            if shop.acknowledged == 200:
                server.process.kill()

        shop.watch = watch
        await asyncio.wait_for(shop.work(server), 3 * PATIENCE_S)
        await server.process.wait()
        await until(lambda: all(map(gone, others)))
        assert names_in(temporary) == []
    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:
        await until_kept(sqlite_url, shop)
        await shop.check(server)
    await books_are_right(sqlite_url)


async def test_when_all_are_killed_at_once_nothing_that_was_acknowledged_is_lost(
    sqlite_url: str, tmp_path: Path, temporary: Path
) -> None:
    shop = Shop(await install(sqlite_url, waiting_s=600), Random(13))
    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:
        everybody = [server.process.pid, *server.others]

        def watch() -> None:
            if shop.acknowledged == 200:
                for pid in everybody:
                    os.kill(pid, signal.SIGKILL)

        shop.watch = watch
        await asyncio.wait_for(shop.work(server), 3 * PATIENCE_S)
        await until(lambda: all(map(gone, everybody)))
    async with serving(sqlite_url, tmp_path, TMPDIR=temporary) as server:
        await shop.check(server)
    await books_are_right(sqlite_url)


def turns_open(pid: int) -> int:
    """How many handles a process has of the file that says whose turn it is to write."""
    found = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(one.readlink()).endswith("-turn")
    return found


async def test_what_dealers_and_gateways_ask_for_is_written_by_the_writer_alone(
    sqlite_url: str, tmp_path: Path
) -> None:
    installed = await install(sqlite_url, waiting_s=600)
    headers = {"authorization": f"Bearer {installed.dealer.token}"}
    async with serving(sqlite_url, tmp_path) as server:
        for _ in range(4):
            async with aiohttp.ClientSession(server.address, headers=headers) as client:
                await everything(client, installed.secret)
        assert [turns_open(pid) for pid in server.writers] == [1]
        assert [turns_open(pid) for pid in (server.process.pid, *server.siblings)] == [0, 0]


async def everything(client: aiohttp.ClientSession, secret: str) -> None:
    """What is written on the way of a rental."""

    async def ask(method: str, path: str, *expected: int, **given: Any) -> Any:
        async with client.request(method, path, **given) as answer:
            assert answer.status in expected, await answer.text()
            return await answer.json()

    rental = await ask("POST", "/v1/rentals", 201, json={"service": 4})
    key = {"idempotency-key": f"k{time.time_ns()}"}
    once = await ask("POST", "/v1/rentals", 201, json={"service": 5}, headers=key)
    again = await ask("POST", "/v1/rentals", 201, json={"service": 5}, headers=key)
    assert once == again
    await ask("POST", f"/v1/rentals/{rental['id']}/extend", 200, 409)
    await ask("POST", f"/v1/rentals/{once['id']}/cancel", 200, 409)
    message = {"to": rental["number"], "from": "Yahoo", "text": "Your Yahoo code is 135790"}
    gateway = {"authorization": f"Bearer {secret}"}
    await ask("POST", "/gateways/gate/messages", 200, json=[message], headers=gateway)
    told = await ask("GET", f"/v1/rentals/{rental['id']}", 200)
    assert told["code"] == "135790"
    await ask("GET", "/api/register-service/?serviceId=6", 200)
