"""Statements that read rentals, messages and postings whole, as /v1 shows them to their dealer."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from simlet.domain.ledger import PostingKind
from simlet.domain.rental import RentalState
from simlet.store.sql import Row, Sql, Tx
from simlet.store.stretches import POSTINGS, Stretch, near

_FIELDS = (
    "r.id, r.account_id, r.state, r.service_id, s.name, r.store, r.number, r.price_dong, "
    "r.created_at_ms, r.deadline_at_ms, r.closed_at_ms, r.again, r.extensions, "
    "s.cancel_after_s, s.extend_s, s.extend_times, x.metadata, x.endpoint_id, x.request_id, "
    "p.reason, m.id, m.kind, m.sender, m.body, m.code, m.kept_at_ms, m.has_recording"
)
_JOINS = (
    "JOIN services s ON s.id = r.service_id "
    "LEFT JOIN rental_extras x ON x.rental_id = r.id "
    "LEFT JOIN rental_reports p ON p.rental_id = r.id "
)
_ANSWER = "LEFT JOIN messages m ON m.id = r.message_id "
_ONE = Sql(
    f"SELECT {_FIELDS} FROM rentals r {_JOINS} {_ANSWER} "
    "WHERE r.id = :id AND r.account_id = :account_id"
)
_AT_EVENT = Sql(
    f"SELECT {_FIELDS} FROM rentals r {_JOINS} LEFT JOIN messages m ON m.id = :message_id "
    "AND m.rental_id = r.id WHERE r.id = :id"
)
_LIST = Sql(
    f"SELECT {_FIELDS} FROM rentals r {_JOINS} {_ANSWER} WHERE r.account_id = :account_id "
    "AND r.id > :after AND r.id <= :last "
    "AND r.created_at_ms >= :from_ms AND r.created_at_ms < :to_ms "
    "AND (r.service_id = :service_id OR :service_id = -1) "
    "AND (r.state = :state OR :state = '') ORDER BY r.id DESC LIMIT :limit"
)
_MESSAGE_FIELDS = (
    "m.id, m.rental_id, m.kind, m.sender, m.body, m.code, m.sent_at_ms, m.came_at_ms, "
    "m.kept_at_ms, m.has_recording, r.state, r.closed_at_ms, m.has_code"
)
_MESSAGES = Sql(
    f"SELECT {_MESSAGE_FIELDS} FROM messages m JOIN rentals r ON r.id = m.rental_id "
    "WHERE m.rental_id = :rental_id ORDER BY m.id"
)
_MESSAGE = Sql(
    f"SELECT {_MESSAGE_FIELDS} FROM messages m JOIN rentals r ON r.id = m.rental_id "
    "WHERE m.id = :id"
)
_POSTING_FIELDS = "id, kind, amount_dong, rental_id, reference, reason, at_ms"
_OF_RENTAL = Sql(
    f"SELECT {_POSTING_FIELDS} FROM postings "
    "WHERE reference = :hold OR reference = :close ORDER BY id"
)
_STATEMENT = Sql(
    f"SELECT {_POSTING_FIELDS} FROM postings WHERE account_id = :account_id "
    "AND id > :after AND id <= :last AND at_ms >= :from_ms AND at_ms < :to_ms "
    "ORDER BY id DESC LIMIT :limit"
)
_metadata = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class RentalDetail:
    """A rental with all that its dealer may know; see `simlet.domain.rental.Rental`.

    Attributes:
        cancel_after_s: seconds from its beginning after which it may be cancelled.
        extend_s: seconds by which one extension lengthens it; 0 where there is none.
        extend_times: how often it may be extended.
        report: the reason of a report about its line; None where there was none.
        message_id: the message that answered it; with it what the message says. Texts, senders
            and codes are None once they were forgotten.
    """

    id: int
    account_id: int
    state: RentalState
    service_id: int
    service_name: str
    store: str
    number: str
    price_dong: int
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None
    again: bool
    extensions: int
    cancel_after_s: int
    extend_s: int
    extend_times: int
    metadata: dict[str, str]
    endpoint_id: int | None
    request_id: int | None
    report: str | None
    message_id: int | None
    kind: str | None
    sender: str | None
    text: str | None
    code: str | None
    message_kept_at_ms: int | None
    has_recording: bool


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """A message of a rental, as its dealer reads it.

    Attributes:
        sent_at_ms: when the network says it was sent; None when it does not say.
        came_at_ms: when the gateway had it; None for when it was kept.
        withheld: it came after the rental had ended without a code and gave its price back, so
            that its sender, text and code are not told.
    """

    id: int
    rental_id: int
    kind: str
    sender: str | None
    text: str | None
    code: str | None
    sent_at_ms: int | None
    came_at_ms: int | None
    kept_at_ms: int
    has_recording: bool
    withheld: bool


@dataclass(frozen=True, slots=True)
class PostingDetail:
    """A posting of an account's statement."""

    id: int
    kind: PostingKind
    amount_dong: int
    rental_id: int | None
    reference: str
    reason: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class RentalFilter:
    """Which rentals: `from_ms` included, `to_ms` and `before_id` excluded; None for all."""

    state: RentalState | None
    service_id: int | None
    from_ms: int
    to_ms: int
    before_id: int
    limit: int


