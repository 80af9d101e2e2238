"""Statements for endpoints: where accounts are called back."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from simlet.domain.endpoint import BodyFormat, Endpoint, EndpointScope, EndpointState
from simlet.store.sql import Row, Sql, Tx, ids_array

_FIELDS = (
    "p.id, p.account_id, p.scope, p.url, p.failover_url, p.events, p.format, p.secret, "
    "p.old_secret, p.old_secret_until_ms, p.state, p.disabled_reason, p.created_at_ms, "
    "p.failing_since_ms, p.fails_in_row, p.resting_until_ms, p.after_seq"
)
_ADD = Sql(
    "INSERT INTO endpoints (account_id, scope, url, failover_url, events, format, secret, state, "
    "created_at_ms, url_hash, after_seq) VALUES (:account_id, :scope, :url, :failover_url, "
    ":events, :format, :secret, 'active', :now_ms, :url_hash, :after_seq) {returning_id}"
)
_OF_ACCOUNT = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.id = :id AND p.account_id = :account_id "
    "AND p.state <> 'removed'"
)
_LIST = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id = :account_id AND p.id < :before_id "
    "AND p.state <> 'removed' ORDER BY p.id DESC LIMIT :limit"
)
_LIST_OF_SCOPE = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id = :account_id AND p.id < :before_id "
    "AND p.scope = :scope AND p.state <> 'removed' ORDER BY p.id DESC LIMIT :limit"
)
_COUNT = Sql(
    "SELECT count(*) FROM endpoints WHERE account_id = :account_id AND scope = 'account' "
    "AND state = 'active'"
)
_BY_URL = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id = :account_id "
    "AND p.url_hash = :url_hash AND p.state <> 'removed'"
)
_FIRST_API = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id = :account_id "
    "AND p.scope = 'account' AND p.format = 'first_api' AND p.state <> 'removed' "
    "ORDER BY p.id LIMIT 1"
)
_ACTIVE = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id IN {{ids}} "
    "AND p.scope = 'account' AND p.state = 'active' ORDER BY p.id"
)
_BY_IDS = Sql(f"SELECT {_FIELDS} FROM endpoints p WHERE p.id IN {{ids}} AND p.state = 'active'")
_NAMED_BY_RENTALS = Sql(
    "SELECT rental_id, endpoint_id FROM rental_extras "
    "WHERE rental_id IN {ids} AND endpoint_id IS NOT NULL"
)
_NAMED_BY_REQUESTS = Sql(
    "SELECT id, endpoint_id FROM requests WHERE id IN {ids} AND endpoint_id IS NOT NULL"
)
_LOCK = Sql(f"SELECT {_FIELDS} FROM endpoints p WHERE p.id IN {{ids}} ORDER BY p.id {{for_update}}")
_CHANGE = Sql(
    "UPDATE endpoints SET url = :url, failover_url = :failover_url, events = :events, "
    "format = :format, secret = :secret, old_secret = :old_secret, "
    "old_secret_until_ms = :old_secret_until_ms, state = :state, "
    "disabled_reason = :disabled_reason, failing_since_ms = :failing_since_ms, "
    "fails_in_row = :fails_in_row, resting_until_ms = :resting_until_ms, "
    "url_hash = :url_hash WHERE id = :id"
)
_CONCERNED = Sql(
    "SELECT count(*), max(e.seq), max(CASE WHEN EXISTS (SELECT 1 FROM endpoints p "
    "WHERE p.account_id = e.account_id) THEN 1 ELSE 0 END) FROM (SELECT seq, account_id "
    "FROM events WHERE seq > :after ORDER BY seq LIMIT :limit) e"
)
_NOTE = Sql(
    "UPDATE endpoints SET state = :state, disabled_reason = :disabled_reason, "
    "failing_since_ms = :failing_since_ms, fails_in_row = :fails_in_row, "
    "resting_until_ms = :resting_until_ms WHERE id = :id"
)
# Accounts whose endpoints have anything to be told, now or later: each is found by one step along
# the index, however many endpoints it has.
_ACCOUNTS_DUE = Sql(
    "WITH RECURSIVE one(id) AS ("
    "SELECT min(account_id) FROM endpoints WHERE due_at_ms IS NOT NULL "
    "UNION ALL SELECT (SELECT min(p.account_id) FROM endpoints p "
    "WHERE p.due_at_ms IS NOT NULL AND p.account_id > one.id) FROM one WHERE one.id IS NOT NULL) "
    "SELECT id, (SELECT min(p.due_at_ms) FROM endpoints p WHERE p.account_id = one.id "
    "AND p.due_at_ms IS NOT NULL) FROM one WHERE id IS NOT NULL"
)
_LATER = Sql(
    "SELECT min(due_at_ms) FROM endpoints WHERE account_id = :account_id AND due_at_ms > :now_ms"
)
_DUE = Sql(
    f"SELECT {_FIELDS} FROM endpoints p WHERE p.account_id = :account_id "
    "AND p.due_at_ms <= :now_ms ORDER BY p.due_at_ms, p.id LIMIT :limit {skip_locked}"
)
_SET_DUE = Sql("UPDATE endpoints SET due_at_ms = :due_at_ms WHERE id = :id")
_ALL_DUE = Sql("UPDATE endpoints SET due_at_ms = :now_ms WHERE id IN {ids}")


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """Where an account's callbacks of the first API go, and the secret that signs them."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint about to be added; its fields are those of `Endpoint`."""

    account_id: int
    scope: EndpointScope
    url: str
    failover_url: str | None
    events: tuple[str, ...]
    format: BodyFormat
    secret: str


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        id=row[0],
        account_id=row[1],
        scope=EndpointScope(row[2]),
        url=row[3],
        failover_url=row[4],
        events=tuple(msgspec.json.decode(row[5])),
        format=BodyFormat(row[6]),
        secret=row[7],
        old_secret=row[8],
        old_secret_until_ms=row[9],
        state=EndpointState(row[10]),
        disabled_reason=row[11],
        created_at_ms=row[12],
        failing_since_ms=row[13],
        fails_in_row=row[14],
        resting_until_ms=row[15],
        after_seq=row[16],
    )


