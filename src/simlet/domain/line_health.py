"""When a line leaves the pool, for how long it rests, and when it comes back.

A line is in the pool while it has no reason to be out of it. Whatever may change that (rentals that
failed, a message, what the equipment tells, a gateway that went down) asks for a look at the line,
at once or after a while; `look_at` is that look, and nothing else moves a line.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from simlet.domain.health import Reception

_DAY_MS = 86_400_000
_VIETNAM_MS = 7 * 3_600_000


class OutReason(Enum):
    """Why a line is out of the pool.

    Attributes:
        FAILING: so many of its rentals in a row expired without any message that it rests.
        UNHEARD: its equipment says that it cannot receive.
        GATEWAY_DOWN: its gateway is not connected to its other side.
    """

    FAILING = "failing"
    UNHEARD = "unheard"
    GATEWAY_DOWN = "gateway_down"


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """The operator's limits.

    Attributes:
        fails_before_rest: so many failing rentals in a row send a line to rest.
        rest_s: the first rest; each further one in a row is twice as long.
        longest_rest_s: no rest is longer.
        grace_s: how long a line or a gateway may be unable to receive before it counts.
    """

    fails_before_rest: int
    rest_s: int
    longest_rest_s: int
    grace_s: int

    def rest_ms(self, rests: int) -> int:
        """How long a line rests that has rested `rests` times since it was last heard."""
        # Doubled 30 times, a second is 34 years: more doublings change nothing.
        longest_s = max(self.rest_s, self.longest_rest_s)
        return min(self.rest_s << min(rests, 30), longest_s) * 1000

    @property
    def grace_ms(self) -> int:
        """`grace_s` in milliseconds."""
        return self.grace_s * 1000


@dataclass(frozen=True, slots=True)
class LineStanding:
    """What decides whether a line is in the pool.

    Attributes:
        out: why it is out; None when it is in the pool.
        reception: what its equipment tells; None when that told nothing.
        fails_in_row: rentals that failed since it was last heard, or came back.
        rests: how often it was sent to rest since it was last heard.
        gateway_out: its gateway is down, for longer than the grace.
        look_at_ms: when it is to be looked at again; None when nothing asks for it.
    """

    out: OutReason | None = None
    reception: Reception | None = None
    fails_in_row: int = 0
    rests: int = 0
    gateway_out: bool = False
    look_at_ms: int | None = None

    @property
    def can_receive(self) -> bool:
        """Whether its equipment has nothing to say against it."""
        return self.reception in {None, Reception.READY}


def must_rest(fails_in_row: int, rests: int, rules: PoolPolicy) -> bool:
    """Whether a line has failed often enough; one that came back from a rest has one chance."""
    return fails_in_row >= (1 if rests else rules.fails_before_rest)


def look_at(line: LineStanding, rules: PoolPolicy, now_ms: int) -> LineStanding:
    """How a line stands after it was looked at, `look_at_ms` having passed."""
    if line.gateway_out:
        return _looked_at_while_gateway_is_out(line)
    match line.out:
        case None:
            return _looked_at_in_pool(line, rules, now_ms)
        case OutReason.FAILING:
            return _looked_at_resting(line, rules, now_ms)
        case OutReason.UNHEARD | OutReason.GATEWAY_DOWN:
            if line.can_receive:
                return _back(line, rules, now_ms)
            return replace(line, out=OutReason.UNHEARD, look_at_ms=None)


def _looked_at_while_gateway_is_out(line: LineStanding) -> LineStanding:
    # A rest goes on: what comes after it is seen when it ends.
    return replace(line, out=OutReason.GATEWAY_DOWN, look_at_ms=None)


def _looked_at_in_pool(line: LineStanding, rules: PoolPolicy, now_ms: int) -> LineStanding:
    if must_rest(line.fails_in_row, line.rests, rules):
        until_ms = now_ms + rules.rest_ms(line.rests)
        return replace(line, out=OutReason.FAILING, rests=line.rests + 1, look_at_ms=until_ms)
    if not line.can_receive:
        return replace(line, out=OutReason.UNHEARD, look_at_ms=None)
    return replace(line, look_at_ms=None)


def _looked_at_resting(line: LineStanding, rules: PoolPolicy, now_ms: int) -> LineStanding:
    # Only a message ends the count of rests, and it ends the rest as well.
    if line.rests == 0 or line.can_receive:
        return _back(line, rules, now_ms)
    return replace(line, out=OutReason.UNHEARD, look_at_ms=None)


def _back(line: LineStanding, rules: PoolPolicy, now_ms: int) -> LineStanding:
    # Heard, and yet its equipment says no: it has the grace to say otherwise.
    again_ms = None if line.can_receive else now_ms + rules.grace_ms
    return replace(line, out=None, fails_in_row=0, look_at_ms=again_ms)


def look_after_report(
    before: LineStanding, now: Reception, rules: PoolPolicy, now_ms: int
) -> int | None:
    """When a line is to be looked at, once its equipment has told how it receives `now`."""
    ready = now is Reception.READY
    if before.out is OutReason.UNHEARD:
        return now_ms if ready else None
    if before.out is not None:
        return before.look_at_ms
    if must_rest(before.fails_in_row, before.rests, rules):
        return before.look_at_ms
    if ready:
        return None
    # A look that is asked for already was asked for when it stopped receiving.
    return now_ms + rules.grace_ms if before.look_at_ms is None else before.look_at_ms


def day_of(at_ms: int) -> int:
    """The number of the day in Vietnam (UTC+7, without summer time) since 1970."""
    return (at_ms + _VIETNAM_MS) // _DAY_MS


class HealthRecord(NamedTuple):
    """What came of a line's or a gateway's rentals and messages.

    Attributes:
        heard_at_ms: its last message; None when there was none.
        day, messages_today: so many messages on that day; see `day_of`.
        fails_in_row: rentals that failed since it was last heard.
        rests: how often it was sent to rest since it was last heard.
        released_dong: what its silence cost: the prices of failing rentals, given back.
    """

    heard_at_ms: int | None = None
    day: int = 0
    messages_today: int = 0
    fails_in_row: int = 0
    rests: int = 0
    released_dong: int = 0

    def after_message(self, at_ms: int) -> "HealthRecord":
        """With a message: whatever it says, it shows that messages reach the line."""
        today = day_of(at_ms)
        heard_at_ms = at_ms if self.heard_at_ms is None else max(at_ms, self.heard_at_ms)
        day, count = self.day, self.messages_today
        if today >= day:
            day, count = today, 1 if today > day else count + 1
        return HealthRecord(heard_at_ms, day, count, 0, 0, self.released_dong)

    def after_failure(self, released_dong: int) -> "HealthRecord":
        """With a rental that expired, and no message came while it was open."""
        return self._replace(
            fails_in_row=self.fails_in_row + 1,
            released_dong=self.released_dong + released_dong,
        )

    def heard_since(self, at_ms: int) -> bool:
        """Whether a message came at that time or later."""
        return self.heard_at_ms is not None and self.heard_at_ms >= at_ms


def is_silent(fails_in_row: int, heard_at_ms: int | None, peers_heard_at_ms: int | None) -> bool:
    """Whether a line or a gateway is silent against its peers.

    It is when rentals failed on it since it was last heard, and one of its peers was heard since:
    so it is not that nothing was sent. A line's peers are the lines of its gateway, or all lines
    when it has none; a gateway's are the gateways of its kind, or all when it is the only one.
    """
    if fails_in_row == 0 or peers_heard_at_ms is None:
        return False
    return heard_at_ms is None or peers_heard_at_ms > heard_at_ms
