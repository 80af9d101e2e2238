"""Receive a text message or a voice call: keep it, find its owner and its code, settle."""

from simlet.domain.events import Event, EventKind
from simlet.domain.inbound import (
    Inbound,
    Part,
    Quarantine,
    part_to_bytes,
    source_key,
    storable,
    with_storable_text,
)
from simlet.flows.join import join
from simlet.flows.keep import (
    Owner,
    Reading,
    Receipt,
    find_owner,
    keep,
    number_of,
    read_message,
)
from simlet.store import events, lines, messages, parts, rentals
from simlet.store.lines import ReceivingLine
from simlet.store.parts import KeptPart, LongMessage
from simlet.store.sql import Tx

__all__ = ["Reading", "Receipt", "read_message", "receive_message", "receive_read"]

PARTS_WITHIN_MS = 24 * 3_600_000
"""Parts that come further apart are of two messages."""
STAMPS_WITHIN_MS = 300_000
"""Parts whose stamps are further apart are of two messages."""
LATE_WITHIN_MS = 120_000
"""Without stamps, a part that comes so long after the first one completes nothing any more."""
REPEATED_WITHIN_MS = 10_000
"""With neither ids nor stamps, the same part again within this time is a repetition."""


def receive_message(
    tx: Tx,
    gateway_id: int,
    inbound: Inbound,
    now_ms: int,
    reading: Reading | None = None,
    came_at_ms: int | None = None,
    *,
    any_line: bool = False,
) -> Receipt:
    """Keeps a message once, whether or not a rental owns it.

    A message with a code, or a call with a recording, closes the rental that waits for it. What
    comes after that, inside the rental's time, is attached to it at no cost; so is a message that
    was sent in time and came after the rental had ended, which does not change that end. A part of
    a long message waits for the others. What comes through a gateway to a line that is another
    one's is kept in quarantine, unless the gateway may speak for `any_line`. `reading` is what
    `read_message` gave; without it that is done now.

    What came before, at `came_at_ms`, and could not be written then is owned by the rental that
    was open then; all that comes of it happens, and is written down, at `now_ms`.
    """
    if came_at_ms is None or came_at_ms > now_ms:
        came_at_ms = now_ms
    line = lines.receiving_line(tx, inbound.to, inbound.iccid, has_sim=inbound.has_sim)
    # A SIM's own identity says where it is plugged in; a number alone, anybody may name.
    foreign = not any_line and not inbound.has_sim and _is_foreign(line, gateway_id)
    if foreign or inbound.damaged or inbound.part is None:
        if reading is None or inbound.part is not None:
            reading = read_message(inbound)
        # Nobody will join what stands alone: half a character is none.
        inbound = with_storable_text(inbound)
        earlier_ms = came_at_ms if came_at_ms < now_ms else None
        owner = _owner(tx, line, inbound, now_ms, earlier_ms, foreign=foreign)
        return keep(tx, gateway_id, inbound, reading, line, owner, now_ms, earlier_ms)
    return _take_part(tx, gateway_id, inbound, inbound.part, line, came_at_ms, now_ms)


def receive_read(tx: Tx, one: tuple[int, Inbound, int, Reading, int | None]) -> Receipt:
    """`receive_message` for what was read before; the last of it is when it came, None for now."""
    return receive_message(tx, *one)


def _is_foreign(line: ReceivingLine | None, gateway_id: int) -> bool:
    return line is not None and line.gateway_id not in {None, gateway_id}


def _owner(
    tx: Tx,
    line: ReceivingLine | None,
    inbound: Inbound,
    now_ms: int,
    earlier_ms: int | None,
    *,
    foreign: bool,
) -> Owner:
    if foreign:
        return Owner(None, Quarantine.OTHER_GATEWAY)
    if inbound.damaged:
        return Owner(None, Quarantine.DAMAGED)
    if earlier_ms is not None:
        return find_owner(tx, line, inbound, earlier_ms, now_ms, ended_too=True)
    return find_owner(tx, line, inbound, now_ms, now_ms, ended_too=inbound.sent_at_ms is not None)


