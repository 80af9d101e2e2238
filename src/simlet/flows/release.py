"""Shared step: no code came, and the price goes back."""

from simlet.domain import ledger
from simlet.domain.events import Event, EventKind
from simlet.domain.rental import Rental
from simlet.store import accounts, books, events, rentals, stock
from simlet.store.sql import Tx


def release(tx: Tx, rental: Rental, now_ms: int) -> bool:
    """Closes a waiting rental as expired; False when it was closed in the meantime.

    Its line can be rented for the service again, unless it gave a code for it before.

    Raises:
        Refused: RENTAL_CLOSED, when the rental given does not wait.
    """
    expired = rental.expire(now_ms)
    if not rentals.close_rental(tx, expired):
        return False
    accounts.release_price(tx, rental.account_id, rental.price_dong)
    books.post(tx, ledger.release(rental.account_id, rental.id, rental.price_dong, now_ms))
    if not rental.again:
        stock.give_back(tx, rental.service_id, rental.line_id)
    events.add_event(
        tx,
        Event(
            EventKind.RENTAL_EXPIRED,
            now_ms,
            account_id=rental.account_id,
            rental_id=rental.id,
            data={"released_dong": rental.price_dong},
        ),
    )
    return True
