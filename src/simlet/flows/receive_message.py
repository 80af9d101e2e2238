"""Receive a text message or a voice call: keep it, find its owner and its code, settle."""

from dataclasses import dataclass

from simlet.domain.events import Event, EventKind
from simlet.domain.extract import find_code
from simlet.domain.inbound import Inbound, MessageKind, Quarantine, dedupe_key, sent_between
from simlet.domain.matching import Candidate, choose_owner
from simlet.domain.rental import RentalState
from simlet.flows.settle import settle
from simlet.log import get_log
from simlet.store import events, lines, messages, rentals
from simlet.store.sql import Tx

_log = get_log("receive_message")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message.

    Attributes:
        duplicate: it had been kept before, and nothing was done now.
        rental_id: the rental that owns it; None when it is in quarantine, or a duplicate.
    """

    message_id: int
    duplicate: bool
    rental_id: int | None = None
    quarantine: Quarantine | None = None


@dataclass(frozen=True, slots=True)
class _Owner:
    line_id: int | None
    candidate: Candidate | None
    quarantine: Quarantine | None


def receive_message(tx: Tx, gateway_id: int, inbound: Inbound, now_ms: int) -> Receipt:
    """Keeps a message once, whether or not a rental owns it.

    A message with a code, or a call with a recording, closes the rental that waits for it. What
    comes after that, inside the rental's time, is attached to it at no cost; so is a message that
    was sent in time and came after the rental had ended, which does not change that end.
    """
    key = dedupe_key(inbound)
    owner = _find_owner(tx, inbound, now_ms)
    code = _code_in(inbound, owner)
    rental = owner.candidate.rental if owner.candidate else None
    message_id = messages.add_message(
        tx,
        gateway_id,
        messages.NewMessage(
            inbound,
            key,
            owner.line_id,
            code,
            rental.id if rental else None,
            owner.quarantine,
            now_ms,
        ),
    )
    if message_id is None:
        return Receipt(messages.message_known(tx, gateway_id, key), duplicate=True)
    _tell(tx, owner, message_id, code, now_ms)
    if owner.candidate is not None and _answers(inbound, code):
        _answer(tx, owner.candidate, message_id, now_ms)
    return Receipt(message_id, False, rental.id if rental else None, owner.quarantine)


def _code_in(inbound: Inbound, owner: _Owner) -> str | None:
    pattern = owner.candidate.rules.code_pattern if owner.candidate else None
    try:
        return find_code(inbound.text, pattern)
    except Exception as fault:  # noqa: BLE001 - whatever it is: the message is kept all the same
        # Only its type: what a fault says may hold a piece of the text.
        _log.error("code_search_failed", fault=type(fault).__name__)
        return None


def _find_owner(tx: Tx, inbound: Inbound, now_ms: int) -> _Owner:
    line_id = lines.line_by_number(tx, inbound.to)
    if line_id is None:
        return _Owner(None, None, Quarantine.UNKNOWN_NUMBER)
    earliest_ms, latest_ms = sent_between(inbound.sent_at_ms, now_ms)
    open_then = [
        one
        for one in rentals.listening_on(tx, line_id)
        if one.rental.was_open_at(earliest_ms, latest_ms)
    ]
    if inbound.sent_at_ms is not None:
        open_then += _ended_since(tx, line_id, earliest_ms, latest_ms, open_then)
    owner = choose_owner(open_then, inbound.sender, inbound.text)
    if owner is not None:
        return _Owner(line_id, owner, None)
    reason = Quarantine.NO_RULE_FITS if open_then else Quarantine.NO_RENTAL
    return _Owner(line_id, None, reason)


def _ended_since(
    tx: Tx, line_id: int, earliest_ms: int, latest_ms: int, known: list[Candidate]
) -> list[Candidate]:
    """Rentals whose time is over by now and was not when the message was sent."""
    known_ids = {one.rental.id for one in known}
    return [
        one
        for one in rentals.open_between(tx, line_id, earliest_ms, latest_ms)
        if one.rental.id not in known_ids and one.rental.was_open_at(earliest_ms, latest_ms)
    ]


def _answers(inbound: Inbound, code: str | None) -> bool:
    """Of a call the recording is what was paid for; the code in its transcript is a help."""
    has_recording = inbound.kind is MessageKind.CALL and inbound.recording is not None
    return code is not None or has_recording


def _answer(tx: Tx, owner: Candidate, message_id: int, now_ms: int) -> None:
    rental = owner.rental
    if rental.state is RentalState.WAITING:
        settle(tx, rental, message_id, now_ms)
    elif rental.state is RentalState.RECEIVED:
        rentals.prefer_message(tx, rental.id, message_id)


def _tell(tx: Tx, owner: _Owner, message_id: int, code: str | None, now_ms: int) -> None:
    rental = owner.candidate.rental if owner.candidate else None
    reason = owner.quarantine.value if owner.quarantine else None
    events.add_event(
        tx,
        Event(
            EventKind.MESSAGE_QUARANTINED if reason else EventKind.MESSAGE_KEPT,
            now_ms,
            account_id=rental.account_id if rental else None,
            rental_id=rental.id if rental else None,
            message_id=message_id,
            data={"quarantine": reason} if reason else {"has_code": code is not None},
        ),
    )
