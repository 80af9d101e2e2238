"""Statements for the parts of long messages."""

from dataclasses import dataclass

from simlet.domain.inbound import Part
from simlet.store.sql import Row, Sql, Tx

_FIELDS = (
    "m.id, m.to_number, m.sender, m.reference, m.total, m.gateway_id, m.state, m.began_at_ms, "
    "m.message_id"
)
_OF_KEY = Sql(
    f"SELECT {_FIELDS} FROM long_messages m WHERE m.to_number = :to_number "
    "AND m.reference = :reference AND m.total = :total AND m.sender = :sender "
    "AND m.began_at_ms >= :since_ms ORDER BY m.id {for_update}"
)
_ADD = Sql(
    "INSERT INTO long_messages (to_number, sender, reference, total, gateway_id, state, "
    "began_at_ms) VALUES (:to_number, :sender, :reference, :total, :gateway_id, 'open', "
    ":began_at_ms) {returning_id}"
)
_LOCK_KEY = Sql("SELECT {lock_parts}")
_PARTS = Sql(
    "SELECT number, body, sent_at_ms, source_key FROM parts WHERE long_message_id = :id "
    "ORDER BY number"
)
_ADD_PART = Sql(
    "INSERT INTO parts (long_message_id, number, body, source_key, sent_at_ms, kept_at_ms) "
    "VALUES (:id, :number, :body, :source_key, :sent_at_ms, :kept_at_ms)"
)
_SET_STATE = Sql("UPDATE long_messages SET state = :state, message_id = :message_id WHERE id = :id")
_OVERDUE = Sql(
    "SELECT m.id FROM long_messages m WHERE m.state = 'open' "
    "AND m.began_at_ms <= :before_ms ORDER BY m.began_at_ms LIMIT :limit"
)
# One that another transaction has is left to it: it may be just the part that was waited for.
_LOCK_OPEN = Sql(
    f"SELECT {_FIELDS} FROM long_messages m WHERE m.id = :id AND m.state = 'open' {{skip_locked}}"
)
_FORGET_PARTS = Sql(
    "DELETE FROM parts WHERE long_message_id IN (SELECT id FROM long_messages "
    "WHERE state <> 'open' AND began_at_ms < :before_ms ORDER BY began_at_ms LIMIT :limit)"
)
_FORGET = Sql(
    "DELETE FROM long_messages WHERE id IN (SELECT id FROM long_messages "
    "WHERE state <> 'open' AND began_at_ms < :before_ms ORDER BY began_at_ms LIMIT :limit)"
)


@dataclass(frozen=True, slots=True)
class LongMessage:
    """A message that comes in parts.

    Attributes:
        state: `open` while parts are waited for, `incomplete` when that was given up, `complete`.
        message_id: the message that its parts became; None as long as it is open.
    """

    id: int
    to: str
    sender: str
    reference: int
    total: int
    gateway_id: int
    state: str
    began_at_ms: int
    message_id: int | None


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part as it was kept: its text in UTF-16, and a digest of its gateway's id of it."""

    number: int
    body: bytes
    sent_at_ms: int | None
    source_key: str | None


def long_messages_of(tx: Tx, to: str, sender: str, part: Part, since_ms: int) -> list[LongMessage]:
    """The messages that a part may belong to, the oldest first, which nobody else changes now."""
    # A first part locks no row: two at once must not begin two messages.
    tx.row(_LOCK_KEY, key=f"{to} {sender} {part.reference}")
    rows = tx.rows(
        _OF_KEY,
        to_number=to,
        sender=sender,
        reference=part.reference,
        total=part.total,
        since_ms=since_ms,
    )
    return [_long_message(row) for row in rows]


def _long_message(row: Row) -> LongMessage:
    return LongMessage(*row)


def add_long_message(
    tx: Tx, gateway_id: int, to: str, sender: str, part: Part, began_at_ms: int
) -> LongMessage:
    """Begins a message with a part, at the time at which that came."""
    added_id = tx.add(
        _ADD,
        to_number=to,
        sender=sender,
        reference=part.reference,
        total=part.total,
        gateway_id=gateway_id,
        began_at_ms=began_at_ms,
    )
    return LongMessage(
        added_id, to, sender, part.reference, part.total, gateway_id, "open", began_at_ms, None
    )


def parts_of(tx: Tx, long_message_id: int) -> dict[int, KeptPart]:
    """The parts of a message that are there, by their numbers."""
    rows = tx.rows(_PARTS, id=long_message_id)
    return {row[0]: KeptPart(row[0], bytes(row[1]), row[2], row[3]) for row in rows}


def add_part(tx: Tx, long_message_id: int, part: KeptPart, now_ms: int) -> None:
    """Keeps a part."""
    tx.run(
        _ADD_PART,
        id=long_message_id,
        number=part.number,
        body=part.body,
        source_key=part.source_key,
        sent_at_ms=part.sent_at_ms,
        kept_at_ms=now_ms,
    )


def set_state(tx: Tx, long_message_id: int, state: str, message_id: int) -> None:
    """Records what became of the parts."""
    tx.run(_SET_STATE, id=long_message_id, state=state, message_id=message_id)


def overdue(tx: Tx, before_ms: int, limit: int) -> list[int]:
    """Messages whose parts have been waited for since a time, by their ids, the oldest first."""
    return [row[0] for row in tx.rows(_OVERDUE, before_ms=before_ms, limit=limit)]


def lock_open(tx: Tx, long_message_id: int) -> LongMessage | None:
    """A message whose parts are waited for, locked; None when that is over, or another has it."""
    row = tx.row(_LOCK_OPEN, id=long_message_id)
    return None if row is None else _long_message(row)


def forget_parts(tx: Tx, before_ms: int, limit: int) -> int:
    """Erases parts of messages that began before a time and are waited for no more; how many."""
    tx.run(_FORGET_PARTS, before_ms=before_ms, limit=limit)
    return tx.run(_FORGET, before_ms=before_ms, limit=limit)
