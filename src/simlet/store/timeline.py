"""Statements that gather what happened to a rental, or to a message, from all that tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from simlet.domain.inbound import Quarantine
from simlet.domain.rental import RentalState
from simlet.store.sql import Row, Sql, Tx

MOST_ROWS = 1_000
"""No timeline shows more of one sort."""

_RENTAL = Sql(
    "SELECT r.id, r.account_id, a.name, r.service_id, r.line_id, g.name, r.state, r.again, "
    "r.created_at_ms, r.deadline_at_ms, r.closed_at_ms, p.reason, p.at_ms, x.request_id "
    "FROM rentals r JOIN accounts a ON a.id = r.account_id JOIN lines l ON l.id = r.line_id "
    "LEFT JOIN gateways g ON g.id = l.gateway_id "
    "LEFT JOIN rental_reports p ON p.rental_id = r.id "
    "LEFT JOIN rental_extras x ON x.rental_id = r.id WHERE r.id = :rental_id"
)
_SEEN = (
    "SELECT m.id, m.kind, g.name, m.line_id, m.has_code OR m.has_recording, m.sent_at_ms, "
    "m.came_at_ms, m.kept_at_ms, m.rental_id, m.quarantine, m.forgotten_at_ms "
    "FROM messages m JOIN gateways g ON g.id = m.gateway_id"
)
_OF_RENTAL = Sql(f"{_SEEN} WHERE m.rental_id = :rental_id ORDER BY m.id LIMIT {MOST_ROWS}")
_UNOWNED = Sql(
    f"{_SEEN} WHERE m.line_id = :line_id AND m.quarantine IS NOT NULL "
    # What waited in the spool was kept later than it came.
    "AND m.kept_at_ms >= :from_ms AND coalesce(m.came_at_ms, m.kept_at_ms) >= :from_ms "
    f"AND coalesce(m.came_at_ms, m.kept_at_ms) < :to_ms ORDER BY m.id LIMIT {MOST_ROWS}"
)
_MESSAGE = Sql(f"{_SEEN} WHERE m.id = :message_id")
_TOUCHING = (
    "SELECT id, service_id, state, created_at_ms, deadline_at_ms, closed_at_ms FROM rentals "
    "WHERE line_id = :line_id AND created_at_ms <= :to_ms AND deadline_at_ms > :from_ms"
)
_ON_LINE = Sql(
    f"{_TOUCHING} AND listening UNION ALL {_TOUCHING} AND NOT listening "
    f"ORDER BY id LIMIT {MOST_ROWS}"
)
_EXTENSIONS = Sql(
    "SELECT number, by_s, at_ms FROM rental_extensions WHERE rental_id = :rental_id "
    f"ORDER BY number LIMIT {MOST_ROWS}"
)
_ATTEMPTS = Sql(
    "SELECT c.endpoint_id, c.event_seq, e.kind, t.number, t.at_ms, t.duration_ms, t.status, "
    "t.error, t.outcome FROM callbacks c JOIN callback_attempts t ON t.callback_id = c.id "
    "LEFT JOIN events e ON e.seq = c.event_seq WHERE c.rental_id = :rental_id "
    f"ORDER BY t.id LIMIT {MOST_ROWS}"
)


@dataclass(frozen=True, slots=True)
class TimelineRental:
    """A rental, as its timeline needs it.

    Attributes:
        gateway: the name of the gateway that holds its line now.
        report: the reason of the report about its line, made at `reported_at_ms`.
    """

    id: int
    account_id: int
    account: str
    service_id: int
    line_id: int
    gateway: str | None
    state: RentalState
    again: bool
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None
    report: str | None
    reported_at_ms: int | None
    request_id: int | None


@dataclass(frozen=True, slots=True)
class TimelineMessage:
    """A message, without anything that it says.

    Attributes:
        answers: a code was found in it, or it is a call with its recording.
        quarantine: why no rental owns it.
    """

    id: int
    kind: str
    gateway: str
    line_id: int | None
    answers: bool
    sent_at_ms: int | None
    came_at_ms: int | None
    kept_at_ms: int
    rental_id: int | None
    quarantine: Quarantine | None
    forgotten_at_ms: int | None


@dataclass(frozen=True, slots=True)
class LineUse:
    """A rental of a line."""

    rental_id: int
    service_id: int
    state: RentalState
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Extension:
    """One lengthening of a rental."""

    number: int
    by_s: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to post an event of a rental; `endpoint_id` says where to."""

    endpoint_id: int
    event_seq: int
    event_kind: str | None
    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    outcome: str


def timeline_rental(tx: Tx, rental_id: int) -> TimelineRental | None:
    """A rental of any account."""
    row = tx.row(_RENTAL, rental_id=rental_id)
    if row is None:
        return None
    return TimelineRental(
        id=row[0],
        account_id=row[1],
        account=row[2],
        service_id=row[3],
        line_id=row[4],
        gateway=row[5],
        state=RentalState(row[6]),
        again=bool(row[7]),
        created_at_ms=row[8],
        deadline_at_ms=row[9],
        closed_at_ms=row[10],
        report=row[11],
        reported_at_ms=row[12],
        request_id=row[13],
    )


def messages_of_rental(tx: Tx, rental_id: int) -> list[TimelineMessage]:
    """The messages that a rental owns, in the order they were kept."""
    return _messages(tx.rows(_OF_RENTAL, rental_id=rental_id))


def unowned_messages(tx: Tx, line_id: int, from_ms: int, to_ms: int) -> list[TimelineMessage]:
    """The messages of a line that no rental owns, kept from one time until before another."""
    return _messages(tx.rows(_UNOWNED, line_id=line_id, from_ms=from_ms, to_ms=to_ms))


def timeline_message(tx: Tx, message_id: int) -> TimelineMessage | None:
    """Any message."""
    found = _messages(tx.rows(_MESSAGE, message_id=message_id))
    return found[0] if found else None


def _messages(rows: Sequence[Row]) -> list[TimelineMessage]:
    return [_message(row) for row in rows]


def _message(row: Row) -> TimelineMessage:
    return TimelineMessage(
        id=row[0],
        kind=row[1],
        gateway=row[2],
        line_id=row[3],
        answers=bool(row[4]),
        sent_at_ms=row[5],
        came_at_ms=row[6],
        kept_at_ms=row[7],
        rental_id=row[8],
        quarantine=None if row[9] is None else Quarantine(row[9]),
        forgotten_at_ms=row[10],
    )


def uses_of_line(tx: Tx, line_id: int, from_ms: int, to_ms: int) -> list[LineUse]:
    """The rentals of a line whose time touches a span, in the order they began."""
    rows = tx.rows(_ON_LINE, line_id=line_id, from_ms=from_ms, to_ms=to_ms)
    return [LineUse(row[0], row[1], RentalState(row[2]), *row[3:]) for row in rows]


def extensions_of(tx: Tx, rental_id: int) -> list[Extension]:
    """The extensions of a rental, in order."""
    return [Extension(*row) for row in tx.rows(_EXTENSIONS, rental_id=rental_id)]


def attempts_of(tx: Tx, rental_id: int) -> list[Attempt]:
    """The tries to post a rental's events, in order, as long as they are kept."""
    return [Attempt(*row) for row in tx.rows(_ATTEMPTS, rental_id=rental_id)]
