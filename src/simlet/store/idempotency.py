"""Statements for idempotency keys: the answers that were given under them."""

from dataclasses import dataclass

from simlet.store.sql import Sql, Tx

# On PostgreSQL this waits for a transaction that took the same key and has not ended: after it
# either its answer is there, or the key is free. So does an update that its condition skips.
_TAKE = Sql(
    "INSERT INTO idempotency_keys (account_id, key, fingerprint, status, body, created_at_ms) "
    "VALUES (:account_id, :key, :fingerprint, 0, :nothing, :now_ms) "
    "ON CONFLICT (account_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, "
    "status = excluded.status, body = excluded.body, created_at_ms = excluded.created_at_ms "
    "WHERE idempotency_keys.created_at_ms <= :expired_ms RETURNING account_id"
)
_KEEP = Sql(
    "UPDATE idempotency_keys SET status = :status, body = :body "
    "WHERE account_id = :account_id AND key = :key"
)
# Of two that want it at the same moment the second finds another answer, and takes nothing.
_TAKE_AGAIN = Sql(
    "UPDATE idempotency_keys SET status = 0, body = :nothing, created_at_ms = :now_ms "
    "WHERE account_id = :account_id AND key = :key AND status = :status AND body = :body"
)
_KEPT = Sql(
    "SELECT fingerprint, status, body FROM idempotency_keys "
    "WHERE account_id = :account_id AND key = :key"
)
_ERASE = Sql(
    "DELETE FROM idempotency_keys WHERE (account_id, key) IN (SELECT account_id, key "
    "FROM idempotency_keys WHERE created_at_ms <= :before_ms ORDER BY created_at_ms LIMIT :limit)"
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered under a key, and the hash of what had been asked."""

    fingerprint: bytes
    status: int
    body: bytes


def take_key(
    tx: Tx, account_id: int, key: str, fingerprint: bytes, now_ms: int, expired_ms: int
) -> bool:
    """Takes a key that is new, or was taken at `expired_ms` or before; False for any other.

    Whoever takes it writes its answer in the same transaction.
    """
    row = tx.row(
        _TAKE,
        account_id=account_id,
        key=key,
        fingerprint=fingerprint,
        nothing=b"",
        now_ms=now_ms,
        expired_ms=expired_ms,
    )
    return row is not None


def take_key_again(tx: Tx, account_id: int, key: str, kept: KeptAnswer, now_ms: int) -> bool:
    """Takes a key whose answer counts no more, for the same request; False if it has another now.

    Whoever takes it writes its answer in the same transaction.
    """
    count = tx.run(
        _TAKE_AGAIN,
        account_id=account_id,
        key=key,
        status=kept.status,
        body=kept.body,
        nothing=b"",
        now_ms=now_ms,
    )
    return count == 1


def keep_answer(tx: Tx, account_id: int, key: str, status: int, body: bytes) -> None:
    """Keeps the answer under a key that this transaction took."""
    tx.run(_KEEP, account_id=account_id, key=key, status=status, body=body)


def kept_answer(tx: Tx, account_id: int, key: str) -> KeptAnswer:
    """The answer under a key that could not be taken.

    Raises:
        LookupError: there is none.
    """
    row = tx.row(_KEPT, account_id=account_id, key=key)
    if row is None:
        raise LookupError("no answer was kept under this key")
    return KeptAnswer(bytes(row[0]), row[1], bytes(row[2]))


def erase_keys(tx: Tx, before_ms: int, limit: int) -> int:
    """Erases up to `limit` keys that were taken at a time or before; how many."""
    return tx.run(_ERASE, before_ms=before_ms, limit=limit)
