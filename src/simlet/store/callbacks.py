"""Statements for callbacks: what is to be told to which endpoint, and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simlet.store.sql import Row, Sql, Tx, ids_array

# What stands behind another event of its chain has no time of its own yet.
_WHEN = (
    "CASE WHEN EXISTS (SELECT 1 FROM callbacks c WHERE c.state = 'pending' "
    "AND c.endpoint_id = :endpoint_id AND c.chain = :chain {other}) THEN NULL "
    "ELSE CAST(:at_ms AS BIGINT) END"
)
_ADD = Sql(
    "INSERT INTO callbacks (event_seq, endpoint_id, account_id, rental_id, chain, urgent, state, "
    "attempts, tries, step, under_way, event_at_ms, began_at_ms, next_at_ms) VALUES (:event_seq, "
    ":endpoint_id, :account_id, :rental_id, :chain, :urgent, 'pending', 0, 0, 0, FALSE, "
    f":event_at_ms, :at_ms, {_WHEN.replace('{other}', '')}) "
    "ON CONFLICT (event_seq, endpoint_id) DO NOTHING"
)
_AGAIN = Sql(
    "UPDATE callbacks SET state = 'pending', urgent = :urgent, tries = 0, step = 0, "
    "began_at_ms = :at_ms, ended_at_ms = NULL, "
    f"next_at_ms = {_WHEN.replace('{other}', 'AND c.event_seq <> :event_seq')} "
    "WHERE event_seq = :event_seq AND endpoint_id = :endpoint_id AND state <> 'pending'"
)
_SOONER = Sql(
    "UPDATE callbacks SET began_at_ms = :at_ms, step = 0, tries = 0, next_at_ms = :at_ms "
    "WHERE event_seq = :event_seq AND endpoint_id = :endpoint_id AND state = 'pending' "
    "AND next_at_ms > :at_ms AND NOT under_way"
)
_BEHIND = Sql(
    "UPDATE callbacks SET next_at_ms = NULL WHERE state = 'pending' AND endpoint_id = :endpoint_id "
    "AND chain = :chain AND event_seq > :event_seq AND NOT under_way"
)
_HURRY = Sql(
    "UPDATE callbacks SET urgent = TRUE, step = 0, began_at_ms = :at_ms, next_at_ms = "
    "CASE WHEN next_at_ms > :at_ms AND NOT under_way THEN :at_ms ELSE next_at_ms END "
    "WHERE state = 'pending' AND endpoint_id = :endpoint_id AND chain = :chain "
    "AND event_seq < :event_seq AND NOT urgent"
)
_FIELDS = (
    "c.id, c.event_seq, c.endpoint_id, c.account_id, c.rental_id, c.chain, c.urgent, c.attempts, "
    "c.tries, c.step, c.event_at_ms, c.began_at_ms"
)
_DUE = Sql(
    f"SELECT {_FIELDS} FROM callbacks c WHERE c.state = 'pending' AND c.endpoint_id = :endpoint_id "
    "AND c.urgent = :urgent AND c.next_at_ms <= :now_ms ORDER BY c.next_at_ms, c.event_seq "
    "LIMIT :limit"
)
_LEASE = Sql(
    "UPDATE callbacks SET attempts = attempts + 1, tries = tries + 1, under_way = TRUE, "
    "next_at_ms = :until_ms WHERE id IN {ids}"
)
_STANDINGS = Sql(
    f"SELECT {_FIELDS}, c.state, r.deadline_at_ms FROM callbacks c "
    f"LEFT JOIN rentals r ON r.id = c.rental_id WHERE c.id IN {{ids}} ORDER BY c.id"
)
_LATER = Sql(
    "UPDATE callbacks SET step = :step, next_at_ms = :next_at_ms, under_way = FALSE, "
    "last_status = :status, last_error = :error WHERE id = :id"
)
_END = Sql(
    "UPDATE callbacks SET state = :state, next_at_ms = NULL, ended_at_ms = :now_ms, "
    "under_way = FALSE, last_status = :status, last_error = :error WHERE id = :id"
)
_PROMOTE = Sql(
    "UPDATE callbacks SET next_at_ms = :now_ms, began_at_ms = :now_ms WHERE id = ("
    "SELECT id FROM callbacks WHERE state = 'pending' AND endpoint_id = :endpoint_id "
    "AND chain = :chain ORDER BY event_seq LIMIT 1) AND next_at_ms IS NULL"
)
_DROP = Sql(
    "UPDATE callbacks SET state = 'dropped', next_at_ms = NULL, ended_at_ms = :now_ms, "
    "under_way = FALSE WHERE state = 'pending' AND endpoint_id = :endpoint_id"
)
_SOONEST = Sql(
    "SELECT (SELECT min(next_at_ms) FROM callbacks WHERE state = 'pending' "
    "AND next_at_ms IS NOT NULL AND endpoint_id = :endpoint_id AND urgent = TRUE), "
    "(SELECT min(next_at_ms) FROM callbacks WHERE state = 'pending' "
    "AND next_at_ms IS NOT NULL AND endpoint_id = :endpoint_id AND urgent = FALSE)"
)
_LEFT_UNDER_WAY = Sql(
    "SELECT DISTINCT endpoint_id FROM callbacks WHERE state = 'pending' AND under_way"
)
_RECLAIM = Sql(
    "UPDATE callbacks SET under_way = FALSE, next_at_ms = :now_ms "
    "WHERE state = 'pending' AND under_way"
)
_ERASE = Sql("DELETE FROM callbacks WHERE id IN {ids}")
_ENDED = Sql(
    "SELECT id FROM callbacks WHERE ended_at_ms < :before_ms ORDER BY ended_at_ms LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class NewCallback:
    """One event that is to be told to one endpoint.

    Attributes:
        chain: what is told in its order: a rental's id, or a request's id below zero.
        urgent: it tells of a code.
        at_ms: when its schedule begins.
    """

    event_seq: int
    endpoint_id: int
    account_id: int
    rental_id: int | None
    chain: int | None
    urgent: bool
    event_at_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Callback:
    """One event that is to be told to one endpoint, as it stands.

    Attributes:
        attempts: how many attempts were begun in all.
        tries: how many of them since the schedule began.
        step: the place in the schedule of the attempt that is due, or under way.
        began_at_ms: when its schedule began.
    """

    id: int
    event_seq: int
    endpoint_id: int
    account_id: int
    rental_id: int | None
    chain: int | None
    urgent: bool
    attempts: int
    tries: int
    step: int
    event_at_ms: int
    began_at_ms: int


@dataclass(frozen=True, slots=True)
class CallbackStanding:
    """A callback, whether it is still to be delivered, and when its rental's time is over."""

    callback: Callback
    pending: bool
    deadline_at_ms: int | None