def rental_detail(tx: Tx, account_id: int, rental_id: int) -> RentalDetail | None:
    """A rental of an account; None when it is another's, or there is none."""
    row = tx.row(_ONE, id=rental_id, account_id=account_id)
    return None if row is None else _rental(row)


def rental_with_message(tx: Tx, rental_id: int, message_id: int | None) -> RentalDetail | None:
    """A rental with one message of its own in the place of the answer, or with none."""
    row = tx.row(_AT_EVENT, id=rental_id, message_id=message_id)
    return None if row is None else _rental(row)


def rental_details(
    tx: Tx, account_id: int, stretch: Stretch, wanted: RentalFilter
) -> list[RentalDetail]:
    """Rentals of an account in a stretch, newest first."""
    rows = tx.rows(
        _LIST,
        account_id=account_id,
        **stretch._asdict(),
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        service_id=-1 if wanted.service_id is None else wanted.service_id,
        state=wanted.state.value if wanted.state else "",
        limit=wanted.limit,
    )
    return [_rental(row) for row in rows]


def messages_of(tx: Tx, rental_id: int) -> list[MessageDetail]:
    """The messages of a rental, in the order they were kept."""
    return [_message(row) for row in tx.rows(_MESSAGES, rental_id=rental_id)]


def message_detail(tx: Tx, message_id: int) -> MessageDetail | None:
    """A message that a rental owns; None for any other."""
    row = tx.row(_MESSAGE, id=message_id)
    return None if row is None else _message(row)


def postings_of(tx: Tx, rental_id: int) -> list[PostingDetail]:
    """The postings of a rental: its hold, then its settle or its release."""
    rows = tx.rows(_OF_RENTAL, hold=f"hold:{rental_id}", close=f"close:{rental_id}")
    return _postings(rows)


def statement(
    tx: Tx, account_id: int, *, before_id: int, from_ms: int, to_ms: int, limit: int
) -> list[PostingDetail]:
    """Postings of an account, newest first."""
    stretch = near(tx, POSTINGS, from_ms, to_ms).before(before_id)
    rows = tx.rows(
        _STATEMENT,
        account_id=account_id,
        **stretch._asdict(),
        from_ms=from_ms,
        to_ms=to_ms,
        limit=limit,
    )
    return _postings(rows)


def _postings(rows: Sequence[Row]) -> list[PostingDetail]:
    return [PostingDetail(row[0], PostingKind(row[1]), *row[2:7]) for row in rows]


def _rental(row: Row) -> RentalDetail:
    return RentalDetail(
        id=row[0],
        account_id=row[1],
        state=RentalState(row[2]),
        service_id=row[3],
        service_name=row[4],
        store=row[5],
        number=row[6],
        price_dong=row[7],
        created_at_ms=row[8],
        deadline_at_ms=row[9],
        closed_at_ms=row[10],
        again=bool(row[11]),
        extensions=row[12],
        cancel_after_s=row[13],
        extend_s=row[14],
        extend_times=row[15],
        metadata={} if row[16] is None else _metadata.decode(row[16]),
        endpoint_id=row[17],
        request_id=row[18],
        report=row[19],
        message_id=row[20],
        kind=row[21],
        sender=row[22],
        text=row[23],
        code=row[24],
        message_kept_at_ms=row[25],
        has_recording=bool(row[26]),
    )


def _message(row: Row) -> MessageDetail:
    unpaid = row[10] in {RentalState.EXPIRED.value, RentalState.CANCELLED.value}
    # What answers settles a rental that waits, so on one that never paid it came after the end:
    # whatever the times say, which are taken before the flows have their turn.
    answers = row[9] or row[12]
    withheld = unpaid and (bool(answers) or (row[11] is not None and row[8] >= row[11]))
    told = (None, None, None) if withheld else (row[3], row[4], row[5])
    return MessageDetail(
        id=row[0],
        rental_id=row[1],
        kind=row[2],
        sender=told[0],
        text=told[1],
        code=told[2],
        sent_at_ms=row[6],
        came_at_ms=row[7],
        kept_at_ms=row[8],
        has_recording=bool(row[9]) and not withheld,
        withheld=withheld,
    )
