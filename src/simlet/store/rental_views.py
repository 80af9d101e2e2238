"""Statements that show rentals: to their dealers, with what came for them, and to the operator."""

from dataclasses import dataclass

from simlet.domain.principal import AccountState, Tier
from simlet.domain.rental import RentalState
from simlet.store.sql import Row, Sql, Tx
from simlet.store.stretches import Stretch

_VIEW_FIELDS = (
    "r.id, r.store, r.service_id, s.name, r.state, r.price_dong, r.number, r.created_at_ms, "
    "m.kind, m.body, m.code, m.id, m.kept_at_ms, m.has_recording"
)
_VIEW_JOINS = (
    "FROM rentals r JOIN services s ON s.id = r.service_id "
    "LEFT JOIN messages m ON m.id = r.message_id"
)
_VIEW = Sql(
    f"SELECT {_VIEW_FIELDS}, a.state, a.tier FROM tokens t JOIN accounts a ON a.id = t.account_id "
    "LEFT JOIN rentals r ON r.id = :id AND r.account_id = a.id "
    "LEFT JOIN services s ON s.id = r.service_id LEFT JOIN messages m ON m.id = r.message_id "
    "WHERE t.token_hash = :token_hash AND t.revoked_at_ms IS NULL"
)
_VIEW_AT_EVENT = Sql(
    f"SELECT {_VIEW_FIELDS} FROM events e JOIN rentals r ON r.id = e.rental_id "
    "JOIN services s ON s.id = r.service_id LEFT JOIN messages m ON m.id = e.message_id "
    "WHERE e.seq = :event_seq"
)
_HISTORY = Sql(
    f"SELECT {_VIEW_FIELDS} {_VIEW_JOINS} WHERE r.account_id = :account_id "
    "AND r.id > :after AND r.id <= :last "
    "AND r.created_at_ms >= :from_ms AND r.created_at_ms < :to_ms "
    "AND (r.service_id = :service_id OR :service_id = -1) "
    "AND (r.state = :state OR r.state = :other_state OR :state = '') "
    "ORDER BY r.id DESC LIMIT :limit"
)
_RECENT = Sql(
    "SELECT r.id, r.store, r.service_id, s.name, a.name, r.number, r.state, r.price_dong, "
    "r.created_at_ms, r.deadline_at_ms, r.closed_at_ms, r.extensions, p.reason, p.note "
    "FROM rentals r JOIN services s ON s.id = r.service_id JOIN accounts a ON a.id = r.account_id "
    "LEFT JOIN rental_reports p ON p.rental_id = r.id "
    "WHERE (a.name = :account OR :account = '') AND (r.state = :state OR :state = '') "
    "ORDER BY r.id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class RentalView:
    """A rental as its dealer reads it, with the message that answered it.

    Attributes:
        message_kind: `sms` or `call`; None while there is no answer.
        text: its text; None as well after texts were forgotten.
    """

    id: int
    store: str
    service_id: int
    service_name: str
    state: RentalState
    price_dong: int
    number: str
    created_at_ms: int
    message_kind: str | None
    text: str | None
    code: str | None
    message_id: int | None
    message_kept_at_ms: int | None
    has_recording: bool


@dataclass(frozen=True, slots=True)
class RentalRow:
    """A rental as the operator's list shows it.

    Attributes:
        report: the reason of a report about its line.
        note: what its dealer said to it; None as well after texts were forgotten.
    """

    id: int
    store: str
    service_id: int
    service: str
    account: str
    number: str
    state: str
    price_dong: int
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None
    extensions: int
    report: str | None
    note: str | None


def _view(row: Row) -> RentalView:
    return RentalView(
        id=row[0],
        store=row[1],
        service_id=row[2],
        service_name=row[3],
        state=RentalState(row[4]),
        price_dong=row[5],
        number=row[6],
        created_at_ms=row[7],
        message_kind=row[8],
        text=row[9],
        code=row[10],
        message_id=row[11],
        message_kept_at_ms=row[12],
        has_recording=bool(row[13]),
    )


@dataclass(frozen=True, slots=True)
class TokenView:
    """What a token lets its holder see: the state of its account, and one rental of it."""

    account_state: AccountState
    tier: Tier
    rental: RentalView | None


def view_by_token(tx: Tx, token_hash: bytes, rental_id: int | None) -> TokenView | None:
    """A rental as its dealer reads it, in one statement: the path of polls.

    None when the token is unknown or revoked; no rental in it when the account has no such one.
    """
    row = tx.row(_VIEW, id=rental_id, token_hash=token_hash)
    if row is None:
        return None
    rental = None if row[0] is None else _view(row)
    return TokenView(AccountState(row[14]), Tier(row[15]), rental)


def view_at_event(tx: Tx, event_seq: int) -> RentalView | None:
    """A rental with the message that an event tells of, whatever came after it."""
    row = tx.row(_VIEW_AT_EVENT, event_seq=event_seq)
    return None if row is None else _view(row)


def history(
    tx: Tx,
    account_id: int,
    stretch: Stretch,
    *,
    service_id: int | None,
    states: tuple[RentalState, ...],
    from_ms: int,
    to_ms: int,
    limit: int,
) -> list[RentalView]:
    """Rentals of an account in a stretch, newest first; up to two `states`, empty for all."""
    names = [state.value for state in states] or ["", ""]
    rows = tx.rows(
        _HISTORY,
        account_id=account_id,
        **stretch._asdict(),
        service_id=-1 if service_id is None else service_id,
        state=names[0],
        other_state=names[-1],
        from_ms=from_ms,
        to_ms=to_ms,
        limit=limit,
    )
    return [_view(row) for row in rows]


def recent_rentals(tx: Tx, *, account: str, state: str, limit: int) -> list[RentalRow]:
    """Rentals of all accounts, newest first, for the operator; empty texts mean all."""
    return [RentalRow(*row) for row in tx.rows(_RECENT, account=account, state=state, limit=limit)]
