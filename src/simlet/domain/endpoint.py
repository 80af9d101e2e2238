"""Endpoints: where a dealer is called back, of what, in which form."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from simlet.domain.errors import invalid
from simlet.domain.events import DEALER_EVENTS, EventKind

ALL_EVENTS = "*"
MOST_ACTIVE = 20
"""So many endpoints of its own an account may have."""
LONGEST_OLD_SECRET_S = 7 * 86_400
FAILS_BEFORE_REST = 5
"""So many failures in a row send an endpoint to rest."""
_FIRST_REST_MS, _LONGEST_REST_MS = 10_000, 300_000


class EndpointScope(Enum):
    """What an endpoint is told of: its whole account, or the rentals that name it."""

    ACCOUNT = "account"
    RENTAL = "rental"


class EndpointState(Enum):
    """Whether an endpoint is called."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REMOVED = "removed"


class BodyFormat(Enum):
    """What the body of a callback looks like."""

    FIRST_API = "first_api"
    V1 = "v1"


FIRST_API_EVENTS = frozenset({EventKind.RENTAL_RECEIVED, EventKind.RENTAL_EXPIRED})
"""The body of the first API has words for these alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a dealer's, and how it does.

    Attributes:
        failover_url: takes every other attempt after the first.
        events: the names of the events that it is told, or `*` alone for all.
        secret: signs every callback.
        old_secret: signs beside it until its time is over; two with a blank between, the newer
            one first, where the secret was replaced again meanwhile.
        disabled_reason: `asked`, `gone` (it answered 410) or `failing`.
        failing_since_ms: the first failure after the last success.
        fails_in_row: how many attempts failed since the last success.
        resting_until_ms: until then only codes are tried.
        after_seq: the last event when it was added: it is told of what comes behind that. 0 of
            one that rentals name, as those begin after it.
    """

    id: int
    account_id: int
    scope: EndpointScope
    url: str
    failover_url: str | None
    events: tuple[str, ...]
    format: BodyFormat
    secret: str
    old_secret: str | None
    old_secret_until_ms: int | None
    state: EndpointState
    disabled_reason: str | None
    created_at_ms: int
    failing_since_ms: int | None
    fails_in_row: int
    resting_until_ms: int | None
    after_seq: int = 0

    def was_there_before(self, seq: int) -> bool:
        """Whether it was there before the event of this number."""
        return seq > self.after_seq

    def removed(self) -> "Endpoint":
        """The endpoint once its dealer removed it: nothing of it is kept but that it was there."""
        return replace(
            self,
            state=EndpointState.REMOVED,
            url="",
            failover_url=None,
            secret="",
            old_secret=None,
            old_secret_until_ms=None,
        )

    def can_tell(self, kind: EventKind) -> bool:
        """Whether its format has words for an event."""
        if self.format is BodyFormat.FIRST_API:
            return kind in FIRST_API_EVENTS or kind is EventKind.CALLBACK_TEST
        return kind in DEALER_EVENTS

    def takes(self, kind: EventKind) -> bool:
        """Whether it is told of an event; of a test only the endpoint under test is."""
        if kind is EventKind.CALLBACK_TEST or not self.can_tell(kind):
            return False
        return self.events == (ALL_EVENTS,) or kind.value in self.events

    def old_secret_at(self, now_ms: int) -> str | None:
        """What else signs, while it does; see `old_secret`."""
        until_ms = self.old_secret_until_ms
        return self.old_secret if until_ms is not None and now_ms < until_ms else None

    def rests_at(self, now_ms: int) -> bool:
        """Whether it is left alone, but for codes."""
        return self.resting_until_ms is not None and now_ms < self.resting_until_ms


def check_events(names: Collection[str], body_format: BodyFormat) -> tuple[str, ...]:
    """The events of an endpoint, each once and in a steady order.

    Raises:
        Refused: INVALID; there is none, or one that is not to be had.
    """
    told = set(names)
    if not told:
        raise invalid("events", 'expected at least one event, or ["*"] for all')
    if told == {ALL_EVENTS}:
        return (ALL_EVENTS,)
    known = FIRST_API_EVENTS if body_format is BodyFormat.FIRST_API else DEALER_EVENTS
    if not told <= {one.value for one in known}:
        listed = ", ".join(sorted(one.value for one in known))
        raise invalid("events", f'expected ["*"], or some of: {listed}')
    return tuple(sorted(told))


def rest_ms(fails_in_row: int) -> int:
    """How long an endpoint rests after so many failures in a row; 0: not at all."""
    if fails_in_row < FAILS_BEFORE_REST:
        return 0
    # Beyond a few doublings the longest is reached.
    doublings = min(fails_in_row - FAILS_BEFORE_REST, 10)
    return min(_LONGEST_REST_MS, _FIRST_REST_MS << doublings)
