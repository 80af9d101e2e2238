"""Statements for how lines do: what their equipment tells, and what came of their rentals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simlet.domain.health import Reception
from simlet.domain.line_health import HealthRecord, LineStanding, OutReason
from simlet.store.sql import Row, Sql, Tx, ids_array, table_of, texts_array

# One dealer alone, by however many services, must not send a line to rest.
_FIRST_OF_DAY = (
    "NOT EXISTS (SELECT 1 FROM rental_reports p JOIN rental_reports q "
    "ON q.account_id = p.account_id AND q.line_id = p.line_id "
    "AND q.at_ms > p.at_ms - 86400000 AND (q.at_ms < p.at_ms "
    "OR (q.at_ms = p.at_ms AND q.rental_id < p.rental_id)) WHERE p.rental_id = e.rental_id)"
)
_EVENTS = Sql(
    # A line was heard when its message came, and not when that was taken out of the spool.
    "SELECT e.seq, e.kind, coalesce(m.came_at_ms, e.at_ms), m.gateway_id, m.line_id, m.quarantine, "
    "r.line_id, l.gateway_id, r.created_at_ms, r.price_dong, r.state "
    "FROM (SELECT seq, kind, at_ms, rental_id, message_id FROM events "
    "WHERE seq > :after AND seq <= :last AND kind IN ('message.kept', 'message.quarantined', "
    "'rental.expired', 'rental.reported')) e "
    "LEFT JOIN messages m ON m.id = e.message_id "
    "AND e.kind IN ('message.kept', 'message.quarantined') "
    "LEFT JOIN rentals r ON r.id = e.rental_id "
    "AND (e.kind = 'rental.expired' "
    f"OR (e.kind = 'rental.reported' AND {_FIRST_OF_DAY})) "
    "LEFT JOIN lines l ON l.id = r.line_id ORDER BY e.seq"
)
_STANDING = (
    "SELECT l.id, l.gateway_id, l.out_reason, h.reception, h.fails_in_row, h.rests, "
    "g.lines_out, h.probe_at_ms, h.port, l.iccid, l.number, l.state, h.line_id FROM lines l "
    "LEFT JOIN line_health h ON h.line_id = l.id "
    "LEFT JOIN gateway_health g ON g.gateway_id = l.gateway_id "
)
_BY_IDS = Sql(f"{_STANDING} WHERE l.id IN {{ids}} ORDER BY l.id")
_BY_ICCIDS = Sql(f"{_STANDING} WHERE l.iccid IN {{texts}} AND l.state <> 'retired'")
_BY_NUMBERS = Sql(f"{_STANDING} WHERE l.number IN {{texts}} AND l.state <> 'retired'")
_BY_PORTS = Sql(
    f"{_STANDING} WHERE l.gateway_id = :gateway_id AND l.state <> 'retired' AND h.port IN {{texts}}"
)
_LAST_IN = Sql(
    "SELECT l.iccid, h.imsi FROM lines l JOIN line_health h ON h.line_id = l.id "
    "WHERE l.gateway_id = :gateway_id AND l.state <> 'retired' AND h.port = :port "
    "AND h.seen_at_ms IS NOT NULL ORDER BY h.seen_at_ms DESC, l.id DESC LIMIT 1"
)
_DUE = Sql(
    "SELECT line_id FROM line_health WHERE probe_at_ms IS NOT NULL AND probe_at_ms <= :now_ms "
    "ORDER BY probe_at_ms, line_id LIMIT :limit"
)
_IN_POOL_OF = Sql(
    "SELECT id FROM lines WHERE gateway_id = :gateway_id AND id > :after "
    "AND state = 'active' AND out_reason IS NULL ORDER BY id LIMIT :limit"
)
_OUT_WITH = Sql(
    "SELECT id FROM lines WHERE gateway_id = :gateway_id AND id > :after "
    "AND state = 'active' AND out_reason = 'gateway_down' ORDER BY id LIMIT :limit"
)
_RECORDS = Sql(
    "SELECT line_id, message_at_ms, day, messages_today, fails_in_row, rests, released_dong "
    "FROM line_health WHERE line_id IN {ids}"
)
# `WHERE TRUE` tells SQLite that ON CONFLICT is no join's condition.
_SET_RECORDS = Sql(
    "INSERT INTO line_health (line_id, message_at_ms, day, messages_today, fails_in_row, rests, "
    "released_dong) SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), "
    "CAST(value ->> 2 AS INTEGER), CAST(value ->> 3 AS INTEGER), CAST(value ->> 4 AS INTEGER), "
    "CAST(value ->> 5 AS INTEGER), CAST(value ->> 6 AS BIGINT) FROM {table} WHERE TRUE "
    "ON CONFLICT (line_id) DO UPDATE SET message_at_ms = excluded.message_at_ms, "
    "day = excluded.day, messages_today = excluded.messages_today, "
    "fails_in_row = excluded.fails_in_row, rests = excluded.rests, "
    "released_dong = excluded.released_dong"
)
_LOOK_AT = Sql("UPDATE line_health SET probe_at_ms = :at_ms WHERE line_id IN {ids}")
_SET_STANDINGS = Sql(
    "INSERT INTO line_health (line_id, fails_in_row, rests, probe_at_ms, out_since_ms) "
    "SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS INTEGER), "
    "CAST(value ->> 2 AS INTEGER), CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT) "
    "FROM {table} WHERE TRUE ON CONFLICT (line_id) DO UPDATE SET "
    "fails_in_row = excluded.fails_in_row, rests = excluded.rests, "
    "probe_at_ms = excluded.probe_at_ms, "
    # The first reason to be out is when it left, whatever reasons came to it later.
    "out_since_ms = CASE WHEN excluded.out_since_ms IS NULL THEN NULL "
    "ELSE coalesce(line_health.out_since_ms, excluded.out_since_ms) END"
)
_SET_REPORTS = Sql(
    "INSERT INTO line_health (line_id, port, reception, signal_dbm, operator, imsi, seen_at_ms, "
    "probe_at_ms) SELECT CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2, "
    "CAST(value ->> 3 AS SMALLINT), value ->> 4, value ->> 5, CAST(value ->> 6 AS BIGINT), "
    "CAST(value ->> 7 AS BIGINT) FROM {table} WHERE TRUE "
    "ON CONFLICT (line_id) DO UPDATE SET port = excluded.port, reception = excluded.reception, "
    "signal_dbm = excluded.signal_dbm, "
    "operator = coalesce(excluded.operator, line_health.operator), "
    "imsi = coalesce(excluded.imsi, line_health.imsi), "
    "seen_at_ms = coalesce(excluded.seen_at_ms, line_health.seen_at_ms), "
    "probe_at_ms = excluded.probe_at_ms"
)
_ATTACH = Sql("UPDATE lines SET gateway_id = CAST(:gateway_id AS BIGINT) WHERE id IN {ids}")

# What the gateway before told of a line is worth nothing now. A line that rests is looked at as
# well: so it has its probation with the gateway that it has now.
_LOOK_ANEW = Sql(
    "INSERT INTO line_health (line_id, probe_at_ms) "
    "SELECT CAST(value ->> 0 AS BIGINT), CAST(:at_ms AS BIGINT) FROM {table} WHERE TRUE "
    "ON CONFLICT (line_id) DO UPDATE SET port = NULL, reception = NULL, signal_dbm = NULL, "
    "probe_at_ms = excluded.probe_at_ms"
)


class WatchedEvent(NamedTuple):
    """What the event log tells of lines and gateways.

    Attributes:
        at_ms: of a message, when it came; else when it was written.
        message_gateway_id: of a message, the gateway that it came through.
        message_line_id: of a message, the line that it came to; None when it came to none.
        quarantine: of a message, why it has no owner.
        failed_line_id: of a rental that expired or was reported, its line.
        failed_gateway_id: of such a rental, the gateway of its line.
        created_at_ms: of such a rental, when it began.
        price_dong: of such a rental, its price.
        rental_state: of such a rental, how it ended.
    """

    seq: int
    kind: str
    at_ms: int
    message_gateway_id: int | None
    message_line_id: int | None
    quarantine: str | None
    failed_line_id: int | None
    failed_gateway_id: int | None
    created_at_ms: int | None
    price_dong: int | None
    rental_state: str | None


@dataclass(frozen=True, slots=True)
class LineSnapshot:
    """A line, how it stands, and where it was seen last; `known` when anything was recorded."""

    id: int
    gateway_id: int | None
    standing: LineStanding
    port: str | None
    iccid: str
    number: str
    retired: bool
    known: bool


@dataclass(frozen=True, slots=True)
class NewReport:
    """What is to be recorded of a line: what its equipment told, and when to look at it.

    Without `seen_at_ms` it was not the line itself that was seen.
    """

    line_id: int
    port: str | None
    reception: Reception
    signal_dbm: int | None
    operator: str | None
    imsi: str | None
    seen_at_ms: int | None
    look_at_ms: int | None


def watched_events(tx: Tx, after: int, last: int) -> list[WatchedEvent]:
    """Of the events from behind one to the last one, those that mean something here."""
    rows = tx.rows(_EVENTS, after=after, last=last)
    return [WatchedEvent(*row) for row in rows if row[3] is not None or row[6] is not None]


def _health_of(row: Row) -> LineSnapshot:
    standing = LineStanding(
        out=None if row[2] is None else OutReason(row[2]),
        reception=None if row[3] is None else Reception(row[3]),
        fails_in_row=row[4] or 0,
        rests=row[5] or 0,
        gateway_out=bool(row[6]),
        look_at_ms=row[7],
    )
    return LineSnapshot(
        id=row[0],
        gateway_id=row[1],
        standing=standing,
        port=row[8],
        iccid=row[9],
        number=row[10],
        retired=row[11] == "retired",
        known=row[12] is not None,
    )


def lines_by_id(tx: Tx, line_ids: Iterable[int]) -> list[LineSnapshot]:
    """Lines in the order of their ids."""
    return [_health_of(row) for row in tx.rows(_BY_IDS, ids=ids_array(line_ids))]


def lines_by_iccid(tx: Tx, iccids: Sequence[str]) -> dict[str, LineSnapshot]:
    """Lines in use by their ICCIDs."""
    found = map(_health_of, tx.rows(_BY_ICCIDS, texts=texts_array(iccids)))
    return {one.iccid: one for one in found}


def lines_by_number(tx: Tx, numbers: Sequence[str]) -> dict[str, LineSnapshot]:
    """Lines in use by their numbers."""
    found = map(_health_of, tx.rows(_BY_NUMBERS, texts=texts_array(numbers)))
    return {one.number: one for one in found}


def lines_by_port(tx: Tx, gateway_id: int, ports: Sequence[str]) -> list[LineSnapshot]:
    """A gateway's lines in use that were seen last in one of these ports."""
    rows = tx.rows(_BY_PORTS, gateway_id=gateway_id, texts=texts_array(ports))
    return [_health_of(row) for row in rows]


