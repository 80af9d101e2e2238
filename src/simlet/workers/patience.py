"""Waits for the missing parts of long messages, and no longer than it should."""

from simlet.flows.give_up_parts import give_up_parts
from simlet.runtime import Runtime
from simlet.workers.beat import Beat

BATCH = 100
PAUSE_S = 1.0


def patience(runtime: Runtime) -> Beat:
    """The worker that gives up waiting."""

    async def work() -> bool:
        patience_s = runtime.settings.parts.patience_s
        now_ms = runtime.clock.now_ms()
        return await runtime.db.write(give_up_parts, now_ms, patience_s, BATCH) == BATCH

    return Beat("patience", work, PAUSE_S, runtime.clock)
