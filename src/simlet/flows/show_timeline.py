"""Show what happened to a rental, or to a message, in the order of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from simlet.domain.errors import MESSAGE_UNKNOWN, NO_SUCH_RENTAL, RENTAL_UNKNOWN, Refused
from simlet.domain.ledger import PostingKind
from simlet.domain.rental import RentalState
from simlet.store import details, reads, timeline
from simlet.store.details import PostingDetail
from simlet.store.sql import Tx
from simlet.store.timeline import Attempt, LineUse, TimelineMessage, TimelineRental

ENDED_LATELY_MS = 3_600_000
"""Of a message that no rental owns, the rentals of its line that ended so long before are shown."""

_ORDER = (
    "rented",
    "held",
    "extended",
    "message_sent",
    "message_came",
    "message_kept",
    "message_quarantined",
    "reported",
    "deadline",
    "settled",
    "cancelled",
    "expired",
    "released",
    "callback_attempt",
    "read",
    "message_forgotten",
)
_POSTED = {
    PostingKind.HOLD: "held",
    PostingKind.SETTLE: "settled",
    PostingKind.RELEASE: "released",
}

Detail = dict[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened; `detail` never holds a code, a text or a phone number."""

    at_ms: int
    what: str
    detail: Detail = field(default_factory=dict)


def show_timeline(tx: Tx, account_id: int | None, rental_id: int) -> list[TimelineEntry]:
    """What happened to a rental of an account.

    With None for the account it is as the operator sees it: a rental of any account, with lines
    and gateways, and with the messages that came to its line meanwhile and that no rental owns.

    Raises:
        Refused: RENTAL_UNKNOWN when it is another account's, or there is none; NO_SUCH_RENTAL
            to the operator.
    """
    rental = timeline.timeline_rental(tx, rental_id)
    if rental is None and account_id is None:
        raise Refused(NO_SUCH_RENTAL, rental=rental_id)
    if rental is None or account_id not in {None, rental.account_id}:
        raise Refused(RENTAL_UNKNOWN)
    for_operator = account_id is None
    messages = timeline.messages_of_rental(tx, rental_id)
    postings = details.postings_of(tx, rental_id)
    entries = [
        *_of_rental(rental, for_operator=for_operator),
        *_of_extensions(tx, rental_id),
        *_of_postings(postings, messages),
        *_of_attempts(timeline.attempts_of(tx, rental_id)),
        *_of_reads(tx, rental_id),
    ]
    withheld = _withheld(tx, rental_id)
    for one in messages:
        entries += _of_message(one, withheld=one.id in withheld, for_operator=for_operator)
    if for_operator:
        entries += _unowned(tx, rental)
    return _in_order(entries)


def message_timeline(tx: Tx, message_id: int) -> list[TimelineEntry]:
    """What happened to any message, for the operator alone.

    Of one that no rental owns it tells the reason, and which rentals of its line were open when it
    came, or had ended shortly before it was sent.

    Raises:
        Refused: MESSAGE_UNKNOWN.
    """
    message = timeline.timeline_message(tx, message_id)
    if message is None:
        raise Refused(MESSAGE_UNKNOWN)
    withheld = message.rental_id is not None and message_id in _withheld(tx, message.rental_id)
    entries = list(_of_message(message, withheld=withheld, for_operator=True))
    if message.rental_id is None and message.line_id is not None:
        came_at_ms = message.came_at_ms or message.kept_at_ms
        sent_at_ms = message.sent_at_ms or came_at_ms
        for one in timeline.uses_of_line(
            tx, message.line_id, sent_at_ms - ENDED_LATELY_MS, came_at_ms
        ):
            entries += _of_use(one)
    return _in_order(entries)


