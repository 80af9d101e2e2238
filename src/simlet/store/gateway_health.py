"""Statements for how gateways do: whether they are connected, and what came through them."""

from collections.abc import Iterable
from dataclasses import dataclass

from simlet.domain.line_health import HealthRecord
from simlet.store.sql import Sql, Tx, ids_array, table_of

_CONNECTIONS = Sql(
    "SELECT gateway_id, up, up_changed_at_ms FROM gateway_health WHERE gateway_id IN {ids}"
)
_SET_CONNECTION = Sql(
    "INSERT INTO gateway_health (gateway_id, up, detail, up_changed_at_ms, seen_at_ms) "
    "VALUES (:gateway_id, :up, :detail, :up_changed_at_ms, :seen_at_ms) "
    "ON CONFLICT (gateway_id) DO UPDATE SET up = excluded.up, detail = excluded.detail, "
    "up_changed_at_ms = excluded.up_changed_at_ms, seen_at_ms = excluded.seen_at_ms"
)
_SET_SEEN = Sql(
    "INSERT INTO gateway_health (gateway_id, seen_at_ms) VALUES (:gateway_id, :seen_at_ms) "
    "ON CONFLICT (gateway_id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms"
)
_RECORDS = Sql(
    "SELECT gateway_id, message_at_ms, day, messages_today, fails_in_row, released_dong "
    "FROM gateway_health WHERE gateway_id IN {ids}"
)
_SET_RECORDS = Sql(
    "INSERT INTO gateway_health (gateway_id, message_at_ms, day, messages_today, fails_in_row, "
    "released_dong) SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), "
    "CAST(value ->> 2 AS INTEGER), CAST(value ->> 3 AS INTEGER), CAST(value ->> 4 AS INTEGER), "
    "CAST(value ->> 5 AS BIGINT) FROM {table} WHERE TRUE "
    "ON CONFLICT (gateway_id) DO UPDATE SET message_at_ms = excluded.message_at_ms, "
    "day = excluded.day, messages_today = excluded.messages_today, "
    "fails_in_row = excluded.fails_in_row, released_dong = excluded.released_dong"
)
_TURNING = (
    "SELECT gateway_id, NOT lines_out FROM gateway_health WHERE (up AND lines_out) "
    "OR (NOT up AND NOT lines_out AND up_changed_at_ms <= :since_ms) ORDER BY gateway_id"
)
_TURNING_AS_THEY_ARE = Sql(_TURNING)
_TURNING_LOCKED = Sql(_TURNING + " {for_update}")
_SET_LINES_OUT = Sql(
    "UPDATE gateway_health SET lines_out = :lines_out WHERE gateway_id = :gateway_id"
)
_LINES_OUT = Sql("SELECT gateway_id, lines_out FROM gateway_health ORDER BY gateway_id")


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether a gateway is connected to its other side, and since when it is or is not."""

    up: bool | None
    changed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class PoolChange:
    """A gateway whose lines are to leave the pool, or with `lines_out` false to come back."""

    gateway_id: int
    lines_out: bool


def connections(tx: Tx, gateway_ids: Iterable[int]) -> dict[int, Connection]:
    """Connections by the gateways' ids; none of those that never told."""
    rows = tx.rows(_CONNECTIONS, ids=ids_array(gateway_ids))
    return {row[0]: Connection(None if row[1] is None else bool(row[1]), row[2]) for row in rows}


def set_connection(
    tx: Tx, gateway_id: int, connection: Connection, detail: str, seen_at_ms: int
) -> None:
    """Records what a gateway tells of itself."""
    tx.run(
        _SET_CONNECTION,
        gateway_id=gateway_id,
        up=connection.up,
        detail=detail,
        up_changed_at_ms=connection.changed_at_ms,
        seen_at_ms=seen_at_ms,
    )


def set_seen(tx: Tx, gateway_id: int, seen_at_ms: int) -> None:
    """Records that a gateway told something of its lines."""
    tx.run(_SET_SEEN, gateway_id=gateway_id, seen_at_ms=seen_at_ms)


def records(tx: Tx, gateway_ids: Iterable[int]) -> dict[int, HealthRecord]:
    """What came through gateways so far, by their ids; gateways do not rest."""
    return {
        row[0]: HealthRecord(row[1], row[2], row[3], row[4], 0, row[5])
        for row in tx.rows(_RECORDS, ids=ids_array(gateway_ids))
    }


def set_records(tx: Tx, of_gateways: Iterable[tuple[int, HealthRecord]]) -> None:
    """Records what came through gateways."""
    table = [
        (
            gateway_id,
            one.heard_at_ms,
            one.day,
            one.messages_today,
            one.fails_in_row,
            one.released_dong,
        )
        for gateway_id, one in of_gateways
    ]
    if table:
        tx.run(_SET_RECORDS, table=table_of(table))


def turning(tx: Tx, since_ms: int) -> list[PoolChange]:
    """Gateways that went down by a time, and those that came back since their lines left."""
    return [
        PoolChange(row[0], bool(row[1])) for row in tx.rows(_TURNING_AS_THEY_ARE, since_ms=since_ms)
    ]


def lock_turning(tx: Tx, since_ms: int) -> list[PoolChange]:
    """As `turning`, and no other transaction turns them meanwhile."""
    return [PoolChange(row[0], bool(row[1])) for row in tx.rows(_TURNING_LOCKED, since_ms=since_ms)]


def set_lines_out(tx: Tx, turn: PoolChange) -> None:
    """Records that a gateway's lines are to leave the pool, or to come back."""
    tx.run(_SET_LINES_OUT, gateway_id=turn.gateway_id, lines_out=turn.lines_out)


def all_lines_out(tx: Tx) -> list[PoolChange]:
    """Every gateway that told of itself, and whether its lines are to be out of the pool."""
    return [PoolChange(row[0], bool(row[1])) for row in tx.rows(_LINES_OUT)]
