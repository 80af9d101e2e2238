"""Expire rentals: after the deadline the price goes back, and the line is free again."""

from dataclasses import dataclass

from simlet.domain.rental import RentalState
from simlet.flows.release import release
from simlet.store import rentals
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
    # Everybody who locks several accounts does so in the order of their ids.
    released = sum(
        release(tx, one, now_ms) for one in sorted(waiting, key=lambda one: one.account_id)
    )
    received = [one for one in due if one.state is RentalState.RECEIVED]
    for one in received:
        rentals.deafen(tx, one.id)
    return Expired(released, len(received))
