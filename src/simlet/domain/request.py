"""The request: a place in the queue for a line, while none that fits is free.

`queued → filled / refused / expired / cancelled`; no price is held before a line is given.
"""

from dataclasses import dataclass
from enum import Enum

from simlet.domain.extras import Extras


class RequestState(Enum):
    """Where a request stands."""

    QUEUED = "queued"
    FILLED = "filled"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


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
