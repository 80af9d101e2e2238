"""The rental: one account holds one line for one service until a code, a cancel or the deadline.

`waiting → received / expired / cancelled`; each end is reached once, and from `waiting` alone.
A rental listens to its line until its time ends: a message that comes after the code, inside the
time, is attached to it at no cost.
"""

from dataclasses import dataclass, replace
from enum import Enum

from simlet.domain.errors import RENTAL_CLOSED, Refused


class RentalState(Enum):
    """Where a rental stands."""

    WAITING = "waiting"
    RECEIVED = "received"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Rental:
    """A rental; times are UTC milliseconds, `number` is E.164.

    Attributes:
        again: it was rented by naming the number of an earlier rental that got its code.
        closed_at_ms: when it left `waiting`; None before.
        listening: whether its time lasts still.
    """

    id: int
    account_id: int
    service_id: int
    store: str
    line_id: int
    number: str
    price_dong: int
    state: RentalState
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None
    again: bool
    listening: bool

    def receive(self, now_ms: int) -> "Rental":
        """The rental with its code; it goes on listening until its deadline.

        Raises:
            Refused: RENTAL_CLOSED, when it does not wait any more.
        """
        return self._close(RentalState.RECEIVED, now_ms, listening=True)

    def expire(self, now_ms: int) -> "Rental":
        """The rental after its deadline.

        Raises:
            Refused: RENTAL_CLOSED, when it does not wait any more.
        """
        return self._close(RentalState.EXPIRED, now_ms, listening=False)

    def _close(self, state: RentalState, now_ms: int, *, listening: bool) -> "Rental":
        if self.state is not RentalState.WAITING:
            raise Refused(RENTAL_CLOSED)
        return replace(self, state=state, closed_at_ms=now_ms, listening=listening)

    @property
    def end_ms(self) -> int:
        """When its time ends: at the deadline, or with the cancel."""
        if self.state is RentalState.CANCELLED and self.closed_at_ms is not None:
            return min(self.deadline_at_ms, self.closed_at_ms)
        return self.deadline_at_ms

    def was_open_at(self, earliest_ms: int, latest_ms: int) -> bool:
        """Whether a message sent at some moment from `earliest_ms` to `latest_ms` was in its time.

        The time runs from the renting, included, to the deadline, excluded; a cancelled rental's
        ends with the cancel.
        """
        return self.created_at_ms <= latest_ms and earliest_ms < self.end_ms