def _in_order(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """By time; what has the same time in the order in which one comes of the other."""
    return sorted(entries, key=lambda one: (one.at_ms, _ORDER.index(one.what)))


def _of_rental(rental: TimelineRental, *, for_operator: bool) -> Iterator[TimelineEntry]:
    detail: Detail = {
        "service_id": rental.service_id,
        "again": rental.again,
        "request_id": rental.request_id,
    }
    if for_operator:
        detail |= {"account": rental.account, "line_id": rental.line_id, "gateway": rental.gateway}
    yield TimelineEntry(rental.created_at_ms, "rented", detail)
    if rental.reported_at_ms is not None:
        yield TimelineEntry(rental.reported_at_ms, "reported", {"reason": rental.report})
    if rental.state is not RentalState.CANCELLED:
        yield TimelineEntry(rental.deadline_at_ms, "deadline")
    if rental.state in {RentalState.EXPIRED, RentalState.CANCELLED}:
        yield TimelineEntry(rental.closed_at_ms or 0, rental.state.value)


def _of_extensions(tx: Tx, rental_id: int) -> Iterator[TimelineEntry]:
    for one in timeline.extensions_of(tx, rental_id):
        yield TimelineEntry(one.at_ms, "extended", {"number": one.number, "by_s": one.by_s})


def _of_postings(
    postings: Sequence[PostingDetail], messages: Sequence[TimelineMessage]
) -> Iterator[TimelineEntry]:
    for one in postings:
        detail: Detail = {"posting_id": one.id, "amount_dong": one.amount_dong}
        if one.kind is PostingKind.SETTLE:
            detail["message_id"] = _answer(messages, one.at_ms)
        yield TimelineEntry(one.at_ms, _POSTED[one.kind], detail)


def _answer(messages: Sequence[TimelineMessage], settled_at_ms: int) -> int | None:
    """The message that settled a rental: the first that answers. Later ones changed nothing."""
    ids = (one.id for one in messages if one.answers and one.kept_at_ms <= settled_at_ms)
    return next(ids, None)


def _of_message(
    message: TimelineMessage, *, withheld: bool, for_operator: bool
) -> Iterator[TimelineEntry]:
    where: Detail = {"message_id": message.id}
    if for_operator:
        where["gateway"] = message.gateway
    if message.sent_at_ms is not None:
        yield TimelineEntry(message.sent_at_ms, "message_sent", where)
    came_at_ms = message.kept_at_ms if message.came_at_ms is None else message.came_at_ms
    yield TimelineEntry(came_at_ms, "message_came", where)
    yield _kept(message, where, withheld=withheld, for_operator=for_operator)
    if for_operator and message.forgotten_at_ms is not None:
        yield TimelineEntry(message.forgotten_at_ms, "message_forgotten", where)


def _kept(
    message: TimelineMessage, where: Detail, *, withheld: bool, for_operator: bool
) -> TimelineEntry:
    detail: Detail = where | {"kind": message.kind, "answers": message.answers}
    if message.quarantine is not None:
        reason = message.quarantine.value
        detail |= {"reason": reason, "line_id": message.line_id}
        return TimelineEntry(message.kept_at_ms, "message_quarantined", detail)
    detail["withheld"] = withheld
    if withheld and not for_operator:
        detail["answers"] = None
    if for_operator:
        detail["rental_id"] = message.rental_id
    return TimelineEntry(message.kept_at_ms, "message_kept", detail)


def _withheld(tx: Tx, rental_id: int) -> set[int]:
    return {one.id for one in details.messages_of(tx, rental_id) if one.withheld}


def _unowned(tx: Tx, rental: TimelineRental) -> Iterator[TimelineEntry]:
    """What came to the line while the rental was open, and was nobody's."""
    end_ms = rental.deadline_at_ms
    if rental.state is RentalState.CANCELLED and rental.closed_at_ms is not None:
        end_ms = rental.closed_at_ms
    for one in timeline.unowned_messages(tx, rental.line_id, rental.created_at_ms, end_ms):
        yield from _of_message(one, withheld=False, for_operator=True)


def _of_use(use: LineUse) -> Iterator[TimelineEntry]:
    detail: Detail = {"rental_id": use.rental_id, "service_id": use.service_id}
    yield TimelineEntry(use.created_at_ms, "rented", detail)
    if use.state is not RentalState.CANCELLED:
        yield TimelineEntry(use.deadline_at_ms, "deadline", detail)
    if use.closed_at_ms is not None:
        what = "settled" if use.state is RentalState.RECEIVED else use.state.value
        yield TimelineEntry(use.closed_at_ms, what, detail)


def _of_attempts(attempts: Sequence[Attempt]) -> Iterator[TimelineEntry]:
    for one in attempts:
        detail: Detail = {
            "callback_id": one.endpoint_id,
            "event_id": f"evt_{one.event_seq}",
            "event": one.event_kind,
            "number": one.number,
            "duration_ms": one.duration_ms,
            "status": one.status,
            "error": one.error,
            "outcome": one.outcome,
        }
        yield TimelineEntry(one.at_ms, "callback_attempt", detail)


def _of_reads(tx: Tx, rental_id: int) -> Iterator[TimelineEntry]:
    for one in reads.reads_of(tx, rental_id):
        detail: Detail = {"via": one.via, "times": one.times, "last_at_ms": one.last_at_ms}
        yield TimelineEntry(one.first_at_ms, "read", detail)