def _found(row: Row | None) -> Endpoint | None:
    return None if row is None else _endpoint(row)


def _names(events: tuple[str, ...]) -> str:
    return msgspec.json.encode(events).decode()


def _url_hash(scope: EndpointScope, url: str) -> bytes | None:
    """What makes an address of rentals one endpoint of its account; an index takes no long text."""
    return sha256(url.encode()).digest() if scope is EndpointScope.RENTAL else None


def add_endpoint(tx: Tx, new: NewEndpoint, now_ms: int, after_seq: int = 0) -> int:
    """Adds an active endpoint, which is told of what has a higher number; its id."""
    return tx.add(
        _ADD,
        account_id=new.account_id,
        scope=new.scope.value,
        url=new.url,
        failover_url=new.failover_url,
        events=_names(new.events),
        format=new.format.value,
        secret=new.secret,
        now_ms=now_ms,
        url_hash=_url_hash(new.scope, new.url),
        after_seq=after_seq,
    )


def endpoint_of_account(tx: Tx, account_id: int, endpoint_id: int) -> Endpoint | None:
    """An endpoint of an account; None when it is another's, removed, or there is none."""
    return _found(tx.row(_OF_ACCOUNT, id=endpoint_id, account_id=account_id))


def endpoints_of(
    tx: Tx, account_id: int, scope: EndpointScope | None, before_id: int, limit: int
) -> list[Endpoint]:
    """Endpoints of an account, newest first, without those removed; of one scope, if named."""
    page = {"account_id": account_id, "before_id": before_id, "limit": limit}
    if scope is None:
        rows = tx.rows(_LIST, **page)
    else:
        rows = tx.rows(_LIST_OF_SCOPE, scope=scope.value, **page)
    return [_endpoint(row) for row in rows]


def count_active(tx: Tx, account_id: int) -> int:
    """How many endpoints of its own an account has active; those of rentals do not count."""
    row = tx.row(_COUNT, account_id=account_id)
    return row[0] if row else 0


def endpoint_by_url(tx: Tx, account_id: int, url: str) -> Endpoint | None:
    """The endpoint that rentals of an account name by this address."""
    url_hash = _url_hash(EndpointScope.RENTAL, url)
    return _found(tx.row(_BY_URL, account_id=account_id, url_hash=url_hash))


def first_api_endpoint(tx: Tx, account_id: int) -> Endpoint | None:
    """The oldest endpoint of an account in the format of the first API: the operator's."""
    return _found(tx.row(_FIRST_API, account_id=account_id))


def active_of_accounts(tx: Tx, account_ids: Collection[int]) -> list[Endpoint]:
    """The active endpoints of accounts, without those of rentals."""
    return [_endpoint(row) for row in tx.rows(_ACTIVE, ids=ids_array(account_ids))]


