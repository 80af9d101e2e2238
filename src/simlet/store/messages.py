"""Statements for messages and recordings."""

from dataclasses import dataclass
from typing import NamedTuple

from simlet.domain.inbound import Inbound, Quarantine
from simlet.store.sql import Sql, Tx

_KNOWN = Sql(
    "SELECT id, quarantine FROM messages "
    "WHERE gateway_id = :gateway_id AND dedupe_key = :dedupe_key"
)
_ADD = Sql(
    "INSERT INTO messages (gateway_id, dedupe_key, kind, to_number, line_id, sender, body, code, "
    "has_code, has_recording, sent_at_ms, came_at_ms, kept_at_ms, rental_id, quarantine) "
    "VALUES (:gateway_id, :dedupe_key, :kind, :to_number, :line_id, :sender, :body, :code, "
    ":has_code, :has_recording, :sent_at_ms, :came_at_ms, :kept_at_ms, :rental_id, :quarantine) "
    "ON CONFLICT (gateway_id, dedupe_key) DO NOTHING {returning_id}"
)
_REWRITE = Sql(
    "UPDATE messages SET body = :body, code = coalesce(:code, code), "
    "has_code = (has_code OR :has_code), rental_id = :rental_id, quarantine = :quarantine "
    "WHERE id = :id"
)
_OWNER = Sql("SELECT rental_id FROM messages WHERE id = :id AND forgotten_at_ms IS NULL")
_QUARANTINED = Sql(
    "SELECT m.id, m.kept_at_ms, g.name, m.to_number, m.quarantine, m.sender, m.body "
    "FROM messages m JOIN gateways g ON g.id = m.gateway_id WHERE m.quarantine IS NOT NULL "
    "AND (m.quarantine = :reason OR :reason = '') AND (g.name = :gateway OR :gateway = '') "
    "ORDER BY m.id DESC LIMIT :limit"
)
_HAS_RECORDING = Sql(
    "UPDATE messages SET has_recording = TRUE "
    "WHERE id = :id AND NOT has_recording AND forgotten_at_ms IS NULL"
)
_ADD_RECORDING = Sql("INSERT INTO recordings (message_id, wav) VALUES (:message_id, :wav)")
_RECORDING = Sql("SELECT wav FROM recordings WHERE message_id = :message_id")
_FORGETTABLE = Sql(
    "SELECT id FROM messages WHERE forgotten_at_ms IS NULL AND kept_at_ms < :before_ms "
    "ORDER BY kept_at_ms LIMIT :limit"
)
_FORGET = Sql(
    "UPDATE messages SET body = NULL, code = NULL, sender = NULL, forgotten_at_ms = :now_ms "
    "WHERE id = :id"
)
_FORGET_RECORDING = Sql("DELETE FROM recordings WHERE message_id = :id")


class NewMessage(NamedTuple):
    """A message about to be kept: it has a rental that owns it, or a reason why none does.

    Attributes:
        to: the number that is kept as that which it came to.
        came_at_ms: when the gateway had it; None for when it is kept.
    """

    inbound: Inbound
    to: str
    dedupe_key: str | None
    line_id: int | None
    code: str | None
    rental_id: int | None
    quarantine: Quarantine | None
    kept_at_ms: int
    came_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A message that no rental owns; sender and text are None once they were erased."""

    id: int
    kept_at_ms: int
    gateway: str
    to: str
    reason: str
    sender: str | None
    text: str | None


def quarantined(tx: Tx, *, reason: str, gateway: str, limit: int) -> list[QuarantinedRow]:
    """Messages that no rental owns, newest first; empty texts mean all."""
    rows = tx.rows(_QUARANTINED, reason=reason, gateway=gateway, limit=limit)
    return [QuarantinedRow(*row) for row in rows]


def message_known(tx: Tx, gateway_id: int, dedupe_key: str | None) -> tuple[int, Quarantine | None]:
    """The id of the message that was kept under a key, and why it has no owner.

    Raises:
        LookupError: none was.
    """
    row = tx.row(_KNOWN, gateway_id=gateway_id, dedupe_key=dedupe_key)
    if row is None:
        raise LookupError("no message was kept under this key")
    return row[0], None if row[1] is None else Quarantine(row[1])


def message_owner(tx: Tx, message_id: int) -> tuple[int | None] | None:
    """The rental that owns a message, or None in a tuple; None when it was forgotten."""
    row = tx.row(_OWNER, id=message_id)
    return None if row is None else (row[0],)


def rewrite_message(
    tx: Tx,
    message_id: int,
    body: str,
    code: str | None,
    rental_id: int | None,
    quarantine: Quarantine | None,
) -> None:
    """Puts a longer text in the place of a shorter one; a code that was found stays found."""
    tx.run(
        _REWRITE,
        id=message_id,
        body=body,
        code=code,
        has_code=code is not None,
        rental_id=rental_id,
        quarantine=quarantine.value if quarantine else None,
    )


def add_message(tx: Tx, gateway_id: int, new: NewMessage) -> int | None:
    """Keeps a message, and its recording; its id, or None when it was kept before."""
    inbound = new.inbound
    message_id = tx.add_once(
        _ADD,
        gateway_id=gateway_id,
        dedupe_key=new.dedupe_key,
        kind=inbound.kind.value,
        to_number=new.to,
        line_id=new.line_id,
        sender=inbound.sender,
        body=inbound.text,
        code=new.code,
        has_code=new.code is not None,
        has_recording=inbound.recording is not None,
        sent_at_ms=inbound.sent_at_ms,
        came_at_ms=new.came_at_ms,
        kept_at_ms=new.kept_at_ms,
        rental_id=new.rental_id,
        quarantine=new.quarantine.value if new.quarantine else None,
    )
    if message_id is not None and inbound.recording is not None:
        tx.run(_ADD_RECORDING, message_id=message_id, wav=inbound.recording)
    return message_id


def add_recording(tx: Tx, message_id: int, wav: bytes) -> bool:
    """Adds the recording of a call that was kept without; False when it has one, or is erased."""
    if not tx.run(_HAS_RECORDING, id=message_id):
        return False
    tx.run(_ADD_RECORDING, message_id=message_id, wav=wav)
    return True


def recording(tx: Tx, message_id: int) -> bytes | None:
    """The WAV file of a call; None when there is none, or none any more."""
    row = tx.row(_RECORDING, message_id=message_id)
    return None if row is None else bytes(row[0])


def forget_before(tx: Tx, before_ms: int, now_ms: int, limit: int) -> int:
    """Erases texts, senders, codes and recordings of messages kept before a time; how many."""
    ids = [
        {"id": row[0], "now_ms": now_ms}
        for row in tx.rows(_FORGETTABLE, before_ms=before_ms, limit=limit)
    ]
    for inputs in ids:
        tx.run(_FORGET, **inputs)
        tx.run(_FORGET_RECORDING, id=inputs["id"])
    return len(ids)
