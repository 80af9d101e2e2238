"""Shared step: the parts of a long message become one message, or a longer one than before."""

from simlet.domain.events import Event, EventKind
from simlet.domain.inbound import Inbound, MessageKind, Quarantine, join_parts
from simlet.flows.keep import (
    Owner,
    Reading,
    Receipt,
    answer,
    code_for,
    find_owner,
    keep,
    search,
    tell,
)
from simlet.store import events, lines, messages, parts
from simlet.store.parts import KeptPart, LongMessage
from simlet.store.sql import Tx


def join(tx: Tx, long_message: LongMessage, kept: dict[int, KeptPart], now_ms: int) -> Receipt:
    """Makes a message of the parts that are there; of one that was made before a longer one.

    One whose parts are not all there belongs to a rental only if it holds a code; otherwise it is
    in quarantine, until a late part completes it.
    """
    complete = len(kept) == long_message.total
    inbound = _joined(long_message, kept)
    line = lines.receiving_line(tx, long_message.to, None)
    owner = find_owner(tx, line, inbound, long_message.began_at_ms, now_ms, ended_too=True)
    general = search(inbound.text, None)
    if owner.candidate and not complete and code_for(owner, inbound.text, general) is None:
        owner = Owner(None, Quarantine.INCOMPLETE)
    state = "complete" if complete else "incomplete"
    if long_message.message_id is not None:
        receipt = _rewrite(tx, long_message.message_id, inbound.text, general, owner, now_ms)
    else:
        reading = Reading(f"long:{long_message.id}", general)
        began_at_ms = long_message.began_at_ms
        receipt = keep(
            tx, long_message.gateway_id, inbound, reading, line, owner, now_ms, began_at_ms
        )
    if receipt.message_id is None:
        raise LookupError("a joined message was not kept")
    parts.set_state(tx, long_message.id, state, receipt.message_id)
    return receipt


def _joined(long_message: LongMessage, kept: dict[int, KeptPart]) -> Inbound:
    """The message; it was sent when the first of its parts was."""
    bodies = {number: one.body for number, one in kept.items()}
    stamps = [one.sent_at_ms for one in kept.values() if one.sent_at_ms is not None]
    return Inbound(
        MessageKind.SMS,
        long_message.to,
        long_message.sender,
        join_parts(bodies, long_message.total),
        min(stamps, default=None),
    )


def _rewrite(
    tx: Tx, message_id: int, text: str, general: str | None, found: Owner, now_ms: int
) -> Receipt:
    """Puts the longer text in place; a message that has an owner stays with it."""
    owned_by = messages.message_owner(tx, message_id)
    if owned_by is None:
        # Its time is over, and what it said was erased: the late part says no more than that.
        return Receipt(message_id, duplicate=True)
    (rental_id,) = owned_by
    owner = found._replace(quarantine=None) if rental_id is not None else found
    stays = rental_id is not None and rental_id != found.rental_id
    code = general if stays else code_for(found, text, general)
    kept_by = rental_id if rental_id is not None else found.rental_id
    reason = None if kept_by is not None else found.quarantine
    messages.rewrite_message(tx, message_id, text, code, kept_by, reason)
    data = {"has_code": code is not None}
    account_id = found.candidate.rental.account_id if found.candidate and not stays else None
    completed = Event(
        EventKind.MESSAGE_COMPLETED,
        now_ms,
        account_id=account_id,
        rental_id=kept_by,
        message_id=message_id,
        data=dict(data),
    )
    events.add_event(tx, completed)
    if owner.candidate is not None and not stays:
        if rental_id is None:
            tell(tx, found, message_id, code, now_ms)
        if code is not None:
            answer(tx, owner.candidate, message_id, now_ms)
    return Receipt(message_id, False, kept_by, reason)
