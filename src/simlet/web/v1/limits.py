"""How many calls a token may make, and how many answers an account may have held open.

Calls are counted by the generic cell rate algorithm (GCRA). A token has one number: the moment at
which it would have used nothing. Each call moves it one interval on; it may lie as far ahead as a
burst takes. Each process counts for itself.
Source: ITU-T I.371, annex A; draft-ietf-httpapi-ratelimit-headers for the headers.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

from simlet.domain.errors import OPEN_LIMIT, Refused
from simlet.web.asgi import Headers

MOST_TOKENS = 65_536


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call is within the limit.

    Attributes:
        left: calls that may follow at once.
        full_in_s: seconds until nothing of the limit is used.
        wait_s: seconds until the next call is within it; 0 for one that is.
    """

    left: int
    full_in_s: float
    wait_s: float

    @property
    def admitted(self) -> bool:
        """Whether it may be answered."""
        return self.wait_s <= 0


@dataclass(slots=True)
class Limits:
    """The use that tokens make of their limit; the least recent are forgotten when there are many.

    Attributes:
        calls_per_s: so many in the long run.
        burst: so many at once.
    """

    calls_per_s: float
    burst: int
    _full_at_s: OrderedDict[bytes, float] = field(default_factory=OrderedDict)

    def count(self, token: bytes, now_s: float, calls: int = 1) -> Verdict:
        """Counts a call, or one that costs as much as several; beyond the limit it uses nothing.

        None costs more than a burst.
        """
        interval_s = 1 / self.calls_per_s
        cost_s = min(calls, self.burst) * interval_s
        room_s = self.burst * interval_s
        begun_s = max(self._full_at_s.get(token, now_s), now_s)
        full_at_s = begun_s + cost_s
        # A call that comes a rounding error early is in time.
        wait_s = full_at_s - now_s - room_s
        if wait_s > interval_s / 1000:
            return Verdict(0, begun_s - now_s, wait_s)
        self._full_at_s[token] = full_at_s
        self._full_at_s.move_to_end(token)
        if len(self._full_at_s) > MOST_TOKENS:
            self._full_at_s.popitem(last=False)
        left = int((room_s - (full_at_s - now_s)) / interval_s + 0.001)
        return Verdict(left, full_at_s - now_s, 0.0)

    def headers(self, verdict: Verdict) -> Headers:
        """`RateLimit-Policy` and `RateLimit`."""
        window_s = ceil(self.burst / self.calls_per_s)
        policy = f'"default";q={self.burst};w={window_s}'
        left = f'"default";r={verdict.left};t={ceil(verdict.full_in_s)}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


@dataclass(slots=True)
class OpenCalls:
    """What is held open in this process.

    Attributes:
        limit: the most of one account.
    """

    limit: int
    _open: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def one_more(self, account_id: int) -> Iterator[None]:
        """Counts one for as long as it is open.

        Raises:
            Refused: OPEN_LIMIT.
        """
        if self._open[account_id] >= self.limit:
            raise Refused(OPEN_LIMIT, limit=self.limit)
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]
