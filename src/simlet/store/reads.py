"""Statements for reads: when a rental's code was told, by which way, how often."""

from collections.abc import Sequence
from dataclasses import dataclass

from simlet.store.sql import Sql, Tx, table_of

# Two processes that add the same rows must take them in the same order.
_ADD = Sql(
    "INSERT INTO reads (rental_id, via, first_at_ms, last_at_ms, times) "
    "SELECT CAST(value ->> 0 AS bigint), value ->> 1, CAST(value ->> 2 AS bigint), "
    "CAST(value ->> 3 AS bigint), CAST(value ->> 4 AS integer) FROM {table} WHERE true "
    "ON CONFLICT (rental_id, via) DO UPDATE SET times = reads.times + excluded.times, "
    "first_at_ms = CASE WHEN excluded.first_at_ms < reads.first_at_ms "
    "THEN excluded.first_at_ms ELSE reads.first_at_ms END, "
    "last_at_ms = CASE WHEN excluded.last_at_ms > reads.last_at_ms "
    "THEN excluded.last_at_ms ELSE reads.last_at_ms END"
)
_OF_RENTAL = Sql(
    "SELECT rental_id, via, first_at_ms, last_at_ms, times FROM reads "
    "WHERE rental_id = :rental_id ORDER BY first_at_ms, via"
)


@dataclass(frozen=True, slots=True)
class Read:
    """A rental's code was told by one way (`first_api`, `v1`, `stream`, `callback`)."""

    rental_id: int
    via: str
    first_at_ms: int
    last_at_ms: int
    times: int


def add_reads(tx: Tx, noted: Sequence[Read]) -> None:
    """Adds reads to what is there."""
    table = sorted(
        (one.rental_id, one.via, one.first_at_ms, one.last_at_ms, one.times) for one in noted
    )
    tx.run(_ADD, table=table_of(table))


def reads_of(tx: Tx, rental_id: int) -> list[Read]:
    """The reads of a rental, the first one first."""
    return [Read(*row) for row in tx.rows(_OF_RENTAL, rental_id=rental_id)]
