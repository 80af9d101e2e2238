"""Flows that keep a name, refuse or fail, on either database, and the names kept in the end."""

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.store.sql import Sql, Tx
from simlet.testing.gate import Gate
from store.keeping import names, opened

ADD = Sql("INSERT INTO cursors (name, seq) VALUES (:name, :seq)")
ALL = Sql("SELECT name, seq FROM cursors ORDER BY name")


class Mishap(Exception):  # noqa: N818
    """A fault that no rule foresees."""


def keep(tx: Tx, name: str, seq: int = 1) -> str:
    tx.run(ADD, name=name, seq=seq)
    return f"{name} kept"


def keep_and_refuse(tx: Tx, name: str) -> str:
    keep(tx, name)
    raise Refused(OUT_OF_STOCK)


def keep_and_fail(tx: Tx, name: str) -> str:
    keep(tx, name)
    raise Mishap


def keep_and_break_the_schema(tx: Tx, name: str) -> str:
    keep(tx, name)
    tx.run(ADD, name="without a number", seq=None)
    return "never"


def keep_and_add_twice(tx: Tx, name: str) -> str:
    keep(tx, name)
    keep(tx, name)
    return "never"


FLOWS = {
    "good": keep,
    "refused": keep_and_refuse,
    "faulty": keep_and_fail,
    "broken": keep_and_break_the_schema,
    "double": keep_and_add_twice,
}


def by_its_name(tx: Tx, name: str) -> str:
    return FLOWS[name.partition(" ")[0]](tx, name)


def keep_at_gate(tx: Tx, name: str, gate: Gate) -> str:
    kept = keep(tx, name)
    gate.pass_through()
    return kept


async def names_kept(url: str) -> list[str]:
    """What is kept, as one sees it who opens the database anew."""
    async with opened(url) as db:
        return await db.read(names)
