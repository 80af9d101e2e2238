"""Many things at the same moment: a world for them, and what came of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg

from simlet.domain.errors import Refused
from simlet.flows import browse
from simlet.store.database import open_database
from simlet.testing.world import World
from stories.stock_audit import stock_findings

T = TypeVar("T")
PARALLEL = 12


@asynccontextmanager
async def crowd_in(database_url: str) -> AsyncIterator[World]:
    """A world in which many things can happen at once, and in which nothing deadlocks.

    A flow that meets a deadlock runs again, but everybody behind it has waited a second by then.
    """
    before = deadlocks(database_url)
    db = open_database(database_url, readers=2, pool_size=PARALLEL)
    world = World(db)
    # So that no call is late because its connection had to be made first.
    await asyncio.gather(*(db.write(browse.last_event) for _ in range(PARALLEL)))
    yield world
    try:
        assert await world.book_findings() == []
        assert await stock_findings(world) == []
    finally:
        await db.close()
    assert deadlocks(database_url) == before


def deadlocks(url: str) -> int:
    """How many deadlocks a database has seen; on SQLite there are none."""
    if not url.startswith("postgresql:"):
        return 0
    with psycopg.connect(url, autocommit=True) as connection:
        # A connection adds its figures when it ends.
        while connection.execute(_OTHERS).fetchone() != (0,):
            pass
        row = connection.execute(_DEADLOCKS).fetchone()
    assert row is not None
    return int(row[0])


_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_type = 'client backend' "
    "AND pid <> pg_backend_pid()"
)
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def at_once(calls: Iterable[Awaitable[T]]) -> tuple[list[T], Counter[str]]:
    """What came of calls made all at once: results, and how often each refusal was given."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    results: list[T] = []
    refusals: Counter[str] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            refusals[outcome.refusal.code] += 1
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            results.append(outcome)
    return results, refusals


def numbers(count: int) -> list[str]:
    return [f"096700{number:04}" for number in range(count)]