def _callback(row: Row) -> Callback:
    return Callback(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6]), *row[7:12])


def _inputs(new: NewCallback) -> dict[str, int | bool | None]:
    return {
        "event_seq": new.event_seq,
        "endpoint_id": new.endpoint_id,
        "account_id": new.account_id,
        "rental_id": new.rental_id,
        "chain": new.chain,
        "urgent": new.urgent,
        "event_at_ms": new.event_at_ms,
        "at_ms": new.at_ms,
    }


def add_callback(tx: Tx, new: NewCallback) -> None:
    """Queues a callback, due when its schedule begins, or once those before it are done.

    Those before one that tells of a code take the fast schedule as well, so as not to hold it up.
    """
    tx.run(_ADD, **_inputs(new))
    if new.urgent and new.chain is not None:
        _hurry(tx, new)


def _hurry(tx: Tx, new: NewCallback) -> None:
    tx.run(
        _HURRY,
        endpoint_id=new.endpoint_id,
        chain=new.chain,
        event_seq=new.event_seq,
        at_ms=new.at_ms,
    )


def add_again(tx: Tx, new: NewCallback) -> None:
    """Queues a callback whether or not it was queued before; one that is pending comes sooner.

    What comes later in its chain waits for it again.
    """
    tx.run(_ADD, **_inputs(new))
    tx.run(
        _AGAIN,
        event_seq=new.event_seq,
        endpoint_id=new.endpoint_id,
        chain=new.chain,
        urgent=new.urgent,
        at_ms=new.at_ms,
    )
    tx.run(_SOONER, event_seq=new.event_seq, endpoint_id=new.endpoint_id, at_ms=new.at_ms)
    if new.chain is None:
        return
    place = {"endpoint_id": new.endpoint_id, "chain": new.chain}
    tx.run(_BEHIND, event_seq=new.event_seq, **place)
    tx.run(_PROMOTE, now_ms=new.at_ms, **place)
    if new.urgent:
        _hurry(tx, new)


