"""Probe lines: those whose time has come are looked at, and go where they belong.

Nothing is sent: simlet has no way to send an SMS. A line that comes back from a rest is on
probation: the next rental that fails on it sends it to rest again, for twice as long.
"""

from simlet.domain.line_health import PoolPolicy
from simlet.flows.place_lines import place_lines
from simlet.store import health
from simlet.store.sql import Tx


def lines_due(tx: Tx, now_ms: int) -> bool:
    """Whether any line is to be looked at now: a read, so that nobody is kept from writing."""
    return bool(health.due_lines(tx, now_ms, 1))


def probe_lines(tx: Tx, rules: PoolPolicy, now_ms: int, limit: int) -> int:
    """Looks at up to `limit` lines whose time has come; how many it were."""
    return place_lines(tx, health.due_lines(tx, now_ms, limit), rules, now_ms)
