"""Databases as an earlier version of simlet left them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from simlet.store import migrate
from simlet.store.migrate import engine_for


@contextmanager
def older_database(
    request: pytest.FixtureRequest, tmp_path: Path, revision: str, statements: Iterable[str]
) -> Iterator[str]:
    """A database of a revision in which statements were run, of the kind that is the parameter."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/old.db"
        _fill(url, revision, statements)
        yield url
        return
    postgres = request.getfixturevalue("postgres")
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE older TEMPLATE template0")
        try:
            _fill(postgres.format("older"), revision, statements)
            yield postgres.format("older")
        finally:
            connection.execute("DROP DATABASE older WITH (FORCE)")


def _fill(url: str, revision: str, statements: Iterable[str]) -> None:
    engine = engine_for(url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate._SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
