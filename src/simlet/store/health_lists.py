"""Statements for the operator's lists of how lines and gateways do, and for the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from simlet.store.sql import Row, Sql, Tx

_LINE_FIELDS = (
    "l.id, l.iccid, l.number, n.name, l.store, l.state, l.out_reason, l.gateway_id, g.name, "
    "h.port, h.reception, h.signal_dbm, h.operator, h.seen_at_ms, h.message_at_ms, h.day, "
    "h.messages_today, h.fails_in_row, h.rests, h.released_dong, h.out_since_ms, h.probe_at_ms, "
    "gh.message_at_ms"
)
_LINE_JOINS = (
    "FROM lines l JOIN networks n ON n.id = l.network_id "
    "LEFT JOIN gateways g ON g.id = l.gateway_id "
    "LEFT JOIN line_health h ON h.line_id = l.id "
    "LEFT JOIN gateway_health gh ON gh.gateway_id = l.gateway_id "
)
_STATES = {
    "active": "l.state = 'active' AND l.out_reason IS NULL",
    "out": "l.state = 'active' AND l.out_reason IS NOT NULL",
    "failing": "l.state = 'active' AND l.out_reason = 'failing'",
    "unheard": "l.state = 'active' AND l.out_reason = 'unheard'",
    "gateway_down": "l.state = 'active' AND l.out_reason = 'gateway_down'",
    "retired": "l.state = 'retired'",
}
LINE_STATES = tuple(_STATES)
_GATEWAYS = Sql(
    "SELECT g.id, g.name, g.kind, h.up, h.detail, h.up_changed_at_ms, h.lines_out, h.seen_at_ms, "
    "h.message_at_ms, h.day, h.messages_today, h.fails_in_row, h.released_dong "
    "FROM gateways g LEFT JOIN gateway_health h ON h.gateway_id = g.id "
    "WHERE g.removed_at_ms IS NULL ORDER BY g.name"
)
_LINES_OF_GATEWAYS = Sql(
    "SELECT gateway_id, count(*), count(out_reason) FROM lines "
    "WHERE gateway_id IS NOT NULL AND state = 'active' GROUP BY gateway_id"
)
_LAST_MESSAGE = Sql("SELECT max(message_at_ms) FROM gateway_health")
_LINES_BY_STATE = Sql(
    "SELECT CASE WHEN state = 'active' THEN coalesce(out_reason, 'active') ELSE state END AS one, "
    "count(*) FROM lines GROUP BY one"
)
_EVENTS_BY_KIND = Sql(
    "SELECT kind, count(*) FROM events WHERE seq > :after AND seq <= :last GROUP BY kind"
)
# What waits listens: so it is found among those that do, and not among all that ever were.
_WAITING = Sql("SELECT count(*) FROM rentals WHERE listening AND state = 'waiting'")
_CALLBACKS = Sql("SELECT count(*), min(event_at_ms) FROM callbacks WHERE state = 'pending'")
_UPS = Sql(
    "SELECT g.name, h.up FROM gateways g JOIN gateway_health h ON h.gateway_id = g.id "
    "WHERE h.up IS NOT NULL AND g.removed_at_ms IS NULL ORDER BY g.name"
)


@dataclass(frozen=True, slots=True)
class LineHealthRow:
    """A line as it is recorded; see the table `line_health`."""

    id: int
    iccid: str
    number: str
    network: str
    store: str
    state: str
    out_reason: str | None
    gateway_id: int | None
    gateway: str | None
    port: str | None
    reception: str | None
    signal_dbm: int | None
    operator: str | None
    seen_at_ms: int | None
    heard_at_ms: int | None
    day: int | None
    messages_on_day: int | None
    fails_in_row: int | None
    rests: int | None
    released_dong: int | None
    out_since_ms: int | None
    look_at_ms: int | None
    gateway_heard_at_ms: int | None


@dataclass(frozen=True, slots=True)
class GatewayHealthRow:
    """A gateway as it is recorded; see the table `gateway_health`."""

    id: int
    name: str
    kind: str
    up: bool | None
    detail: str | None
    up_changed_at_ms: int | None
    lines_out: bool
    seen_at_ms: int | None
    heard_at_ms: int | None
    day: int | None
    messages_on_day: int | None
    fails_in_row: int
    released_dong: int


def line_health_after(
    tx: Tx,
    *,
    gateway_id: int | None,
    store: str | None,
    state: str | None,
    after: int,
    limit: int,
) -> list[LineHealthRow]:
    """Lines in the order of their ids, from behind one; None for any. States: `LINE_STATES`."""
    statement = _lines_statement(gateway_id is not None, store is not None, state)
    inputs: dict[str, int | str] = {"after": after, "limit": limit}
    if gateway_id is not None:
        inputs["gateway_id"] = gateway_id
    if store is not None:
        inputs["store"] = store
    return [LineHealthRow(*row) for row in tx.rows(statement, **inputs)]


@lru_cache(maxsize=64)
def _lines_statement(of_gateway: bool, of_store: bool, state: str | None) -> Sql:
    conditions = ["l.id > :after"]
    if of_gateway:
        conditions.append("l.gateway_id = :gateway_id")
    if of_store:
        conditions.append("l.store = :store")
    if state is not None:
        conditions.append(_STATES[state])
    where = " AND ".join(conditions)
    return Sql(f"SELECT {_LINE_FIELDS} {_LINE_JOINS} WHERE {where} ORDER BY l.id LIMIT :limit")


def gateway_health(tx: Tx) -> list[GatewayHealthRow]:
    """All gateways, by name."""
    return [_gateway_row(row) for row in tx.rows(_GATEWAYS)]


def _gateway_row(row: Row) -> GatewayHealthRow:
    up = None if row[3] is None else bool(row[3])
    return GatewayHealthRow(
        id=row[0],
        name=row[1],
        kind=row[2],
        up=up,
        detail=row[4],
        up_changed_at_ms=row[5],
        lines_out=bool(row[6]),
        seen_at_ms=row[7],
        heard_at_ms=row[8],
        day=row[9],
        messages_on_day=row[10],
        fails_in_row=row[11] or 0,
        released_dong=row[12] or 0,
    )


def lines_of_gateways(tx: Tx) -> Mapping[int, tuple[int, int]]:
    """How many lines in use each gateway has, and how many of them are out of the pool."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(_LINES_OF_GATEWAYS)}


def last_message_at_ms(tx: Tx) -> int | None:
    """When the last message came through any gateway."""
    row = tx.row(_LAST_MESSAGE)
    return None if row is None else row[0]


def lines_by_state(tx: Tx) -> dict[str, int]:
    """How many lines there are in each state; those out of the pool by their reasons."""
    return {row[0]: row[1] for row in tx.rows(_LINES_BY_STATE)}


def events_by_kind(tx: Tx, after: int, last: int) -> dict[str, int]:
    """How many events there are of each kind, behind one and up to another."""
    return {row[0]: row[1] for row in tx.rows(_EVENTS_BY_KIND, after=after, last=last)}


def waiting_rentals(tx: Tx) -> int:
    """How many rentals wait."""
    row = tx.row(_WAITING)
    return row[0] if row else 0


def pending_callbacks(tx: Tx) -> tuple[int, int | None]:
    """How many callbacks are to be posted yet, and when the oldest one's event happened."""
    row = tx.row(_CALLBACKS)
    return (row[0], row[1]) if row else (0, None)


def gateways_up(tx: Tx) -> dict[str, bool]:
    """The gateways that told whether they are connected, by name."""
    return {row[0]: bool(row[1]) for row in tx.rows(_UPS)}
