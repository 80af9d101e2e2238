"""The rental: one account holds one line for one service until a code, a cancel or the deadline.

`waiting → received / expired / cancelled`; each end is reached once, and from `waiting` alone.
A rental listens to its line until its time ends: a message that comes after the code, inside the
time, is attached to it at no cost.
"""

from enum import Enum
from typing import NamedTuple

from simlet.domain.errors import NOT_EXTENDABLE, RENTAL_CLOSED, Refused
from simlet.domain.service import Terms


class RentalState(Enum):
    """Where a rental stands."""

    WAITING = "waiting"
    RECEIVED = "received"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Rental(NamedTuple):
    """A rental; times are UTC milliseconds, `number` is E.164.

    Attributes:
        again: it was rented by naming the number of an earlier rental that got its code.
        closed_at_ms: when it left `waiting`; None before.
        listening: whether its time lasts still.
        extensions: how often its time was lengthened.
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
    extensions: int = 0

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

    def cancel(self, now_ms: int) -> "Rental":
        """The rental that its dealer gave up.

        Raises:
            Refused: RENTAL_CLOSED, when it does not wait any more.
        """
        return self._close(RentalState.CANCELLED, now_ms, listening=False)

    def extend(self, terms: Terms, now_ms: int) -> "Rental":
        """The rental with its time lengthened once.

        Raises:
            Refused: NOT_EXTENDABLE, with the reason.
        """
        if self.state is not RentalState.WAITING:
            raise Refused(NOT_EXTENDABLE, reason="it does not wait any more")
        if now_ms >= self.deadline_at_ms:
            raise Refused(NOT_EXTENDABLE, reason="its time is over")
        if not terms.extend_s:
            raise Refused(NOT_EXTENDABLE, reason="its service allows no extension")
        if self.extensions >= terms.extend_times:
            raise Refused(NOT_EXTENDABLE, reason="it was extended as often as its service allows")
        deadline_at_ms = self.deadline_at_ms + terms.extend_s * 1000
        return self._replace(deadline_at_ms=deadline_at_ms, extensions=self.extensions + 1)

    def _close(self, state: RentalState, now_ms: int, *, listening: bool) -> "Rental":
        if self.state is not RentalState.WAITING:
            raise Refused(RENTAL_CLOSED)
        return self._replace(state=state, closed_at_ms=now_ms, listening=listening)

    @property
    def waits(self) -> bool:
        """Whether it waits for its code."""
        return self.state is RentalState.WAITING

    @property
    def end_ms(self) -> int:
        """When its time ends: at the deadline, or with the cancel."""
        if self.state is RentalState.CANCELLED and self.closed_at_ms is not None:
            return min(self.deadline_at_ms, self.closed_at_ms)
        return self.deadline_at_ms

    def was_open_at(self, earliest_ms: int, latest_ms: int, now_ms: int) -> bool:
        """Whether a message sent at some moment from `earliest_ms` to `latest_ms` was in its time.

        The time runs from the renting, included, to the deadline, excluded; a cancelled rental's
        ends with the cancel, and where that came in the same millisecond it never was open. One
        that begins ahead of now began before the clock was set back. How long before, nobody
        knows: it is taken to be as long ago as its beginning lies ahead.
        """
        began_ms = min(self.created_at_ms, 2 * now_ms - self.created_at_ms)
        return began_ms <= latest_ms and max(began_ms, earliest_ms) < self.end_ms
