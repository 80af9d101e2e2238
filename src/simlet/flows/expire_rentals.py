"""Expire rentals: after the deadline the price goes back, and the line is free again."""

from dataclasses import dataclass

from simlet.domain.allocate import block_of
from simlet.domain.rental import Rental, RentalState
from simlet.flows.release import release
from simlet.store import accounts, rentals, stock
from simlet.store.sql import Tx


@dataclass(frozen=True, slots=True)
class Expired:
    """How many rentals gave their price back, and how many only stopped listening."""

    released: int
    deafened: int


def expire_rentals(tx: Tx, now_ms: int, limit: int) -> Expired:
    """Ends the time of up to `limit` rentals whose deadline has passed."""
    due = rentals.rentals_due(tx, now_ms, limit)
    waiting = [one for one in due if one.state is RentalState.WAITING]
    _lock(tx, waiting)
    released = sum(release(tx, one.expire(now_ms), now_ms) for one in waiting)
    received = [one for one in due if one.state is RentalState.RECEIVED]
    for one in received:
        rentals.deafen(tx, one.id)
    return Expired(released, len(received))


def _lock(tx: Tx, waiting: list[Rental]) -> None:
    """Locks what the releases change in the order in which a renting does: accounts, then stock.

    Taken one rental at a time, the next rental's account could be held by a renting that waits
    for the stock of the last one.
    """
    for account_id in sorted({one.account_id for one in waiting}):
        accounts.lock_account(tx, account_id)
    for service_id, block_id in sorted(
        {(one.service_id, block_of(one.line_id)) for one in waiting}
    ):
        stock.lock_places(tx, service_id, block_id)
