"""The addresses of accounts become endpoints, and what was still to be told survives that."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from calling_back import claim
from conftest import world_in
from simlet.store import migrate
from simlet.store.migrate import engine_for
from store.older import older_database

pytestmark = pytest.mark.anyio

BEFORE = "0002"
NOW_MS = 1_700_000_000_000
ACCOUNT = (
    "INSERT INTO accounts (name, tier, state, waiting_limit, callback_url, callback_secret, "
    "created_at_ms) VALUES ('{0}', 'dealer', 'approved', 5, {1}, {2}, 7)"
)
SERVICE = (
    "INSERT INTO services (id, position, store, name, price_member_dong, price_dealer_dong, "
    "price_distributor_dong, waiting_s, catch_all, senders, texts, category, paused, "
    "created_at_ms) VALUES (4, 1, '01', 'Yahoo', 1, 1, 1, 60, FALSE, '[]', '[]', 'general', "
    "FALSE, 1)"
)
LINE = (
    "INSERT INTO lines (id, iccid, number, network_id, store, state, holder, contract, "
    "created_at_ms) VALUES (1, '898400000000000001', '+84967000001', 3, '01', 'active', 'h', 'c', "
    "1)"
)
ROWS = (
    ACCOUNT.format("ann", "'https://ann.example/'", "'whsec_AAAA'"),
    ACCOUNT.format("bob", "NULL", "NULL"),
    SERVICE,
    LINE,
)
RENTAL = (
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, catch_all, again, listening) VALUES ((SELECT id FROM accounts "
    "WHERE name = '{1}'), 4, '01', 1, '+84967000001', 1, '{0}', 1, 2, FALSE, FALSE, FALSE)"
)
EVENT = (
    "INSERT INTO events (seq, kind, at_ms, account_id, rental_id, data) VALUES ({0}, "
    "'rental.{1}', {2}, (SELECT id FROM accounts WHERE name = '{3}'), "
    "(SELECT max(id) FROM rentals), '{{}}')"
)
CALLBACK = (
    "INSERT INTO callbacks (event_seq, account_id, rental_id, state, attempts, event_at_ms, "
    "next_at_ms, last_status) VALUES ({0}, (SELECT id FROM accounts WHERE name = '{1}'), "
    "(SELECT max(id) FROM rentals), '{2}', {3}, {4}, {5}, 500)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the release before, with what it held, on each kind in turn."""
    with older_database(request, tmp_path, BEFORE, (*ROWS, *_callbacks())) as url:
        yield url


def _callbacks() -> Iterator[str]:
    """One callback after the other: whose, what it tells, its state, its attempts."""
    told = [
        ("ann", "received", "pending", 0),
        ("ann", "received", "pending", 3),
        ("ann", "expired", "pending", 0),
        ("ann", "expired", "pending", 6),
        ("ann", "expired", "pending", 8),
        ("ann", "received", "done", 1),
        ("ann", "expired", "failed", 11),
        ("bob", "received", "pending", 1),
    ]
    for seq, (name, kind, state, attempts) in enumerate(told, 1):
        yield RENTAL.format(kind, name)
        yield EVENT.format(seq, kind, NOW_MS + seq, name)
        yield CALLBACK.format(seq, name, state, attempts, NOW_MS + seq, NOW_MS + 1000 * seq)


async def test_what_was_still_to_be_told_is_told_after_the_upgrade(old_url: str) -> None:
    migrate.migrate(old_url)

    async with world_in(old_url) as world:
        endpoints = await world.rows(
            "SELECT a.name, p.url, p.secret, p.scope, p.format, p.state FROM endpoints p "
            "JOIN accounts a ON a.id = p.account_id"
        )
        rows = await world.rows(
            "SELECT event_seq, state, attempts, step, urgent, next_at_ms, ended_at_ms "
            "FROM callbacks ORDER BY event_seq"
        )
        world.clock.set_now_ms(NOW_MS + 100_000)
        claimed = [one for _ in range(4) for one in await claim(world)]
        forgotten = await world.rows("SELECT last_error FROM callbacks WHERE state = 'failed'")

    assert [tuple(row) for row in endpoints] == [
        ("ann", "https://ann.example/", "whsec_AAAA", "account", "first_api", "active")
    ]
    assert [(*row[:4], bool(row[4]), row[5] and row[5] - NOW_MS, row[6]) for row in rows] == [
        (1, "pending", 0, 0, True, 1000, None),
        (2, "pending", 3, 3, True, 2000, None),
        (3, "pending", 0, 0, False, 3000, None),
        (4, "pending", 6, 1, False, 4000, None),
        (5, "pending", 8, 3, False, 5000, None),
        (6, "done", 1, 1, True, None, NOW_MS + 6000),
        (7, "failed", 11, 6, False, None, NOW_MS + 7000),
    ]
    # Of a code nothing is left in this database that could be told.
    assert {one.callback.event_seq for one in claimed} == {3, 4, 5}
    assert {row[0] for row in forgotten} == {"forgotten", None}


async def test_the_schema_is_whole_after_the_upgrade(old_url: str) -> None:
    migrate.migrate(old_url)
    migrate.check_schema(old_url)
    engine = engine_for(old_url)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT * FROM accounts")).keys()
    finally:
        engine.dispose()
    assert not {"callback_url", "callback_secret"} & set(found)
