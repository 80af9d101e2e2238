"""Statements for reports: what dealers say of lines that do not work."""

from simlet.domain.rental import Rental
from simlet.domain.report import ReportReason
from simlet.store.sql import Sql, Tx

_ADD = Sql(
    "INSERT INTO rental_reports (rental_id, account_id, service_id, line_id, reason, note, at_ms) "
    "VALUES (:rental_id, :account_id, :service_id, :line_id, :reason, :note, :now_ms) "
    "ON CONFLICT (rental_id) DO NOTHING"
)
_HAS_REPORTED = Sql(
    "SELECT 1 FROM rental_reports WHERE account_id = :account_id AND service_id = :service_id "
    "LIMIT 1"
)
_FORGET_NOTES = Sql(
    "UPDATE rental_reports SET note = NULL WHERE rental_id IN (SELECT rental_id "
    "FROM rental_reports WHERE note IS NOT NULL AND at_ms < :before_ms "
    "ORDER BY at_ms LIMIT :limit)"
)


def add_report(tx: Tx, rental: Rental, reason: ReportReason, note: str | None, now_ms: int) -> bool:
    """Keeps what a dealer says of a rental's line; False when it said something of it before."""
    changed = tx.run(
        _ADD,
        rental_id=rental.id,
        account_id=rental.account_id,
        service_id=rental.service_id,
        line_id=rental.line_id,
        reason=reason.value,
        note=note,
        now_ms=now_ms,
    )
    return changed == 1


def has_reported(tx: Tx, account_id: int, service_id: int) -> bool:
    """Whether an account reported any line for a service."""
    return tx.row(_HAS_REPORTED, account_id=account_id, service_id=service_id) is not None


def forget_notes(tx: Tx, before_ms: int, limit: int) -> int:
    """Erases what dealers said to their reports before a time, the oldest first; how many."""
    return tx.run(_FORGET_NOTES, before_ms=before_ms, limit=limit)