def _take_part(
    tx: Tx,
    gateway_id: int,
    inbound: Inbound,
    part: Part,
    line: ReceivingLine | None,
    came_at_ms: int,
    now_ms: int,
) -> Receipt:
    to, sender = number_of(inbound, line), storable(inbound.sender)
    body = part_to_bytes(inbound.text)
    new = KeptPart(part.number, body, inbound.sent_at_ms, source_key(inbound))
    begun = parts.long_messages_of(tx, to, sender, part, came_at_ms - PARTS_WITHIN_MS)
    known = [(one, parts.parts_of(tx, one.id)) for one in begun]
    for one, kept in known:
        if _is_repeated(one, kept.get(part.number), new, came_at_ms):
            return Receipt(one.message_id, duplicate=True)
    for one, kept in known:
        if one.state == "open" and part.number not in kept and _is_of(kept, new):
            return _add(tx, one, kept, new, now_ms)
    # A reference may be any sender's only one: behind a newer message an older one stays as it is.
    if known and _may_complete(tx, line, *known[-1], new, came_at_ms):
        return _add(tx, *known[-1], new, now_ms)
    begins = parts.add_long_message(tx, gateway_id, to, sender, part, came_at_ms)
    return _add(tx, begins, {}, new, now_ms)


def _is_repeated(
    long_message: LongMessage, kept: KeptPart | None, new: KeptPart, came_at_ms: int
) -> bool:
    if kept is None or kept.body != new.body or kept.sent_at_ms != new.sent_at_ms:
        return False
    if new.sent_at_ms is not None:
        return True
    if new.source_key is not None and kept.source_key is not None:
        return new.source_key == kept.source_key
    # References come round again, and so may texts: only nearness tells.
    return came_at_ms - long_message.began_at_ms <= REPEATED_WITHIN_MS


def _may_complete(
    tx: Tx,
    line: ReceivingLine | None,
    long_message: LongMessage,
    kept: dict[int, KeptPart],
    new: KeptPart,
    came_at_ms: int,
) -> bool:
    """Whether a late part belongs to a message that was given up.

    Where a rental owns that message, its time must not be over and nobody else may wait on the
    line: a code of theirs must not be shown to it.
    """
    if long_message.state != "incomplete" or new.number in kept or not _is_of(kept, new):
        return False
    if new.sent_at_ms is None and came_at_ms - long_message.began_at_ms > LATE_WITHIN_MS:
        return False
    if line is None or long_message.message_id is None:
        return True
    owner = messages.message_owner(tx, long_message.message_id)
    if owner is None or owner[0] is None:
        return owner is not None
    listening = [one.rental for one in rentals.listening_on(tx, line.id)]
    own = [one for one in listening if one.id == owner[0]]
    return bool(own) and all(one.account_id == own[0].account_id for one in listening)


def _is_of(kept: dict[int, KeptPart], new: KeptPart) -> bool:
    """Whether the stamps allow a part to be of a message."""
    stamps = [one.sent_at_ms for one in kept.values() if one.sent_at_ms is not None]
    if new.sent_at_ms is None or not stamps:
        return True
    return all(abs(new.sent_at_ms - one) <= STAMPS_WITHIN_MS for one in stamps)


def _add(
    tx: Tx, long_message: LongMessage, kept: dict[int, KeptPart], new: KeptPart, now_ms: int
) -> Receipt:
    parts.add_part(tx, long_message.id, new, now_ms)
    data: dict[str, str | int | bool | None] = {
        "long_message_id": long_message.id,
        "number": new.number,
        "total": long_message.total,
    }
    events.add_event(tx, Event(EventKind.PART_KEPT, now_ms, data=data))
    together = {**kept, new.number: new}
    if long_message.state == "incomplete" or len(together) == long_message.total:
        return join(tx, long_message, together, now_ms)
    return Receipt(None, duplicate=False)
