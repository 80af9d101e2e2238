"""Statements for rentals. Whatever a dealer asks for starts from the dealer's account."""

from operator import itemgetter
from typing import NamedTuple

import msgspec

from simlet.domain.extras import Extras
from simlet.domain.matching import Candidate, sender_key
from simlet.domain.rental import Rental, RentalState
from simlet.store.services import rules_from
from simlet.store.sql import Row, Sql, Tx

_FIELDS = (
    "r.id, r.account_id, r.service_id, r.store, r.line_id, r.number, r.price_dong, r.state, "
    "r.created_at_ms, r.deadline_at_ms, r.closed_at_ms, r.again, r.listening, "
    "r.extensions"
)
_RULES = "s.senders, s.texts, s.catch_all, s.code_pattern"
_ADD = Sql(
    "INSERT INTO rentals (account_id, service_id, store, line_id, number, price_dong, state, "
    "created_at_ms, deadline_at_ms, catch_all, again, listening, order_id, order_hash) "
    "VALUES (:account_id, :service_id, :store, :line_id, :number, :price_dong, 'waiting', "
    ":created_at_ms, :deadline_at_ms, :catch_all, :again, TRUE, :order_id, :order_hash) "
    "{returning_id}"
)
_OF_ACCOUNT = Sql(
    f"SELECT {_FIELDS} FROM rentals r WHERE r.id = :id AND r.account_id = :account_id"
)
_LOCK_OF_ACCOUNT = Sql(
    f"SELECT {_FIELDS} FROM rentals r WHERE r.id = :id AND r.account_id = :account_id "
    "{for_update}"
)
# Rentals that listen stand in one index of their line, those whose time is over in another. The
# plus keeps SQLite from going through all rentals of the account: those of the line are few.
_RECEIVED = (
    f"SELECT {_FIELDS} FROM lines l JOIN rentals r ON r.line_id = l.id "
    "WHERE l.number = :number AND l.state <> 'retired' AND +r.account_id = :account_id "
    "AND r.service_id = :service_id AND r.state = 'received' "
)
_RECEIVED_ON = Sql(
    f"{_RECEIVED}AND r.listening UNION ALL {_RECEIVED}AND NOT r.listening ORDER BY 9 DESC, 1 DESC "
    "LIMIT 1"
)
_EXTEND = Sql(
    "UPDATE rentals SET deadline_at_ms = :deadline_at_ms, extensions = :extensions WHERE id = :id"
)
_ADD_EXTENSION = Sql(
    "INSERT INTO rental_extensions (rental_id, number, by_s, at_ms) "
    "VALUES (:rental_id, :number, :by_s, :now_ms)"
)
_ADD_EXTRAS = Sql(
    "INSERT INTO rental_extras (rental_id, metadata, endpoint_id, request_id) "
    "VALUES (:rental_id, :metadata, :endpoint_id, :request_id)"
)
_BY_ORDER = Sql(
    f"SELECT {_FIELDS}, r.order_hash FROM rentals r "
    "WHERE r.account_id = :account_id AND r.order_id = :order_id"
)
_ON_LINE = (
    f"SELECT {_FIELDS}, {_RULES} FROM rentals r JOIN services s ON s.id = r.service_id "
    "WHERE r.line_id = :line_id AND r.listening"
)
_LISTENING = Sql(f"{_ON_LINE} {{in_order_for_update_of_r}}")
_SEEN = Sql(_ON_LINE)
# SQLite asks this of the service before it reads the rental.
_LISTENING_FOR = Sql(
    f"{_ON_LINE} AND (s.catch_all OR s.texts <> '[]' "
    "OR {place_of}(s.sender_keys, :sender_key) > 0) {in_order_for_update_of_r}"
)
_OVER_SINCE = Sql(
    f"SELECT {_FIELDS}, {_RULES} FROM rentals r JOIN services s ON s.id = r.service_id "
    "WHERE r.line_id = :line_id AND NOT r.listening AND r.deadline_at_ms > :earliest_ms "
    "{in_order_for_update_of_r}"
)
_END = Sql(
    "UPDATE rentals SET state = :state, closed_at_ms = :closed_at_ms, listening = FALSE "
    "WHERE id = :id AND state = 'waiting'"
)
# It goes on listening: to say so again would have every index of who listens written again.
_RECEIVE = Sql(
    "UPDATE rentals SET state = :state, closed_at_ms = :closed_at_ms, message_id = :message_id "
    "WHERE id = :id AND state = 'waiting'"
)
# A stamp that lies ahead of our clock counts as the time at which the message came.
_CAME = "coalesce({0}.came_at_ms, {0}.kept_at_ms)"
_SENT = f"CASE WHEN {{0}}.sent_at_ms < {_CAME} THEN {{0}}.sent_at_ms ELSE {_CAME} END"
_PREFER_MESSAGE = Sql(
    "UPDATE rentals SET message_id = :message_id WHERE id = :id AND NOT EXISTS ("
    "SELECT 1 FROM messages shown JOIN messages new ON new.id = :message_id "
    "WHERE shown.id = rentals.message_id AND ((shown.has_code AND NOT new.has_code) "
    f"OR (shown.has_code = new.has_code AND {_SENT.format('shown')} > {_SENT.format('new')})))"
)
_DUE = Sql(
    f"SELECT {_FIELDS} FROM rentals r WHERE r.listening AND r.deadline_at_ms <= :now_ms "
    "ORDER BY r.deadline_at_ms LIMIT :limit {skip_locked}"
)
_DEAFEN = Sql("UPDATE rentals SET listening = FALSE WHERE id = :id AND state = 'received'")
_WAITS = Sql(
    "SELECT id FROM rentals WHERE line_id = :line_id AND service_id = :service_id "
    "AND listening AND state = 'waiting'"
)
_LOCK_RECEIVED_ON = Sql(
    "SELECT r.id FROM lines l JOIN rentals r ON r.line_id = l.id WHERE l.number = :number "
    "AND l.state <> 'retired' AND r.service_id = :service_id AND r.account_id = :account_id "
    "AND r.aside = 0 AND r.listening AND r.state = 'received' {in_order_for_update_of_r}"
)
_STEP_ASIDE = Sql(
    "UPDATE rentals SET aside = id WHERE line_id = :line_id AND service_id = :service_id "
    "AND aside = 0 AND listening AND state = 'received'"
)


