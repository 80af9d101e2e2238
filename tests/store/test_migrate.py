import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from simlet.store import migrate
from simlet.store.database import open_database
from simlet.store.migrate import check_schema, engine_for, newest_revision, prepare
from simlet.store.sql import DatabaseFault, DatabaseInUse, SchemaMismatch
from simlet.store.tables import metadata

SCHEMA_REFUSES = (apsw.ConstraintError, psycopg.IntegrityError)
BESIDE = Path(__file__).with_name("migrate_beside.py")
LATER = '''
"""A migration that an older simlet does not know."""
from alembic import op
revision = "later"
down_revision = "{newest}"
branch_labels = depends_on = None
def upgrade():
    op.execute("CREATE TABLE later (id INTEGER)")
    {then}
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, on each kind in turn; the file of SQLite is not made yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    postgres = request.getfixturevalue("postgres")
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty TEMPLATE template0")
        try:
            yield postgres.format("empty")
        finally:
            connection.execute("DROP DATABASE empty WITH (FORCE)")


@pytest.fixture
def own_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of migrations, as a copy to which a test may add."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate._SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "_SCRIPTS", folder)
    return folder / "versions"


def add_later_migration(scripts: Path, then: str = "") -> None:
    script = LATER.format(newest=newest_revision(), then=then)
    (scripts / "m9999_later.py").write_text(script)


def remove_later_migration(scripts: Path) -> None:
    (scripts / "m9999_later.py").unlink()


def table_names(url: str) -> set[str]:
    engine = engine_for(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def run(url: str, statement: str) -> None:
    engine = engine_for(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def rows_of(url: str, statement: str) -> list[tuple[Any, ...]]:
    engine = engine_for(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement)).all()]
    finally:
        engine.dispose()


def made_from_tables(url: str) -> None:
    """Makes all tables anew, without migrations."""
    engine = engine_for(url)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    engine.dispose()


OUR_TABLES = set(metadata.tables)


# --------------------------------------------------------------------------- what migrations give


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        found: list[Any] = compare_metadata(context, metadata)
    if engine.dialect.name == "sqlite":
        # SQLite knows no identity, so it seems to be missing from the ids.
        found = [one for one in found if not (isinstance(one, list) and _of_an_id(one))]
    return found


def _of_an_id(changes: list[Any]) -> bool:
    return all(change[0] == "modify_default" and change[3] == "id" for change in changes)


def test_migrations_give_just_the_tables(empty_url: str) -> None:
    migrate.migrate(empty_url)
    engine = engine_for(empty_url)
    try:
        assert differences(engine) == []
    finally:
        engine.dispose()
    assert table_names(empty_url) == OUR_TABLES | {"alembic_version"}


def test_the_comparison_would_see_a_column_an_index_or_a_table_too_many(empty_url: str) -> None:
    migrate.migrate(empty_url)
    run(empty_url, "ALTER TABLE lines ADD COLUMN port INTEGER")
    run(empty_url, "CREATE TABLE spare (id INTEGER)")
    run(empty_url, "DROP INDEX ix_rentals_over")
    engine = engine_for(empty_url)
    try:
        assert {one[0] for one in differences(engine)} == {
            "remove_column",
            "remove_table",
            "add_index",
        }
    finally:
        engine.dispose()


def checks(url: str) -> dict[str, dict[str, str]]:
    """Each table's checks, by their names, as the database writes them down."""
    engine = engine_for(url)
    inspector = inspect(engine)
    found = {
        table: {str(one["name"]): one["sqltext"] for one in inspector.get_check_constraints(table)}
        for table in OUR_TABLES
    }
    engine.dispose()
    return found


def indexes(url: str) -> dict[str, str]:
    """Each index with its condition, as the database writes them down."""
    statement = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        if url.startswith("postgresql")
        else "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return {name: text for name, text in rows_of(url, statement) if "alembic" not in name}


# The comparison does not look at checks, and not at the conditions of indexes.


def test_migrations_give_the_checks_of_the_tables(empty_url: str) -> None:
    migrate.migrate(empty_url)
    migrated = checks(empty_url)
    made_from_tables(empty_url)
    assert migrated == checks(empty_url)
    assert sum(map(len, migrated.values())) > 10


def test_migrations_give_the_indexes_of_the_tables_with_their_conditions(empty_url: str) -> None:
    migrate.migrate(empty_url)
    migrated = indexes(empty_url)
    made_from_tables(empty_url)
    assert migrated == indexes(empty_url)
    assert sum(" WHERE " in one for one in migrated.values()) > 5


def test_a_new_database_has_its_networks_and_nothing_else(empty_url: str) -> None:
    migrate.migrate(empty_url)
    names = ("MOBIFONE", "VINAPHONE", "VIETTEL", "VIETNAMOBILE", "ITELECOM")
    networks = rows_of(empty_url, "SELECT id, name FROM networks ORDER BY id")
    assert networks == list(enumerate(names, 1))
    others = OUR_TABLES - {"networks"}
    assert [name for name in others if rows_of(empty_url, f"SELECT 1 FROM {name}")] == []


# ----------------------------------------------------------------------------- going up, once more


def test_migrating_tells_where_it_came_from(empty_url: str) -> None:
    newest = newest_revision()
    assert migrate.migrate(empty_url) == (None, newest)
    assert migrate.migrate(empty_url) == (newest, newest)


def test_migrating_again_leaves_everything_as_it_was(empty_url: str) -> None:
    migrate.migrate(empty_url)
    run(empty_url, "INSERT INTO cursors (name, seq) VALUES ('kept', 7)")
    migrate.migrate(empty_url)
    assert rows_of(empty_url, "SELECT name, seq FROM cursors") == [("kept", 7)]


def test_an_older_database_goes_up_and_keeps_its_rows(empty_url: str, own_scripts: Path) -> None:
    migrate.migrate(empty_url)
    before = newest_revision()
    run(empty_url, "INSERT INTO cursors (name, seq) VALUES ('kept', 7)")
    add_later_migration(own_scripts)
    assert migrate.migrate(empty_url) == (before, "later")
    check_schema(empty_url)
    assert "later" in table_names(empty_url)
    assert rows_of(empty_url, "SELECT name, seq FROM cursors") == [("kept", 7)]


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, own_scripts: Path) -> None:
    migrate.migrate(empty_url)
    before = newest_revision()
    add_later_migration(own_scripts, then='op.execute("INSERT INTO no_such_table VALUES (1)")')
    with pytest.raises(DatabaseFault):
        migrate.migrate(empty_url)
    assert "later" not in table_names(empty_url)
    remove_later_migration(own_scripts)
    assert migrate.migrate(empty_url) == (before, before)


# ------------------------------------------------------------------------------- the wrong schema


def test_a_newer_schema_is_refused(empty_url: str, own_scripts: Path) -> None:
    add_later_migration(own_scripts)
    migrate.migrate(empty_url)
    remove_later_migration(own_scripts)
    for use in (migrate.migrate, prepare, check_schema):
        with pytest.raises(SchemaMismatch, match="later"):
            use(empty_url)
    assert "later" in table_names(empty_url)


def test_an_older_schema_is_refused_until_it_is_migrated(empty_url: str, own_scripts: Path) -> None:
    migrate.migrate(empty_url)
    add_later_migration(own_scripts)
    for use in (prepare, check_schema):
        with pytest.raises(SchemaMismatch, match="simlet migrate"):
            use(empty_url)
    assert "later" not in table_names(empty_url)
    migrate.migrate(empty_url)
    prepare(empty_url)


def test_a_schema_that_nobody_knows_is_refused(empty_url: str) -> None:
    migrate.migrate(empty_url)
    run(empty_url, "UPDATE alembic_version SET version_num = 'of another program'")
    for use in (migrate.migrate, prepare, check_schema):
        with pytest.raises(SchemaMismatch, match="of another program"):
            use(empty_url)


def test_an_empty_database_is_not_taken_for_a_migrated_one(empty_url: str) -> None:
    engine_for(empty_url).dispose()
    with pytest.raises(SchemaMismatch, match="no schema yet"):
        check_schema(empty_url)
    assert table_names(empty_url) == set()


def test_to_look_for_the_schema_of_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFault, match=f"no database {tmp_path}/simlet.db"):
        check_schema(f"sqlite:///{tmp_path}/simlet.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_prepared_and_a_prepared_one_is_left_alone(empty_url: str) -> None:
    prepare(empty_url)
    run(empty_url, "INSERT INTO cursors (name, seq) VALUES ('kept', 7)")
    prepare(empty_url)
    check_schema(empty_url)
    assert rows_of(empty_url, "SELECT name, seq FROM cursors") == [("kept", 7)]


@pytest.mark.parametrize("use", [migrate.migrate, prepare, check_schema])
@pytest.mark.parametrize(
    "url",
    ["sqlite:////no/such/folder/simlet.db", "postgresql://postgres@/simlet?host=/no/such/folder"],
)
def test_a_database_that_cannot_be_reached_is_a_fault(use: Any, url: str) -> None:
    with pytest.raises(DatabaseFault, match=r"cannot (be used|open)|no database"):
        use(url)


def test_a_file_that_is_no_database_is_a_fault_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(b"anything but a database " * 100)
    with pytest.raises(DatabaseFault, match="cannot open"):
        prepare(f"sqlite:///{file}")
    assert file.read_bytes() == b"anything but a database " * 100


def test_a_file_that_another_process_is_making_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = apsw.Connection(str(tmp_path / "simlet.db"))
    other.execute("BEGIN IMMEDIATE")
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            other.execute("ROLLBACK")

    monkeypatch.setattr(time, "sleep", pause)
    prepare(f"sqlite:///{tmp_path}/simlet.db")
    assert len(pauses) == 2
    assert all(0 < seconds < 1 for seconds in pauses)
    other.close()


@pytest.mark.anyio
async def test_an_older_database_that_is_open_in_a_process_is_not_migrated(
    tmp_path: Path, own_scripts: Path
) -> None:
    url = f"sqlite:///{tmp_path}/simlet.db"
    migrate.migrate(url)
    server = open_database(url)
    assert migrate.migrate(url) == (newest_revision(), newest_revision())
    add_later_migration(own_scripts)
    with pytest.raises(DatabaseInUse, match="stop the server"):
        migrate.migrate(url)
    await server.close()
    assert "later" not in table_names(url)
    migrate.migrate(url)
    assert "later" in table_names(url)


@pytest.mark.anyio
async def test_two_processes_may_begin_at_once(empty_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, BESIDE, call, empty_url),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for call in ("migrate", "prepare")
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [end[1] for end in ends] == [b"", b""]
    assert [process.returncode for process in processes] == [0, 0]
    check_schema(empty_url)
    assert table_names(empty_url) == OUR_TABLES | {"alembic_version"}