@dataclass(frozen=True, slots=True)
class LogSpan:
    """A page of the event log, seen from afar.

    Attributes:
        seq: its last event, or the one behind which it was to begin.
        full: whether there may be more behind it.
        concerned: whether any account in it ever had an endpoint.
    """

    seq: int
    full: bool
    concerned: bool


def log_span_after(tx: Tx, after: int, limit: int) -> LogSpan:
    """Looks over a page of the event log, which costs far less than to read it."""
    row = tx.row(_CONCERNED, after=after, limit=limit)
    if row is None or row[1] is None:
        return LogSpan(after, full=False, concerned=False)
    return LogSpan(row[1], row[0] == limit, bool(row[2]))


def active_by_ids(tx: Tx, endpoint_ids: Collection[int]) -> dict[int, Endpoint]:
    """Those of these endpoints that are active."""
    rows = tx.rows(_BY_IDS, ids=ids_array(endpoint_ids))
    return {row[0]: _endpoint(row) for row in rows}


def named_by_rentals(tx: Tx, rental_ids: Collection[int]) -> dict[int, int]:
    """The endpoints that rentals name, by rental."""
    return dict(tx.rows(_NAMED_BY_RENTALS, ids=ids_array(rental_ids)))  # type: ignore[arg-type]


def named_by_requests(tx: Tx, request_ids: Collection[int]) -> dict[int, int]:
    """The endpoints that requests name, by request."""
    return dict(tx.rows(_NAMED_BY_REQUESTS, ids=ids_array(request_ids)))  # type: ignore[arg-type]


def lock_endpoints(tx: Tx, endpoint_ids: Collection[int]) -> dict[int, Endpoint]:
    """Endpoints in whatever state, locked in the order of their ids."""
    return {row[0]: _endpoint(row) for row in tx.rows(_LOCK, ids=ids_array(endpoint_ids))}


def change_endpoint(tx: Tx, changed: Endpoint) -> None:
    """Writes all that may change of an endpoint."""
    tx.run(
        _CHANGE,
        id=changed.id,
        url=changed.url,
        failover_url=changed.failover_url,
        events=_names(changed.events),
        format=changed.format.value,
        secret=changed.secret,
        old_secret=changed.old_secret,
        old_secret_until_ms=changed.old_secret_until_ms,
        state=changed.state.value,
        disabled_reason=changed.disabled_reason,
        failing_since_ms=changed.failing_since_ms,
        fails_in_row=changed.fails_in_row,
        resting_until_ms=changed.resting_until_ms,
        url_hash=_url_hash(changed.scope, changed.url),
    )


def note_health(tx: Tx, changed: Endpoint) -> None:
    """Writes how an endpoint does, and whether it is called still."""
    tx.run(
        _NOTE,
        id=changed.id,
        state=changed.state.value,
        disabled_reason=changed.disabled_reason,
        failing_since_ms=changed.failing_since_ms,
        fails_in_row=changed.fails_in_row,
        resting_until_ms=changed.resting_until_ms,
    )


def accounts_due(tx: Tx) -> list[tuple[int, int]]:
    """Accounts that have anything to be told, and when the first of it is due."""
    return [(row[0], row[1]) for row in tx.rows(_ACCOUNTS_DUE)]


def due_later(tx: Tx, account_id: int, now_ms: int) -> int | None:
    """When an account has the next thing to be told that is not due yet."""
    row = tx.row(_LATER, account_id=account_id, now_ms=now_ms)
    return row[0] if row else None


def due_endpoints(tx: Tx, account_id: int, now_ms: int, limit: int) -> list[Endpoint]:
    """Endpoints of an account that have something due, the longest overdue first; locked."""
    rows = tx.rows(_DUE, account_id=account_id, now_ms=now_ms, limit=limit)
    return [_endpoint(row) for row in rows]


def set_due(tx: Tx, endpoint_id: int, due_at_ms: int | None) -> None:
    """Records when an endpoint is to be looked at next; None: there is nothing to be told."""
    tx.run(_SET_DUE, id=endpoint_id, due_at_ms=due_at_ms)


def look_at(tx: Tx, endpoint_ids: Collection[int], now_ms: int) -> None:
    """Has endpoints looked at now."""
    if endpoint_ids:
        tx.run(_ALL_DUE, ids=ids_array(endpoint_ids), now_ms=now_ms)