_STATES = {one.value: one for one in RentalState}


class NewRental(NamedTuple):
    """A rental about to begin; see `simlet.domain.rental.Rental` for its fields."""

    account_id: int
    service_id: int
    store: str
    line_id: int
    number: str
    price_dong: int
    created_at_ms: int
    deadline_at_ms: int
    catch_all: bool
    again: bool
    order_id: str | None
    order_hash: bytes | None


def _rental(row: Row) -> Rental:
    return Rental(
        id=row[0],
        account_id=row[1],
        service_id=row[2],
        store=row[3],
        line_id=row[4],
        number=row[5],
        price_dong=row[6],
        state=_STATES[row[7]],
        created_at_ms=row[8],
        deadline_at_ms=row[9],
        closed_at_ms=row[10],
        again=bool(row[11]),
        listening=bool(row[12]),
        extensions=row[13],
    )


def _candidates(rows: list[Row]) -> list[Candidate]:
    """In the order of their ids: for the one or two of a line SQLite would set up a sorter."""
    if len(rows) > 1:
        rows.sort(key=itemgetter(0))
    return [Candidate(_rental(row), rules_from(*row[14:18])) for row in rows]


def add_rental(tx: Tx, new: NewRental) -> int:
    """Adds a waiting rental; its number."""
    return tx.add(
        _ADD,
        account_id=new.account_id,
        service_id=new.service_id,
        store=new.store,
        line_id=new.line_id,
        number=new.number,
        price_dong=new.price_dong,
        created_at_ms=new.created_at_ms,
        deadline_at_ms=new.deadline_at_ms,
        catch_all=new.catch_all,
        again=new.again,
        order_id=new.order_id,
        order_hash=new.order_hash,
    )


def rental_of_account(tx: Tx, account_id: int, rental_id: int) -> Rental | None:
    """A rental of an account; None when it is another's, or there is none."""
    row = tx.row(_OF_ACCOUNT, id=rental_id, account_id=account_id)
    return None if row is None else _rental(row)


def lock_rental(tx: Tx, account_id: int, rental_id: int) -> Rental | None:
    """As `rental_of_account`; no other transaction changes it until this one ends."""
    row = tx.row(_LOCK_OF_ACCOUNT, id=rental_id, account_id=account_id)
    return None if row is None else _rental(row)


def received_on(tx: Tx, account_id: int, number: str, service_id: int) -> Rental | None:
    """The newest rental of an account that got a code for a service on a number.

    The number is that of a line in use: with another SIM it is another number.
    """
    row = tx.row(_RECEIVED_ON, account_id=account_id, number=number, service_id=service_id)
    return None if row is None else _rental(row)


