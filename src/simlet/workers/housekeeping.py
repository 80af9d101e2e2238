"""Erases what messages said once the operator's hours are over, and old callbacks."""

from simlet.flows.forget_callbacks import forget_callbacks
from simlet.flows.forget_old import forget_old
from simlet.runtime import Runtime
from simlet.workers.periodic_task import PeriodicTask

BATCH = 500
PAUSE_S = 30.0


def housekeeping(runtime: Runtime) -> PeriodicTask:
    """The worker that forgets."""

    async def work() -> bool:
        kept, now_ms = runtime.settings.retention, runtime.clock.now_ms()
        count = await runtime.db.write(forget_old, now_ms, kept.texts_hours, BATCH)
        callbacks = await runtime.db.write(
            forget_callbacks, now_ms, kept.callbacks_days, kept.texts_hours, BATCH
        )
        return max(count, callbacks) == BATCH

    return PeriodicTask("housekeeping", work, PAUSE_S, runtime.clock)
