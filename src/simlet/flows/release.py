"""Shared step: a rental ends without a code, and the price goes back."""

from simlet.domain import ledger
from simlet.domain.events import Event, EventKind
from simlet.domain.rental import Rental, RentalState
from simlet.store import accounts, books, events, rentals, stock
from simlet.store.sql import Tx

_KINDS = {
    RentalState.EXPIRED: EventKind.RENTAL_EXPIRED,
    RentalState.CANCELLED: EventKind.RENTAL_CANCELLED,
}


def release(tx: Tx, rental: Rental, now_ms: int) -> bool:
    """Closes a waiting rental; False when it was closed in the meantime.

    Its line can be rented for the service again, unless it gave a code for it before.

    Args:
        tx: the transaction.
        rental: as `Rental.expire` or `Rental.cancel` gave it.
        now_ms: the time.
    """
    if not rentals.end(tx, rental):
        return False
    accounts.release_price(tx, rental.account_id, rental.price_dong)
    books.post(tx, ledger.release(rental.account_id, rental.id, rental.price_dong, now_ms))
    if not rental.again:
        stock.give_back(tx, rental.service_id, rental.line_id)
    events.add_event(
        tx,
        Event(
            _KINDS[rental.state],
            now_ms,
            account_id=rental.account_id,
            rental_id=rental.id,
            data={"released_dong": rental.price_dong},
        ),
    )
    return True
