"""Statements for callbacks: what is to be posted to dealers, and how that went."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from simlet.store.sql import Sql, Tx

_ADD = Sql(
    "INSERT INTO callbacks (event_seq, account_id, rental_id, state, attempts, event_at_ms, "
    "next_at_ms) VALUES (:event_seq, :account_id, :rental_id, 'pending', 0, :at_ms, :at_ms)"
)
_DUE = Sql(
    "SELECT id, event_seq, account_id, rental_id, attempts, event_at_ms FROM callbacks "
    "WHERE state = 'pending' AND next_at_ms <= :now_ms "
    "AND CAST(account_id AS TEXT) NOT IN {texts} ORDER BY next_at_ms LIMIT :limit {skip_locked}"
)
_LEASE = Sql("UPDATE callbacks SET attempts = attempts + 1, next_at_ms = :until_ms WHERE id = :id")
_DONE = Sql(
    "UPDATE callbacks SET state = :state, next_at_ms = :next_at_ms, last_status = :status, "
    "last_error = :error WHERE id = :id AND state = 'pending' AND attempts = :attempts"
)


@dataclass(frozen=True, slots=True)
class Callback:
    """One event to be told to one account, with an attempt under way.

    Attributes:
        attempts: how many attempts were begun, this one included.
        attempt_at_ms: when this one began.
    """

    id: int
    event_seq: int
    account_id: int
    rental_id: int
    attempts: int
    event_at_ms: int
    attempt_at_ms: int


def add_callback(tx: Tx, event_seq: int, account_id: int, rental_id: int, at_ms: int) -> None:
    """Queues a callback, due at once."""
    tx.run(_ADD, event_seq=event_seq, account_id=account_id, rental_id=rental_id, at_ms=at_ms)


def due_callbacks(tx: Tx, now_ms: int, without: Collection[int], limit: int) -> list[Callback]:
    """Callbacks that are due, the longest overdue first; none of the accounts `without`; locked.

    They are given as they will be when they are leased at that time.
    """
    texts = msgspec.json.encode([str(one) for one in without]).decode()
    return [
        Callback(
            id=row[0],
            event_seq=row[1],
            account_id=row[2],
            rental_id=row[3],
            attempts=row[4] + 1,
            event_at_ms=row[5],
            attempt_at_ms=now_ms,
        )
        for row in tx.rows(_DUE, now_ms=now_ms, texts=texts, limit=limit)
    ]


def lease_callback(tx: Tx, callback_id: int, until_ms: int) -> None:
    """Begins an attempt; the next is due at `until_ms` if its taker is never heard of."""
    tx.run(_LEASE, id=callback_id, until_ms=until_ms)


def record_attempt(
    tx: Tx, callback: Callback, state: str, next_at_ms: int, status: int | None, error: str | None
) -> None:
    """Records how an attempt went, and when the next one is due (`state` pending).

    An attempt that was given up meanwhile, and made again, has nothing to say any more.
    """
    tx.run(
        _DONE,
        id=callback.id,
        attempts=callback.attempts,
        state=state,
        next_at_ms=next_at_ms,
        status=status,
        error=error,
    )
