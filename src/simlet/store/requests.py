"""Statements for requests: places in the queue for a line.

The queue of a service is divided by what its requests ask of the line: `filters`, in one spelling,
so that what is asked the same stands in the same queue.
"""

from dataclasses import dataclass

import msgspec

from simlet.domain.extras import Extras
from simlet.domain.request import LineRequest, RequestState, Wanted
from simlet.store.sql import Row, Sql, Tx

_FIELDS = (
    "q.id, q.account_id, q.service_id, q.filters, q.max_price_dong, q.metadata, q.endpoint_id, "
    "q.state, q.created_at_ms, q.deadline_at_ms, q.closed_at_ms, q.rental_id, q.refusal"
)
_ADD = Sql(
    "INSERT INTO requests (account_id, service_id, filters, max_price_dong, metadata, "
    "endpoint_id, state, created_at_ms, deadline_at_ms) VALUES (:account_id, :service_id, "
    ":filters, :max_price_dong, :metadata, :endpoint_id, 'queued', :created_at_ms, "
    ":deadline_at_ms) {returning_id}"
)
_OF_ACCOUNT = Sql(
    f"SELECT {_FIELDS} FROM requests q WHERE q.id = :id AND q.account_id = :account_id"
)
_BY_ID = Sql(f"SELECT {_FIELDS} FROM requests q WHERE q.id = :id")
_LOCK = Sql(f"SELECT {_FIELDS} FROM requests q WHERE q.id = :id {{for_update}}")
_LIST = Sql(
    f"SELECT {_FIELDS} FROM requests q WHERE q.account_id = :account_id "
    "AND q.id < :before_id ORDER BY q.id DESC LIMIT :limit"
)
_CLOSE = Sql(
    "UPDATE requests SET state = :state, closed_at_ms = :closed_at_ms, rental_id = :rental_id, "
    "refusal = :refusal WHERE id = :id AND state = 'queued'"
)
_QUEUED_OF = Sql(
    "SELECT count(*) FROM requests WHERE account_id = :account_id AND state = 'queued'"
)
_AHEAD = Sql(
    "SELECT count(*) FROM requests WHERE service_id = :service_id AND filters = :filters "
    "AND state = 'queued' AND id < :id"
)
# An account that may not rent more now holds nobody up, nor does one that reported just this line.
_CLAIMED = Sql(
    "SELECT 1 FROM requests q JOIN accounts a ON a.id = q.account_id "
    "WHERE q.service_id = :service_id AND q.filters = :filters AND q.state = 'queued' "
    "AND q.id < :before_id AND q.deadline_at_ms > :now_ms "
    "AND a.waiting_count < a.waiting_limit AND NOT EXISTS (SELECT 1 FROM rental_reports p "
    "WHERE p.account_id = q.account_id AND p.service_id = q.service_id AND p.line_id = :line_id) "
    "LIMIT 1"
)
_ANY_QUEUED = Sql("SELECT 1 FROM requests WHERE state = 'queued' LIMIT 1")
_QUEUES = Sql(
    "SELECT service_id, filters FROM requests WHERE state = 'queued' GROUP BY service_id, filters"
)
_IN_TURN = Sql(
    "SELECT q.id, q.account_id FROM requests q JOIN accounts a ON a.id = q.account_id "
    "WHERE q.service_id = :service_id AND q.filters = :filters AND q.state = 'queued' "
    "AND q.id > :after AND q.deadline_at_ms > :now_ms AND a.waiting_count < a.waiting_limit "
    "ORDER BY q.id LIMIT :limit"
)
_DUE = Sql(
    f"SELECT {_FIELDS} FROM requests q WHERE q.state = 'queued' AND q.deadline_at_ms <= :now_ms "
    "ORDER BY q.deadline_at_ms LIMIT :limit {skip_locked}"
)
_BEHIND_ALL = 2**62

_wanted = msgspec.json.Decoder(tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]])
_metadata = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request about to be queued; see `simlet.domain.request.LineRequest` for its fields."""

    account_id: int
    service_id: int
    wanted: Wanted
    max_price_dong: int | None
    extras: Extras
    created_at_ms: int
    deadline_at_ms: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: the requests for a service that ask the same of the line."""

    service_id: int
    filters: str

    @property
    def wanted(self) -> Wanted:
        """What its requests ask of the line."""
        return Wanted(*_wanted.decode(self.filters))


def queue_of(service_id: int, wanted: Wanted) -> Queue:
    """The queue in which something stands that is asked for."""
    asked = wanted.in_one_order()
    table = (asked.networks, asked.prefixes, asked.unwanted)
    return Queue(service_id, msgspec.json.encode(table).decode())


