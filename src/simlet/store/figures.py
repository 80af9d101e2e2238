"""Statements for the figures of services: what was counted hour by hour, and what it comes to.

An hour's row holds how many rentals got no code, and a histogram of the seconds after which the
others got theirs. The sums over a day and a week are kept beside, so that showing them costs one
short row a service.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from simlet.domain.events import EventKind
from simlet.domain.figures import Figures, Tally
from simlet.store.sql import Row, Sql, Tx, ids_array, table_of

_EVENTS = Sql(
    "SELECT e.kind, e.at_ms, r.service_id, r.created_at_ms FROM events e "
    "JOIN rentals r ON r.id = e.rental_id WHERE e.seq > :after AND e.seq <= :last "
    "AND e.kind IN ('rental.received', 'rental.expired') ORDER BY e.seq"
)
_HOURS = Sql(
    "SELECT service_id, hour, expired, seconds FROM service_hours "
    "WHERE service_id IN {ids} AND hour >= :first AND hour <= :last"
)
# `WHERE TRUE` tells SQLite that ON CONFLICT is no join's condition.
_SET_HOURS = Sql(
    "INSERT INTO service_hours (service_id, hour, expired, seconds) "
    "SELECT CAST(value ->> 0 AS INTEGER), CAST(value ->> 1 AS INTEGER), "
    "CAST(value ->> 2 AS INTEGER), value ->> 3 FROM {table} WHERE TRUE "
    "ON CONFLICT (service_id, hour) DO UPDATE SET "
    "expired = excluded.expired, seconds = excluded.seconds"
)
_FORGET = Sql("DELETE FROM service_hours WHERE hour < :first")
_COUNTED = Sql(
    "SELECT service_id FROM service_hours UNION SELECT service_id FROM service_figures "
    "ORDER BY service_id"
)
_SET_FIGURES = Sql(
    "INSERT INTO service_figures (service_id, last_24h, last_7d) "
    "SELECT CAST(value ->> 0 AS INTEGER), value ->> 1, value ->> 2 FROM {table} WHERE TRUE "
    "ON CONFLICT (service_id) DO UPDATE SET "
    "last_24h = excluded.last_24h, last_7d = excluded.last_7d"
)
_FIGURES = Sql("SELECT service_id, last_24h, last_7d FROM service_figures")
_seconds = msgspec.json.Decoder(dict[int, int])
_figures = msgspec.json.Decoder(Figures)

Hours = dict[tuple[int, int], Tally]
"""What was counted, by the service's id and the hour."""


class Sample(NamedTuple):
    """A rental that got its code, or did not: `waited_ms` is None where none came."""

    service_id: int
    at_ms: int
    waited_ms: int | None


def samples_between(tx: Tx, after: int, last: int) -> list[Sample]:
    """The samples in the events from behind one to the last one."""
    return [_sample(row) for row in tx.rows(_EVENTS, after=after, last=last)]


def _sample(row: Row) -> Sample:
    received = row[0] == EventKind.RENTAL_RECEIVED.value
    return Sample(row[2], row[1], row[1] - row[3] if received else None)


def hours(tx: Tx, service_ids: Iterable[int], first: int, last: int) -> Hours:
    """What was counted of services in the hours from `first` to `last`, both included."""
    rows = tx.rows(_HOURS, ids=ids_array(sorted(service_ids)), first=first, last=last)
    return {(row[0], row[1]): Tally(row[2], _seconds.decode(row[3])) for row in rows}


def set_hours(tx: Tx, counted: Mapping[tuple[int, int], Tally]) -> None:
    """Records what was counted, in place of what was recorded of these hours before."""
    _run_table(
        tx,
        _SET_HOURS,
        [
            (service_id, hour, tally.expired, msgspec.json.encode(tally.seconds).decode())
            for (service_id, hour), tally in sorted(counted.items(), key=_key)
        ],
    )


def _key(item: tuple[tuple[int, int], Tally]) -> tuple[int, int]:
    return item[0]


def _run_table(tx: Tx, statement: Sql, rows: Sequence[tuple[int | str, ...]]) -> None:
    if rows:
        tx.run(statement, table=table_of(rows))


def forget_hours(tx: Tx, before: int) -> None:
    """Erases what was counted before an hour."""
    tx.run(_FORGET, first=before)


def counted_services(tx: Tx) -> list[int]:
    """The ids of the services of which anything was counted or is told."""
    return [row[0] for row in tx.rows(_COUNTED)]


def set_figures(tx: Tx, figures: Mapping[int, tuple[Figures, Figures]]) -> None:
    """Records what is told of services: of the last day, and of the last week."""
    _run_table(
        tx,
        _SET_FIGURES,
        [
            (service_id, _text(last_24h), _text(last_7d))
            for service_id, (last_24h, last_7d) in sorted(figures.items())
        ],
    )


def _text(figures: Figures) -> str:
    return msgspec.json.encode(figures).decode()


def all_figures(tx: Tx) -> dict[int, tuple[Figures, Figures]]:
    """What is told of services, by their ids; none of those of which nothing was counted."""
    return {row[0]: (_figures.decode(row[1]), _figures.decode(row[2])) for row in tx.rows(_FIGURES)}