def last_sim_in(tx: Tx, gateway_id: int, port: str) -> frozenset[str]:
    """The ICCID and IMSI, as far as known, of the SIM that a gateway saw last in a port."""
    row = tx.row(_LAST_IN, gateway_id=gateway_id, port=port)
    return frozenset(one for one in row or () if one)


def due_lines(tx: Tx, now_ms: int, limit: int) -> list[int]:
    """The ids of lines that are to be looked at, the longest overdue first."""
    return [row[0] for row in tx.rows(_DUE, now_ms=now_ms, limit=limit)]


def lines_to_follow(
    tx: Tx, gateway_id: int, *, lines_out: bool, after: int, limit: int
) -> list[int]:
    """The ids of a gateway's lines that do not follow it yet, from behind one."""
    statement = _IN_POOL_OF if lines_out else _OUT_WITH
    rows = tx.rows(statement, gateway_id=gateway_id, after=after, limit=limit)
    return [row[0] for row in rows]


def records(tx: Tx, line_ids: Iterable[int]) -> dict[int, HealthRecord]:
    """What came of lines so far, by their ids; none for those of which nothing is known."""
    return {row[0]: HealthRecord(*row[1:]) for row in tx.rows(_RECORDS, ids=ids_array(line_ids))}


def set_records(tx: Tx, of_lines: Iterable[tuple[int, HealthRecord]]) -> None:
    """Records what came of lines."""
    table = [(line_id, *record_row(one)) for line_id, one in of_lines]
    if table:
        tx.run(_SET_RECORDS, table=table_of(table))


