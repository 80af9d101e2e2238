"""Shared step: a rental ends because its dealer will wait no longer."""

from simlet.domain.rental import Rental
from simlet.flows.release import release
from simlet.store.sql import Tx


def close_rental(tx: Tx, rental: Rental, now_ms: int) -> Rental:
    """Cancels a waiting rental, locked before, or expires it where its time is over; as it is then.

    Raises:
        Refused: RENTAL_CLOSED, when the rental given does not wait.
    """
    overdue = now_ms >= rental.deadline_at_ms
    closed = rental.expire(now_ms) if overdue else rental.cancel(now_ms)
    if not release(tx, closed, now_ms):
        raise LookupError("a rental that was locked was closed by another transaction")
    return closed
