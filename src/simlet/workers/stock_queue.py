"""Gives lines to those who queue for them, in their turn."""

from simlet.flows.fill_requests import (
    FillOutcome,
    QueuedRequest,
    any_queued,
    expire_requests,
    fill_request,
    queue_to_serve,
)
from simlet.runtime import Runtime
from simlet.store.requests import Queue
from simlet.workers.periodic_task import PeriodicTask

BATCH = 200
PAUSE_S = 0.25


def stock_queue(runtime: Runtime) -> PeriodicTask:
    """The worker that serves the queues for stock."""

    async def work() -> bool:
        # Nearly always nobody queues: then nobody is kept from writing.
        if not await runtime.db.quick_read(any_queued):
            return False
        await _expire(runtime)
        return await serve(runtime)

    return PeriodicTask("stock_queue", work, PAUSE_S, runtime.clock)


async def serve(runtime: Runtime) -> bool:
    """One turn for each who queues and may rent now; True when there are more than were served.

    Those who keep their places hold up nobody behind them, however many they are.
    """
    served: dict[Queue, int | None] = {}
    kept: set[tuple[Queue, int]] = set()
    filled = False
    while not filled:
        standing = await runtime.db.read(queue_to_serve, runtime.clock.now_ms(), BATCH, served)
        if not standing:
            break
        for one in standing:
            if served.get(one.queue, 0) is None:
                continue
            turn = await _turn(runtime, one, kept)
            served[one.queue] = None if turn is FillOutcome.DRY else one.request_id
            filled = filled or turn is FillOutcome.FILLED
    return filled


async def _turn(runtime: Runtime, one: QueuedRequest, kept: set[tuple[Queue, int]]) -> FillOutcome:
    """A request's turn; where another of its account kept its place just now, so does this."""
    if (one.queue, one.account_id) in kept:
        return FillOutcome.KEPT
    now_ms = runtime.clock.now_ms()
    turn = await runtime.db.write(fill_request, one.request_id, now_ms, runtime.chance)
    if turn is FillOutcome.KEPT:
        kept.add((one.queue, one.account_id))
    return turn


async def _expire(runtime: Runtime) -> None:
    now_ms = runtime.clock.now_ms()
    while await runtime.db.write(expire_requests, now_ms, BATCH) == BATCH:
        pass