def record_row(one: HealthRecord) -> tuple[int | None, ...]:
    """A record as a row of a `{table}`."""
    return (
        one.heard_at_ms,
        one.day,
        one.messages_today,
        one.fails_in_row,
        one.rests,
        one.released_dong,
    )


def ask_for_look(tx: Tx, line_ids: Sequence[int], at_ms: int) -> None:
    """Has lines of which something is known looked at."""
    if line_ids:
        tx.run(_LOOK_AT, at_ms=at_ms, ids=ids_array(line_ids))


def set_standings(tx: Tx, standings: Iterable[tuple[int, LineStanding]], now_ms: int) -> None:
    """Records how lines stand after a look, but for their reasons; see `pool.set_reasons`."""
    table = [
        (line_id, one.fails_in_row, one.rests, one.look_at_ms, None if one.out is None else now_ms)
        for line_id, one in standings
    ]
    if table:
        tx.run(_SET_STANDINGS, table=table_of(table))


def set_reports(tx: Tx, reports: Iterable[NewReport]) -> None:
    """Records what equipment told; no line stands twice among the reports."""
    table = [
        (
            one.line_id,
            one.port,
            one.reception.value,
            one.signal_dbm,
            one.operator,
            one.imsi,
            one.seen_at_ms,
            one.look_at_ms,
        )
        for one in reports
    ]
    if table:
        tx.run(_SET_REPORTS, table=table_of(table))


def look_anew(tx: Tx, line_ids: Sequence[int], at_ms: int) -> None:
    """Forgets what equipment told of lines, and has them looked at, in the order of their ids."""
    tx.run(_LOOK_ANEW, at_ms=at_ms, table=table_of((one,) for one in line_ids))


def attach(tx: Tx, line_ids: Sequence[int], gateway_id: int | None) -> None:
    """Makes lines a gateway's own, or with None nobody's."""
    if line_ids:
        tx.run(_ATTACH, gateway_id=gateway_id, ids=ids_array(line_ids))
