"""Show how lines and gateways do, to the operator and to a collector of figures; it only reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from simlet.domain.errors import GATEWAY_UNKNOWN, Refused
from simlet.domain.line_health import day_of, is_silent
from simlet.store import events, gateways, health_lists
from simlet.store.health_lists import LINE_STATES, GatewayHealthRow, LineHealthRow
from simlet.store.sql import Tx

__all__ = ["LINE_STATES"]


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines: None for any. The gateway is a name, the state one of `LINE_STATES`."""

    gateway: str | None = None
    store: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ShownLine:
    """How a line does.

    Attributes:
        state: `active`, `retired`, or why it is out of the pool.
        reception: what its equipment tells; None when that told nothing.
        seen_at_ms: when its equipment saw its SIM last.
        heard_at_ms: when its last message came.
        fails_in_row: rentals that failed since it was last heard, or came back.
        released_dong: what its silence cost: the prices of failing rentals, given back.
        silent: whether it is silent against its peers; see `simlet.domain.line_health.is_silent`.
        out_since_at_ms: since when it is out of the pool.
        back_at_ms: when its rest ends, if it rests.
    """

    id: int
    number: str
    iccid: str
    network: str
    store: str
    gateway: str | None
    port: str | None
    state: str
    reception: str | None
    signal_dbm: int | None
    operator: str | None
    seen_at_ms: int | None
    heard_at_ms: int | None
    messages_today: int
    fails_in_row: int
    rests: int
    released_dong: int
    silent: bool
    out_since_at_ms: int | None
    back_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ShownGateway:
    """How a gateway does.

    Attributes:
        state: `up`, `down`, or `unknown` when it never told.
        detail: what it says of its state.
        changed_at_ms: since when it is up or down.
        lines: how many lines in use are its own.
        lines_out: how many of them are out of the pool.
    """

    id: int
    name: str
    kind: str
    state: str
    detail: str
    changed_at_ms: int | None
    lines: int
    lines_out: int
    seen_at_ms: int | None
    heard_at_ms: int | None
    messages_today: int
    fails_in_row: int
    released_dong: int
    silent: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What a collector of figures asks for.

    Attributes:
        seq: up to which event `events` counts.
        events: how many events there were of each kind, behind the one that was asked for.
        callbacks: how many are to be posted yet.
        oldest_callback_at_ms: when the oldest one's event happened.
    """

    seq: int
    events: dict[str, int]
    lines: dict[str, int]
    gateways: dict[str, bool]
    waiting_rentals: int
    callbacks: int
    oldest_callback_at_ms: int | None


def show_lines(tx: Tx, wanted: LineFilter, now_ms: int, after: int, limit: int) -> list[ShownLine]:
    """Lines in the order of their ids, from behind one.

    Raises:
        Refused: GATEWAY_UNKNOWN.
    """
    rows = health_lists.line_health_after(
        tx,
        gateway_id=_gateway_id(tx, wanted.gateway),
        store=wanted.store,
        state=wanted.state,
        after=after,
        limit=limit,
    )
    last_ms = health_lists.last_message_at_ms(tx)
    return [_shown_line(one, last_ms, now_ms) for one in rows]


def _gateway_id(tx: Tx, name: str | None) -> int | None:
    if name is None:
        return None
    gateway = gateways.gateway_by_name(tx, name)
    if gateway is None:
        raise Refused(GATEWAY_UNKNOWN, name=name)
    return gateway.id


def _shown_line(row: LineHealthRow, last_ms: int | None, now_ms: int) -> ShownLine:
    fails = row.fails_in_row or 0
    peers_ms = last_ms if row.gateway_id is None else row.gateway_heard_at_ms
    return ShownLine(
        id=row.id,
        number=row.number,
        iccid=row.iccid,
        network=row.network,
        store=row.store,
        gateway=row.gateway,
        port=row.port,
        state=_state(row),
        reception=row.reception,
        signal_dbm=row.signal_dbm,
        operator=row.operator,
        seen_at_ms=row.seen_at_ms,
        heard_at_ms=row.heard_at_ms,
        messages_today=_today(row.day, row.messages_on_day, now_ms),
        fails_in_row=fails,
        rests=row.rests or 0,
        released_dong=row.released_dong or 0,
        silent=is_silent(fails, row.heard_at_ms, peers_ms),
        out_since_at_ms=row.out_since_ms,
        back_at_ms=row.look_at_ms if row.out_reason == "failing" else None,
    )


def _state(row: LineHealthRow) -> str:
    """Why an active line is out of the pool, where it is; else its state."""
    if row.state == "active" and row.out_reason:
        return row.out_reason
    return row.state


def _today(day: int | None, count: int | None, now_ms: int) -> int:
    return (count or 0) if day == day_of(now_ms) else 0


def show_gateways(tx: Tx, now_ms: int) -> list[ShownGateway]:
    """All gateways, by name."""
    rows = health_lists.gateway_health(tx)
    counts = health_lists.lines_of_gateways(tx)
    return [
        ShownGateway(
            id=one.id,
            name=one.name,
            kind=one.kind,
            state="unknown" if one.up is None else "up" if one.up else "down",
            detail=one.detail or "",
            changed_at_ms=one.up_changed_at_ms,
            lines=counts.get(one.id, (0, 0))[0],
            lines_out=counts.get(one.id, (0, 0))[1],
            seen_at_ms=one.seen_at_ms,
            heard_at_ms=one.heard_at_ms,
            messages_today=_today(one.day, one.messages_on_day, now_ms),
            fails_in_row=one.fails_in_row,
            released_dong=one.released_dong,
            silent=is_silent(one.fails_in_row, one.heard_at_ms, _peers_heard(one, rows)),
        )
        for one in rows
    ]


def _peers_heard(one: GatewayHealthRow, rows: Sequence[GatewayHealthRow]) -> int | None:
    others = [other for other in rows if other.id != one.id]
    peers = [other for other in others if other.kind == one.kind] or others
    heard = [other.heard_at_ms for other in peers if other.heard_at_ms is not None]
    return max(heard, default=None)


def figures(tx: Tx, after: int) -> Figures:
    """How much there is of all, and how many events there were behind one."""
    seq = events.last_seq(tx)
    callbacks, oldest_ms = health_lists.pending_callbacks(tx)
    return Figures(
        seq=seq,
        events=health_lists.events_by_kind(tx, after, seq),
        lines=health_lists.lines_by_state(tx),
        gateways=health_lists.gateways_up(tx),
        waiting_rentals=health_lists.waiting_rentals(tx),
        callbacks=callbacks,
        oldest_callback_at_ms=oldest_ms,
    )
