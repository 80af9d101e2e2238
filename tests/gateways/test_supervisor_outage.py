"""A process that runs no drivers of its own, while its database is broken."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from outages import no_connections
from simlet.gateways.contract import HttpRequest
from simlet.gateways.spool import Spool
from simlet.gateways.supervisor import LOOK_AGAIN_S, Supervisor
from simlet.store.sqlite_file import sqlite_path
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

LIMIT_BYTES = 1_000_000
PAGE_BYTES = 4096


@asynccontextmanager
async def broken(world: World, url: str) -> AsyncIterator[None]:
    """The database can neither be read nor written."""
    path = sqlite_path(url)
    if path is None:
        with no_connections(url):
            yield
    else:
        # The writer has the pages that it needs in memory still.
        await world.tamper("ALTER TABLE messages RENAME TO lost_messages")
        os.truncate(path, PAGE_BYTES)
        yield


def posted(secret: str, text: str) -> HttpRequest:
    body = f'{{"to": "0967000001", "from": "Yahoo", "text": "{text}", "id": "{text}"}}'
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    return HttpRequest("POST", "messages", headers, body.encode())


async def test_what_is_posted_there_goes_to_the_spool(
    world: World, database_url: str, tmp_path: Path
) -> None:
    _, secret = await world.gateway()
    spool = Spool(tmp_path / "spool", LIMIT_BYTES, world.clock)
    await spool.open()
    supervisor = Supervisor(world.runtime, spool)
    before = await supervisor.answer("gate", posted(secret, "before"))
    assert before is not None
    assert (before.status, spool.waiting) == (200, 0)

    async with broken(world, database_url):
        world.clock.advance(LOOK_AGAIN_S)
        answer = await supervisor.answer("gate", posted(secret, "meanwhile"))

    await spool.close()
    assert answer is not None
    assert (answer.status, answer.body) == (200, before.body)
    assert spool.waiting == 1


async def test_a_gateway_that_was_never_used_there_is_known_all_the_same(
    world: World, database_url: str, tmp_path: Path
) -> None:
    _, secret = await world.gateway()
    await world.gateway("an-unfit-one", kind="twilio")
    spool = Spool(tmp_path / "spool", LIMIT_BYTES, world.clock)
    await spool.open()
    supervisor = Supervisor(world.runtime, spool)
    await supervisor.learn()

    async with broken(world, database_url):
        answer = await supervisor.answer("gate", posted(secret, "first"))

    await spool.close()
    assert answer is not None
    assert (answer.status, spool.waiting) == (200, 1)