def _request(row: Row) -> LineRequest:
    networks, wanted, unwanted = _wanted.decode(row[3])
    return LineRequest(
        id=row[0],
        account_id=row[1],
        service_id=row[2],
        networks=networks,
        wanted=wanted,
        unwanted=unwanted,
        max_price_dong=row[4],
        extras=Extras(_metadata.decode(row[5]), row[6]),
        state=RequestState(row[7]),
        created_at_ms=row[8],
        deadline_at_ms=row[9],
        closed_at_ms=row[10],
        rental_id=row[11],
        refusal=row[12],
    )


def _found(row: Row | None) -> LineRequest | None:
    return None if row is None else _request(row)


def add_request(tx: Tx, new: NewRequest) -> int:
    """Adds a queued request; its number."""
    return tx.add(
        _ADD,
        account_id=new.account_id,
        service_id=new.service_id,
        filters=queue_of(new.service_id, new.wanted).filters,
        max_price_dong=new.max_price_dong,
        metadata=msgspec.json.encode(new.extras.metadata).decode(),
        endpoint_id=new.extras.endpoint_id,
        created_at_ms=new.created_at_ms,
        deadline_at_ms=new.deadline_at_ms,
    )


def request_of_account(tx: Tx, account_id: int, request_id: int) -> LineRequest | None:
    """A request of an account; None when it is another's, or there is none."""
    return _found(tx.row(_OF_ACCOUNT, id=request_id, account_id=account_id))


def request_by_id(tx: Tx, request_id: int) -> LineRequest | None:
    """A request, whosever it is."""
    return _found(tx.row(_BY_ID, id=request_id))


def lock_request(tx: Tx, request_id: int) -> LineRequest | None:
    """A request, which no other transaction changes until this one ends."""
    return _found(tx.row(_LOCK, id=request_id))


def requests_of(tx: Tx, account_id: int, before_id: int, limit: int) -> list[LineRequest]:
    """Requests of an account, newest first."""
    rows = tx.rows(_LIST, account_id=account_id, before_id=before_id, limit=limit)
    return [_request(row) for row in rows]


def close_request(tx: Tx, closed: LineRequest) -> bool:
    """Records the end of a queued request; False when another transaction ended it before."""
    return (
        tx.run(
            _CLOSE,
            id=closed.id,
            state=closed.state.value,
            closed_at_ms=closed.closed_at_ms,
            rental_id=closed.rental_id,
            refusal=closed.refusal,
        )
        == 1
    )


def count_queued_of(tx: Tx, account_id: int) -> int:
    """How many requests of an account are queued."""
    row = tx.row(_QUEUED_OF, account_id=account_id)
    return row[0] if row else 0


def count_ahead(tx: Tx, request: LineRequest) -> int:
    """How many requests stand in a queued one's queue before it."""
    queue = queue_of(request.service_id, request.asked)
    row = tx.row(_AHEAD, service_id=queue.service_id, filters=queue.filters, id=request.id)
    return row[0] if row else 0


def is_claimed(tx: Tx, queue: Queue, line_id: int, before_id: int | None, now_ms: int) -> bool:
    """Whether a request that could have a line now stands in a queue before another one.

    Before whoever asks without standing in the queue (`before_id` None) stand all of it.
    """
    row = tx.row(
        _CLAIMED,
        service_id=queue.service_id,
        filters=queue.filters,
        line_id=line_id,
        before_id=_BEHIND_ALL if before_id is None else before_id,
        now_ms=now_ms,
    )
    return row is not None


def any_queued(tx: Tx) -> bool:
    """Whether any request is queued."""
    return tx.row(_ANY_QUEUED) is not None


def queues(tx: Tx) -> list[Queue]:
    """The queues in which anything stands."""
    return [Queue(*row) for row in tx.rows(_QUEUES)]


def in_turn(tx: Tx, queue: Queue, after: int, now_ms: int, limit: int) -> list[tuple[int, int]]:
    """The first requests of a queue behind one whose accounts may rent now, in order.

    Returns:
        The ids of each and of its account.
    """
    rows = tx.rows(
        _IN_TURN,
        service_id=queue.service_id,
        filters=queue.filters,
        after=after,
        now_ms=now_ms,
        limit=limit,
    )
    return [(row[0], row[1]) for row in rows]


def requests_due(tx: Tx, now_ms: int, limit: int) -> list[LineRequest]:
    """Requests that nobody waits for any more, the longest overdue first; locked."""
    return [_request(row) for row in tx.rows(_DUE, now_ms=now_ms, limit=limit)]
