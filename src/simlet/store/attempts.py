"""Statements for the attempts of callbacks: how each one went."""

from collections.abc import Sequence
from dataclasses import dataclass

from simlet.store.sql import Sql, Tx, ids_array

ANSWER_CHARS = 500

_FIELDS = (
    "a.id, a.endpoint_id, c.event_seq, a.number, a.at_ms, a.duration_ms, a.status, a.error, "
    "coalesce(a.answer, ''), a.outcome, a.next_at_ms"
)
_ADD = Sql(
    "INSERT INTO callback_attempts (callback_id, endpoint_id, number, at_ms, duration_ms, status, "
    "error, answer, outcome, next_at_ms) VALUES (:callback_id, :endpoint_id, :number, :at_ms, "
    ":duration_ms, :status, :error, :answer, :outcome, :next_at_ms)"
)
_OF_ENDPOINT = Sql(
    f"SELECT {_FIELDS} FROM callback_attempts a "
    "JOIN callbacks c ON c.id = a.callback_id WHERE a.endpoint_id = :endpoint_id "
    "AND a.id < :before_id ORDER BY a.id DESC LIMIT :limit"
)
_ERASE = Sql("DELETE FROM callback_attempts WHERE callback_id IN {ids}")
_FORGET = Sql(
    "UPDATE callback_attempts SET answer = NULL WHERE id IN (SELECT id FROM callback_attempts "
    "WHERE answer IS NOT NULL AND at_ms < :before_ms ORDER BY at_ms LIMIT :limit)"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went; see `attempts_of_endpoint`.

    Attributes:
        endpoint_id: the endpoint that was called.
        event_seq: the event that it told.
        number: counts the attempts to tell this event there, from 1.
        at_ms: when it began.
        status: the HTTP status; None where there was no answer.
        error: why there was none: a word of `simlet.outbound.Answer`.
        answer: the first characters of the answer's body; empty once they were forgotten.
        outcome: `delivered`, `again` or `failed`.
        next_at_ms: when the next attempt is due.
    """

    id: int
    endpoint_id: int
    event_seq: int
    number: int
    at_ms: int
    duration_ms: int
    status: int | None
    error: str | None
    answer: str
    outcome: str
    next_at_ms: int | None


def add_attempt(
    tx: Tx,
    callback_id: int,
    endpoint_id: int,
    number: int,
    *,
    at_ms: int,
    duration_ms: int,
    status: int | None,
    error: str | None,
    answer: str,
    outcome: str,
    next_at_ms: int | None,
) -> None:
    """Keeps how an attempt went."""
    tx.run(
        _ADD,
        callback_id=callback_id,
        endpoint_id=endpoint_id,
        number=number,
        at_ms=at_ms,
        duration_ms=duration_ms,
        status=status,
        error=error,
        answer=answer[:ANSWER_CHARS] or None,
        outcome=outcome,
        next_at_ms=next_at_ms,
    )


def attempts_of_endpoint(tx: Tx, endpoint_id: int, before_id: int, limit: int) -> list[Attempt]:
    """Attempts at an endpoint, newest first."""
    rows = tx.rows(_OF_ENDPOINT, endpoint_id=endpoint_id, before_id=before_id, limit=limit)
    return [Attempt(*row) for row in rows]


def erase_attempts(tx: Tx, callback_ids: Sequence[int]) -> None:
    """Erases the attempts of callbacks."""
    tx.run(_ERASE, ids=ids_array(callback_ids))


def forget_answers(tx: Tx, before_ms: int, limit: int) -> int:
    """Erases what was answered before a time, as it may hold what was told; how many."""
    return tx.run(_FORGET, before_ms=before_ms, limit=limit)
