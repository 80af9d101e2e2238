"""Shared step: a whole message is kept, its owner and its code are found, its rental is settled."""

from typing import NamedTuple

from simlet.domain.events import Event, EventKind
from simlet.domain.extract import find_code
from simlet.domain.inbound import (
    Inbound,
    MessageKind,
    Quarantine,
    dedupe_key,
    has_gap,
    sent_between,
    without_cut_words,
)
from simlet.domain.matching import Candidate, choose_owner
from simlet.domain.rental import RentalState
from simlet.flows.settle import settle
from simlet.log import get_log
from simlet.store import events, messages, rentals
from simlet.store.lines import ReceivingLine
from simlet.store.sql import Tx

_SIM_DIGITS = 13

_log = get_log("receive_message")


class Receipt(NamedTuple):
    """What became of a message.

    Attributes:
        message_id: None for a part whose message is not complete yet.
        duplicate: it had been kept before, and nothing was done now.
        rental_id: the rental that owns it; None when it is in quarantine, or a duplicate.
        quarantine: why it has no owner; of a duplicate only OTHER_GATEWAY.
    """

    message_id: int | None
    duplicate: bool
    rental_id: int | None = None
    quarantine: Quarantine | None = None


class Reading(NamedTuple):
    """What a message says by itself, whoever owns it.

    To find it takes longer than all statements: it is done before the transaction begins.

    Attributes:
        key: see `dedupe_key`.
        code: the code that is found where the owner's service has no pattern of its own.
    """

    key: str | None
    code: str | None


class Owner(NamedTuple):
    """The rental that owns a message, or why none does."""

    candidate: Candidate | None
    quarantine: Quarantine | None

    @property
    def rental_id(self) -> int | None:
        """The id of the rental."""
        return self.candidate.rental.id if self.candidate else None


def read_message(inbound: Inbound) -> Reading:
    """Reads a message before it is kept; needs no transaction."""
    code = None if inbound.part or inbound.damaged else search(inbound.text, None)
    return Reading(dedupe_key(inbound), code)


def search(text: str, pattern: str | None) -> str | None:
    """The code in a text; a fault in the search loses no message.

    What stands beside a gap is none, as the rest of it may be missing.
    """
    try:
        code = find_code(text, pattern)
        if code is None or not has_gap(text):
            return code
        return code if code == find_code(without_cut_words(text), pattern) else None
    except Exception as fault:  # noqa: BLE001 - whatever it is: the message is kept all the same
        # Only its type: what a fault says may hold a piece of the text.
        _log.error("code_search_failed", fault=type(fault).__name__)
        return None


def code_for(owner: Owner, text: str, general: str | None) -> str | None:
    """The code by the owner's own pattern where it has one, else the one that was found."""
    pattern = owner.candidate.rules.code_pattern if owner.candidate else None
    return general if pattern is None else search(text, pattern)


def keep(
    tx: Tx,
    gateway_id: int,
    inbound: Inbound,
    reading: Reading,
    line: ReceivingLine | None,
    owner: Owner,
    now_ms: int,
    came_at_ms: int | None = None,
) -> Receipt:
    """Keeps a message once, and settles the rental that waits for it.

    A call that was kept without a recording, and comes again with one, gets it.
    """
    code = code_for(owner, inbound.text, reading.code)
    message_id = messages.add_message(
        tx,
        gateway_id,
        messages.NewMessage(
            inbound,
            number_of(inbound, line),
            reading.key,
            line.id if line else None,
            code,
            owner.rental_id,
            owner.quarantine,
            now_ms,
            came_at_ms,
        ),
    )
    if message_id is None:
        return _keep_again(tx, gateway_id, inbound, reading.key, owner, code, now_ms)
    tell(tx, owner, message_id, code, now_ms)
    if owner.candidate is not None and _answers(inbound, code):
        answer(tx, owner.candidate, message_id, now_ms)
    return Receipt(message_id, False, owner.rental_id, owner.quarantine)


