"""Erases what messages said once the operator's hours are over."""

from simlet.flows.forget_old import forget_old
from simlet.runtime import Runtime
from simlet.workers.beat import Beat

BATCH = 500
PAUSE_S = 30.0


def housekeeping(runtime: Runtime) -> Beat:
    """The worker that forgets."""

    async def work() -> bool:
        hours = runtime.settings.retention.texts_hours
        count = await runtime.db.write(forget_old, runtime.clock.now_ms(), hours, BATCH)
        return count == BATCH

    return Beat("housekeeping", work, PAUSE_S, runtime.clock)
