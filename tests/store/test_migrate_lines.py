"""Lines of the release before stay as they are; a SIM whose line is retired may come again."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import psycopg
import pytest

from conftest import world_in
from simlet.flows.manage_lines import Imported, import_lines
from simlet.store import migrate
from simlet.store.lines import NewLine
from simlet.testing.world import World
from store.older import older_database

pytestmark = pytest.mark.anyio

BEFORE = "0004"
COLUMNS = (
    "id, iccid, number, network_id, store, state, holder, contract, gateway_id, created_at_ms, "
    "retired_at_ms, out_reason"
)
GATEWAY = (
    "INSERT INTO gateways (id, name, kind, settings, created_at_ms) "
    "VALUES (3, 'gate', 'http', '{}', 1)"
)
RETIRED = (
    *(7, "8984000000000000001", "+84967000001", 3, "01", "retired", "h", "c", 3, 10, 20, None),
)
IN_USE = (
    *(263, "8984000000000000002", "+84967000002", 1, "02", "active", "i", "d", 3, 11, None),
    "unheard",
)
FOREIGN_KEY = (apsw.ConstraintError, psycopg.errors.ForeignKeyViolation)
HEALTH = "INSERT INTO line_health (line_id, port) VALUES (263, 'a')"


def inserted(line: tuple[object, ...]) -> str:
    values = ", ".join("NULL" if one is None else repr(one) for one in line)
    return f"INSERT INTO lines ({COLUMNS}) VALUES ({values})"


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the release before, with two lines, on each kind in turn."""
    rows = (GATEWAY, inserted(IN_USE), inserted(RETIRED), HEALTH)
    with older_database(request, tmp_path, BEFORE, rows) as url:
        yield url


async def imported(world: World, iccid: str, number: str) -> Imported:
    new = NewLine(iccid, number, 3, "01", "a holder", "a contract")
    return await world.db.write(import_lines, [(2, new)], None, world.clock.now_ms())


async def test_every_line_stays_as_it_was(old_url: str) -> None:
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        found = await world.rows(f"SELECT {COLUMNS} FROM lines ORDER BY id")
        assert [tuple(row) for row in found] == [RETIRED, IN_USE]
        health = await world.rows(
            "SELECT l.number, h.port FROM line_health h JOIN lines l ON l.id = h.line_id"
        )
        assert [tuple(row) for row in health] == [(IN_USE[2], "a")]


async def test_a_sim_in_use_has_one_line_and_one_whose_line_is_retired_may_come_again(
    old_url: str,
) -> None:
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        assert (await imported(world, str(IN_USE[1]), "+84967000003")).added == 0
        assert (await imported(world, str(RETIRED[1]), "+84967000004")).added == 1


async def test_what_names_a_line_names_it_still(old_url: str) -> None:
    """On SQLite the table is another one now, and what referred to it refers to that."""
    migrate.migrate(old_url)
    async with world_in(old_url) as world:
        with pytest.raises(FOREIGN_KEY):
            await world.tamper("INSERT INTO line_health (line_id) VALUES (99)")
        assert await world.tamper("INSERT INTO line_health (line_id) VALUES (7)") == 1
