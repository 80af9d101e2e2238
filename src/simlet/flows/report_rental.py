"""Report a rental: its dealer says that the line does not work.

A report counts for the line's health as a rental that failed; see `simlet.flows.watch_lines`. The
line is not given to this account for the service again, by `simlet.flows.find_line`.
"""

from simlet.domain.errors import RENTAL_UNKNOWN, Refused
from simlet.domain.events import Event, EventKind
from simlet.domain.rental import Rental
from simlet.domain.report import ReportReason, check_note
from simlet.flows.close_rental import close_rental
from simlet.store import events, rentals, reports
from simlet.store.sql import Tx


def report_rental(
    tx: Tx, account_id: int, rental_id: int, reason: ReportReason, note: str | None, now_ms: int
) -> Rental:
    """Reports the line of a rental, once; one that waits is cancelled and its price goes back.

    A rental that has ended stays as it ended, and a second report changes nothing.

    Raises:
        Refused: INVALID (a note that is too long), RENTAL_UNKNOWN.
    """
    check_note(note)
    rental = rentals.lock_rental(tx, account_id, rental_id)
    if rental is None:
        raise Refused(RENTAL_UNKNOWN)
    if not reports.add_report(tx, rental, reason, note, now_ms):
        return rental
    closed = close_rental(tx, rental, now_ms) if rental.waits else rental
    events.add_event(
        tx,
        Event(
            EventKind.RENTAL_REPORTED,
            now_ms,
            account_id=account_id,
            rental_id=rental_id,
            data={"reason": reason.value},
        ),
    )
    return closed