def due_callbacks(
    tx: Tx, endpoint_id: int, now_ms: int, *, urgent: bool, limit: int
) -> list[Callback]:
    """What is due at an endpoint, the longest overdue first."""
    rows = tx.rows(_DUE, endpoint_id=endpoint_id, urgent=urgent, now_ms=now_ms, limit=limit)
    return [_callback(row) for row in rows]


def lease_callbacks(tx: Tx, callback_ids: Iterable[int], until_ms: int) -> None:
    """Begins an attempt of each; the next is due at `until_ms` if nobody hears how it went."""
    tx.run(_LEASE, ids=ids_array(callback_ids), until_ms=until_ms)


def standings(tx: Tx, callback_ids: Sequence[int]) -> dict[int, CallbackStanding]:
    """Callbacks as they stand; their endpoints are locked already."""
    rows = tx.rows(_STANDINGS, ids=ids_array(callback_ids))
    return {row[0]: CallbackStanding(_callback(row), row[12] == "pending", row[13]) for row in rows}


def try_later(
    tx: Tx, callback_id: int, step: int, next_at_ms: int, status: int | None, error: str | None
) -> None:
    """Records a failure, and when the next attempt is due."""
    tx.run(_LATER, id=callback_id, step=step, next_at_ms=next_at_ms, status=status, error=error)


def end_callback(
    tx: Tx, callback: Callback, state: str, now_ms: int, status: int | None, error: str | None
) -> None:
    """Ends a callback, `done` or `failed`; the next of its chain is due now."""
    tx.run(_END, id=callback.id, state=state, now_ms=now_ms, status=status, error=error)
    if callback.chain is not None:
        tx.run(_PROMOTE, endpoint_id=callback.endpoint_id, chain=callback.chain, now_ms=now_ms)


def drop_pending(tx: Tx, endpoint_id: int, now_ms: int) -> None:
    """Drops what an endpoint was still to be told."""
    tx.run(_DROP, endpoint_id=endpoint_id, now_ms=now_ms)


def soonest(tx: Tx, endpoint_id: int) -> tuple[int | None, int | None]:
    """When an endpoint has something due next: a code, and anything else."""
    row = tx.row(_SOONEST, endpoint_id=endpoint_id)
    return (row[0], row[1]) if row else (None, None)


def reclaim_callbacks(tx: Tx, now_ms: int) -> list[int]:
    """Has attempts made again that nobody will hear of any more; the endpoints they were for."""
    endpoint_ids = [row[0] for row in tx.rows(_LEFT_UNDER_WAY)]
    if endpoint_ids:
        tx.run(_RECLAIM, now_ms=now_ms)
    return endpoint_ids


def ended_before(tx: Tx, before_ms: int, limit: int) -> list[int]:
    """Callbacks that ended long ago."""
    return [row[0] for row in tx.rows(_ENDED, before_ms=before_ms, limit=limit)]


def erase_callbacks(tx: Tx, callback_ids: Sequence[int]) -> None:
    """Erases callbacks whose attempts are erased already."""
    tx.run(_ERASE, ids=ids_array(callback_ids))
