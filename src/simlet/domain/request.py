"""The request: a place in the queue for a line, while none that fits is free.

`queued → filled / refused / expired / cancelled`; no price is held before a line is given.
"""

from dataclasses import dataclass, replace
from enum import Enum

from simlet.domain.errors import invalid
from simlet.domain.extras import Extras

MAX_WAIT_S = 3600


class RequestState(Enum):
    """Where a request stands."""

    QUEUED = "queued"
    FILLED = "filled"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a line; see `LineRequest`."""

    networks: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def in_one_order(self) -> "Wanted":
        """The same in the one spelling by which it is compared."""
        return Wanted(
            tuple(sorted({one.upper() for one in self.networks})),
            tuple(sorted(set(self.prefixes))),
            tuple(sorted(set(self.unwanted))),
        )


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A request; times are UTC milliseconds.

    Attributes:
        networks: names of networks, one of which the line must belong to; empty for any.
        wanted: prefixes without the 0, one of which the number must start with; empty for any.
        unwanted: prefixes without the 0 that the number must not start with.
        rental_id: the rental that it became.
        refusal: the code of the refusal that ended it.
    """

    id: int
    account_id: int
    service_id: int
    networks: tuple[str, ...]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    max_price_dong: int | None
    extras: Extras
    state: RequestState
    created_at_ms: int
    deadline_at_ms: int
    closed_at_ms: int | None
    rental_id: int | None
    refusal: str | None

    @property
    def asked(self) -> Wanted:
        """What it asks of the line."""
        return Wanted(self.networks, self.wanted, self.unwanted)

    def filled(self, rental_id: int, now_ms: int) -> "LineRequest":
        """The request once a line was given."""
        return replace(self._closed(RequestState.FILLED, now_ms), rental_id=rental_id)

    def refused(self, code: str, now_ms: int) -> "LineRequest":
        """The request once it was its turn and renting was refused; `code` of the catalogue."""
        return replace(self._closed(RequestState.REFUSED, now_ms), refusal=code)

    def expired(self, now_ms: int) -> "LineRequest":
        """The request after its deadline."""
        return self._closed(RequestState.EXPIRED, now_ms)

    def cancelled(self, now_ms: int) -> "LineRequest":
        """The request that its dealer gave up."""
        return self._closed(RequestState.CANCELLED, now_ms)

    def _closed(self, state: RequestState, now_ms: int) -> "LineRequest":
        if self.state is not RequestState.QUEUED:
            raise ValueError("the request is closed already")
        return replace(self, state=state, closed_at_ms=now_ms)


def check_wait(wait_s: int) -> None:
    """Refuses a time that a request may not be queued for.

    Raises:
        Refused: INVALID.
    """
    if not 1 <= wait_s <= MAX_WAIT_S:
        raise invalid("wait_for_stock_s", f"expected whole seconds from 1 to {MAX_WAIT_S}")
