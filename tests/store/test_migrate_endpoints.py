"""Endpoints of the release before are told what happened after they were added, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import world_in
from simlet.store import migrate
from store.older import older_database

pytestmark = pytest.mark.anyio

BEFORE = "0005"
ACCOUNT = (
    "INSERT INTO accounts (name, tier, state, waiting_limit, waiting_count, available_dong, "
    "held_dong, created_at_ms) VALUES ('ann', 'dealer', 'approved', 5, 0, 0, 0, 7)"
)
EVENT = "INSERT INTO events (seq, kind, at_ms, account_id, data) VALUES ({0}, 'x', {1}, 1, '{{}}')"
CURSOR = "INSERT INTO cursors (name, seq) VALUES ('callbacks', 2)"
ENDPOINT = (
    "INSERT INTO endpoints (account_id, scope, url, events, format, secret, state, "
    "created_at_ms) VALUES (1, 'account', 'https://ann.example/', '[]', 'v1', 's', 'active', {0})"
)
ROWS = (
    ACCOUNT,
    *(EVENT.format(seq, at_ms) for seq, at_ms in [(1, 10), (2, 20), (3, 30), (4, 40)]),
    CURSOR,
    ENDPOINT.format(15),
    ENDPOINT.format(35),
    ENDPOINT.format(50),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the release before, two of whose events were not looked at yet."""
    with older_database(request, tmp_path, BEFORE, ROWS) as url:
        yield url


async def test_of_what_was_not_looked_at_each_is_told_what_came_after_it(old_url: str) -> None:
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        rows = await world.rows("SELECT after_seq FROM endpoints ORDER BY id")
    assert [row[0] for row in rows] == [0, 3, 4]
