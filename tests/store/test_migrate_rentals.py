"""Rentals of the release before go on as they were, with fewer indexes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import world_in
from simlet.store import migrate
from simlet.testing.world import World
from store.older import older_database

pytestmark = pytest.mark.anyio

BEFORE = "0003"
LATE_MS = 9_000_000_000_000
ACCOUNT = (
    "INSERT INTO accounts (name, tier, state, waiting_limit, waiting_count, available_dong, "
    "held_dong, created_at_ms) VALUES ('ann', 'dealer', 'approved', 5, 1, 100, 1, 7)"
)
SERVICE = (
    "INSERT INTO services (id, position, store, name, price_member_dong, price_dealer_dong, "
    "price_distributor_dong, waiting_s, catch_all, senders, texts, category, paused, "
    "created_at_ms) VALUES (4, 1, '01', 'Yahoo', 1, 1, 1, 60, FALSE, '[\"Yahoo\", \"Ya Hoo\"]', "
    "'[]', 'general', FALSE, 1)"
)
LINE = (
    "INSERT INTO lines (id, iccid, number, network_id, store, state, holder, contract, "
    "created_at_ms) VALUES (1, '898400000000000001', '+84967000001', 3, '01', 'active', 'h', "
    "'c', 1)"
)
ROWS = (ACCOUNT, SERVICE, LINE)
RENTAL = (
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, catch_all, again, listening) VALUES (1, 4, '01', 1, "
    "'+84967000001', 1, '{0}', {1}, {2}, FALSE, TRUE, {3})"
)
OF_ONE_LINE = (
    ("expired", 1, 2, "FALSE"),
    ("received", 3, 4, "FALSE"),
    ("received", 5, LATE_MS, "TRUE"),
    ("received", 6, LATE_MS, "TRUE"),
    ("waiting", 7, LATE_MS, "TRUE"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the release before, with rentals of one line, on each kind in turn."""
    with older_database(
        request, tmp_path, BEFORE, (*ROWS, *(RENTAL.format(*one) for one in OF_ONE_LINE))
    ) as url:
        yield url


async def states(world: World) -> list[tuple[str, bool]]:
    rows = await world.rows("SELECT state, aside = id FROM rentals ORDER BY id")
    return [(row[0], bool(row[1])) for row in rows]


async def test_who_has_its_code_makes_room_for_who_waits(old_url: str) -> None:
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        assert await states(world) == [
            ("expired", False),
            ("received", False),
            ("received", True),
            ("received", True),
            ("waiting", False),
        ]


async def test_who_waited_before_gets_its_code(old_url: str) -> None:
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        receipt = await world.sms(
            "0967000001", text="482913 la ma xac nhan cua ban", sender="YA HOO"
        )
        (newest,) = await world.rows("SELECT max(id) FROM rentals WHERE state = 'received'")
        assert receipt.rental_id == newest[0]
        assert [state for state, _ in await states(world)].count("waiting") == 0
