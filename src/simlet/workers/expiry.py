"""Ends rentals whose deadline has passed, within a second of it."""

from simlet.flows.expire_rentals import expire_rentals
from simlet.runtime import Runtime
from simlet.workers.periodic_task import PeriodicTask

BATCH = 200


def expiry(runtime: Runtime) -> PeriodicTask:
    """The worker that gives prices back."""

    async def work() -> bool:
        expired = await runtime.db.write(expire_rentals, runtime.clock.now_ms(), BATCH)
        return expired.released + expired.deafened == BATCH

    return PeriodicTask("expiry", work, runtime.settings.expiry.tick_s, runtime.clock)
