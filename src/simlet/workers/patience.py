"""Waits for the missing parts of long messages, and no longer than it should."""

from dataclasses import dataclass, field
from functools import partial

from simlet.flows.give_up_parts import give_up_parts, overdue_parts
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.store.sql import Raised
from simlet.workers.periodic_task import PeriodicTask

BATCH = 100
PAUSE_S = 1.0
AGAIN_S = 60.0
"""One that failed is tried again after this time, and holds up no other till then."""

_log = get_log("workers")


def patience(runtime: Runtime) -> PeriodicTask:
    """The worker that gives up waiting."""
    return PeriodicTask("patience", _Patience(runtime).turn, PAUSE_S, runtime.clock)


@dataclass(slots=True)
class _Patience:
    """Makes messages of what is overdue.

    Attributes:
        _failed: messages that could not be made, by their ids, and when to try again.
    """

    runtime: Runtime
    _failed: dict[int, float] = field(default_factory=dict)

    async def turn(self) -> bool:
        """One batch, in one commit, each undone alone if it fails; True when there may be more."""
        now_ms, now_s = self.runtime.clock.now_ms(), self.runtime.clock.monotonic_s()
        self._failed = {one: at_s for one, at_s in self._failed.items() if at_s > now_s}
        patience_s, limit = self.runtime.settings.parts.patience_s, BATCH + len(self._failed)
        overdue = await self.runtime.db.read(overdue_parts, now_ms, patience_s, limit)
        due = [one for one in overdue if one not in self._failed][:BATCH]
        if not due:
            return False
        outcomes = await self.runtime.db.write_all(partial(give_up_parts, now_ms=now_ms), due)
        for long_message_id, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, Raised):
                self._failed[long_message_id] = now_s + AGAIN_S
                # Only its type: what a fault says may hold a piece of the text.
                fault = type(outcome.error).__name__
                _log.error("parts_not_joined", long_message=long_message_id, fault=fault)
        return len(due) == BATCH