def _keep_again(
    tx: Tx,
    gateway_id: int,
    inbound: Inbound,
    key: str | None,
    owner: Owner,
    code: str | None,
    now_ms: int,
) -> Receipt:
    known_id, reason = messages.message_known(tx, gateway_id, key)
    # Whoever may not deliver it is told so each time.
    refused = reason if reason is Quarantine.OTHER_GATEWAY else None
    wav = None if refused else inbound.recording
    if wav is None or not messages.add_recording(tx, known_id, wav):
        return Receipt(known_id, duplicate=True, quarantine=refused)
    (rental_id,) = messages.message_owner(tx, known_id) or (None,)
    # The call stays whose it is: what the recording alone would say counts only where it agrees.
    candidate = owner.candidate if owner.rental_id == rental_id else None
    completed = Event(
        EventKind.MESSAGE_COMPLETED,
        now_ms,
        account_id=candidate.rental.account_id if candidate else None,
        rental_id=rental_id,
        message_id=known_id,
        data={"has_code": code is not None},
    )
    events.add_event(tx, completed)
    if candidate is not None:
        answer(tx, candidate, known_id, now_ms)
    return Receipt(known_id, False, rental_id, reason)


def number_of(inbound: Inbound, line: ReceivingLine | None) -> str:
    """The number that a message came to; of an unknown SIM the end of its ICCID."""
    if line is not None:
        return line.number
    return inbound.to or f"sim{(inbound.iccid or '')[-_SIM_DIGITS:]}"


def find_owner(
    tx: Tx,
    line: ReceivingLine | None,
    inbound: Inbound,
    came_at_ms: int,
    now_ms: int,
    *,
    ended_too: bool,
) -> Owner:
    """The owner among the rentals that were open on the line when the message was sent.

    Where the network does not say when that was, it was at `came_at_ms`. Rentals that have ended
    since are looked at only where there may be any.
    """
    if line is None:
        return Owner(None, Quarantine.UNKNOWN_NUMBER)
    earliest_ms, latest_ms = sent_between(inbound.sent_at_ms, came_at_ms)
    candidates = rentals.listening_for(tx, line.id, inbound.sender)
    open_then = [
        one for one in candidates if one.rental.was_open_at(earliest_ms, latest_ms, now_ms)
    ]
    if ended_too:
        open_then += _ended_since(tx, line.id, earliest_ms, latest_ms, now_ms)
    owner = choose_owner(open_then, inbound.sender, inbound.text)
    if owner is not None:
        return Owner(owner, None)
    anybody = open_then or [
        one
        for one in rentals.seen_on(tx, line.id)
        if one.rental.was_open_at(earliest_ms, latest_ms, now_ms)
    ]
    return Owner(None, Quarantine.NO_RULE_FITS if anybody else Quarantine.NO_RENTAL)


def _ended_since(
    tx: Tx, line_id: int, earliest_ms: int, latest_ms: int, now_ms: int
) -> list[Candidate]:
    """Rentals whose time is over by now and was not when the message was sent."""
    return [
        one
        for one in rentals.over_since(tx, line_id, earliest_ms)
        if one.rental.was_open_at(earliest_ms, latest_ms, now_ms)
    ]


def _answers(inbound: Inbound, code: str | None) -> bool:
    """Of a call the recording is what was paid for; the code in its transcript is a help."""
    has_recording = inbound.kind is MessageKind.CALL and inbound.recording is not None
    return code is not None or has_recording


def answer(tx: Tx, owner: Candidate, message_id: int, now_ms: int) -> None:
    """Settles the rental that waits, or shows the message where it is newer."""
    rental = owner.rental
    if rental.state is RentalState.WAITING:
        settle(tx, rental, message_id, now_ms)
    elif rental.state is RentalState.RECEIVED:
        rentals.prefer_message(tx, rental.id, message_id)


def tell(tx: Tx, owner: Owner, message_id: int, code: str | None, now_ms: int) -> None:
    """Writes the event of a message that was kept."""
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