def add_extras(tx: Tx, rental_id: int, extras: Extras) -> None:
    """Keeps what a dealer hangs on a rental."""
    tx.run(
        _ADD_EXTRAS,
        rental_id=rental_id,
        metadata=msgspec.json.encode(extras.metadata).decode(),
        endpoint_id=extras.endpoint_id,
        request_id=extras.request_id,
    )


def extend_rental(tx: Tx, extended: Rental, by_s: int, now_ms: int) -> None:
    """Records that the time of a rental, locked before, was lengthened."""
    number = extended.extensions
    deadline_at_ms = extended.deadline_at_ms
    tx.run(_EXTEND, id=extended.id, deadline_at_ms=deadline_at_ms, extensions=number)
    tx.run(_ADD_EXTENSION, rental_id=extended.id, number=number, by_s=by_s, now_ms=now_ms)


def rental_by_order(tx: Tx, account_id: int, order_id: str) -> tuple[Rental, bytes] | None:
    """The rental an account made under an order id, and the hash of what it asked for."""
    row = tx.row(_BY_ORDER, account_id=account_id, order_id=order_id)
    return None if row is None else (_rental(row), bytes(row[14]))


def listening_on(tx: Tx, line_id: int) -> list[Candidate]:
    """The rentals whose time on a line lasts, locked, with their services' rules."""
    return _candidates(tx.rows(_LISTENING, line_id=line_id))


def seen_on(tx: Tx, line_id: int) -> list[Candidate]:
    """As `listening_on`, not locked: to tell why none of them owns a message."""
    return _candidates(tx.rows(_SEEN, line_id=line_id))


def listening_for(tx: Tx, line_id: int, sender: str) -> list[Candidate]:
    """Those of `listening_on` that may own a message of a sender: all that can, and few others."""
    rows = tx.rows(_LISTENING_FOR, line_id=line_id, sender_key=sender_key(sender))
    return _candidates(rows)


def over_since(tx: Tx, line_id: int, earliest_ms: int) -> list[Candidate]:
    """The rentals of a line that listen no more, and whose deadline is after a moment; locked."""
    return _candidates(tx.rows(_OVER_SINCE, line_id=line_id, earliest_ms=earliest_ms))


def receive(tx: Tx, received: Rental, message_id: int) -> bool:
    """Records that a waiting rental has its code, with the message that answered it.

    False when another transaction closed it before.
    """
    changed = tx.run(
        _RECEIVE,
        id=received.id,
        state=received.state.value,
        closed_at_ms=received.closed_at_ms,
        message_id=message_id,
    )
    return changed == 1


def end(tx: Tx, ended: Rental) -> bool:
    """Records the end of a waiting rental that got no code, and listens no more.

    False when another transaction closed it before.
    """
    state, closed_at_ms = ended.state.value, ended.closed_at_ms
    return tx.run(_END, id=ended.id, state=state, closed_at_ms=closed_at_ms) == 1


def prefer_message(tx: Tx, rental_id: int, message_id: int) -> None:
    """Lets a message answer a rental in place of the one that does: with a code, and newer."""
    tx.run(_PREFER_MESSAGE, id=rental_id, message_id=message_id)


def rentals_due(tx: Tx, now_ms: int, limit: int) -> list[Rental]:
    """Rentals whose time is over and that listen still, the longest overdue first; locked."""
    return [_rental(row) for row in tx.rows(_DUE, now_ms=now_ms, limit=limit)]


def deafen(tx: Tx, rental_id: int) -> None:
    """Ends the listening of a rental that has its code."""
    tx.run(_DEAFEN, id=rental_id)


def waits_on(tx: Tx, line_id: int, service_id: int) -> bool:
    """Whether a rental of a line waits for a service."""
    return tx.row(_WAITS, line_id=line_id, service_id=service_id) is not None


def lock_received_on(tx: Tx, account_id: int, number: str, service_id: int) -> None:
    """Locks the rental on a number that `step_aside` would change, where there is one."""
    tx.row(_LOCK_RECEIVED_ON, account_id=account_id, number=number, service_id=service_id)


def step_aside(tx: Tx, line_id: int, service_id: int) -> None:
    """Lets the rental that has its code and listens make room for another one of its service."""
    tx.run(_STEP_ASIDE, line_id=line_id, service_id=service_id)
