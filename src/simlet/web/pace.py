"""A pace that each account has to keep, per process: one call in so many seconds."""

import math
from collections import OrderedDict

from simlet.domain.errors import TOO_SOON, Refused

MAX_REMEMBERED = 100_000


class Pace:
    """Lets one call through in each interval, for each account."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last_s: OrderedDict[int, float] = OrderedDict()

    def step(self, account_id: int, monotonic_s: float) -> None:
        """Counts a call.

        Raises:
            Refused: TOO_SOON, with the whole seconds to wait; such a call does not count.
        """
        last_s = self._last_s.get(account_id)
        if last_s is not None and monotonic_s - last_s < self._interval_s:
            wait_s = math.ceil(self._interval_s - (monotonic_s - last_s))
            raise Refused(TOO_SOON, wait_s=wait_s)
        self._last_s[account_id] = monotonic_s
        self._last_s.move_to_end(account_id)
        if len(self._last_s) > MAX_REMEMBERED:
            self._last_s.popitem(last=False)
