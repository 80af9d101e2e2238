"""Extend a rental: its dealer waits longer for the code, at no price, where the service allows."""

from simlet.domain.errors import RENTAL_UNKNOWN, Refused
from simlet.domain.events import Event, EventKind
from simlet.domain.rental import Rental
from simlet.store import events, rentals, services
from simlet.store.sql import Tx


def extend_rental(tx: Tx, account_id: int, rental_id: int, now_ms: int) -> Rental:
    """Moves the deadline of a rental that waits by the service's `extend_s`.

    Raises:
        Refused: RENTAL_UNKNOWN; NOT_EXTENDABLE, with the reason.
    """
    rental = rentals.lock_rental(tx, account_id, rental_id)
    if rental is None:
        raise Refused(RENTAL_UNKNOWN)
    service = services.service_by_id(tx, rental.service_id)
    if service is None:
        raise LookupError("a rental without its service")
    by_s = service.terms.extend_s
    extended = rental.extend(service.terms, now_ms)
    rentals.extend_rental(tx, extended, by_s, now_ms)
    events.add_event(
        tx,
        Event(
            EventKind.RENTAL_EXTENDED,
            now_ms,
            account_id=account_id,
            rental_id=rental_id,
            data={"by_s": by_s},
        ),
    )
    return extended
