"""Shared step: the code came, and the price of the rental is earned."""

from simlet.domain import ledger
from simlet.domain.events import Event, EventKind
from simlet.domain.rental import Rental
from simlet.store import accounts, books, events, rentals
from simlet.store.sql import Tx


def settle(tx: Tx, rental: Rental, message_id: int, now_ms: int) -> bool:
    """Closes a waiting rental with its message; False when it was closed in the meantime.

    Raises:
        Refused: RENTAL_CLOSED, when the rental given does not wait.
    """
    received = rental.receive(now_ms)
    if not rentals.receive(tx, received, message_id):
        return False
    accounts.settle_price(tx, rental.account_id, rental.price_dong)
    books.post(tx, ledger.settle(rental.account_id, rental.id, rental.price_dong, now_ms))
    events.add_event(
        tx,
        Event(
            EventKind.RENTAL_RECEIVED,
            now_ms,
            account_id=rental.account_id,
            rental_id=rental.id,
            message_id=message_id,
            data={"settled_dong": rental.price_dong},
        ),
    )
    return True
