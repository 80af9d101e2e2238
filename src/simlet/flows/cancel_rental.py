"""Cancel a rental: its dealer gives it up, and the price goes back."""

import math

from simlet.domain.errors import CANCEL_TOO_EARLY, RENTAL_UNKNOWN, Refused
from simlet.domain.rental import Rental
from simlet.flows.close_rental import close_rental
from simlet.store import rentals, services
from simlet.store.sql import Tx


def cancel_rental(tx: Tx, account_id: int, rental_id: int, now_ms: int) -> Rental:
    """Cancels a rental that waits; any other is given as it is, with its code if it has one.

    Its line is free at once. One whose deadline has passed expires instead.

    Raises:
        Refused: RENTAL_UNKNOWN; CANCEL_TOO_EARLY before the service's minimum time, with the whole
            seconds to wait.
    """
    rental = rentals.lock_rental(tx, account_id, rental_id)
    if rental is None:
        raise Refused(RENTAL_UNKNOWN)
    if not rental.waits:
        return rental
    early_ms = _cancellable_at_ms(tx, rental) - now_ms
    if early_ms > 0 and now_ms < rental.deadline_at_ms:
        raise Refused(CANCEL_TOO_EARLY, wait_s=math.ceil(early_ms / 1000))
    return close_rental(tx, rental, now_ms)


def _cancellable_at_ms(tx: Tx, rental: Rental) -> int:
    service = services.service_by_id(tx, rental.service_id)
    if service is None:
        raise LookupError("a rental without its service")
    return rental.created_at_ms + service.terms.cancel_after_s * 1000
