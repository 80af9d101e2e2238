"""Posts callbacks: reads the event log, posts what is due, records how it went.

Durable: the queue is a table, filled in the transaction that reads the log. At least once: an
attempt that nobody recorded is made again after its lease.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from simlet.domain.inbound import MessageKind
from simlet.domain.rental import RentalState
from simlet.flows.deliver_callbacks import (
    Delivery,
    Room,
    claim_callbacks,
    headers_for,
    queue_callbacks,
    record_attempt,
)
from simlet.log import get_log
from simlet.outbound import Poster
from simlet.runtime import Runtime
from simlet.store.rentals import RentalView
from simlet.workers.beat import Beat

RecordingUrl = Callable[[RentalView], str | None]

QUEUE_PAGE = 1000
PAUSE_S = 0.2
STOP_GRACE_S = 1.0
_LEASE_MARGIN_S = 30
_ACCOUNTS_AT_LEAST = 4

_log = get_log("callbacks")


def queueing(runtime: Runtime) -> Beat:
    """The worker that numbers events and queues callbacks from them."""

    async def work() -> bool:
        return await runtime.db.write(queue_callbacks, QUEUE_PAGE) == QUEUE_PAGE

    return Beat("callback_queue", work, PAUSE_S, runtime.clock)


@dataclass(slots=True)
class Posting:
    """The worker that posts what is due.

    An account has at most a quarter of the places, so that one whose address never answers does
    not hold up the others.
    """

    runtime: Runtime
    poster: Poster
    recording_url: RecordingUrl
    _beat: Beat = field(init=False)
    _under_way: dict[asyncio.Task[None], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._beat = Beat("callback_posts", self._turn, PAUSE_S, self.runtime.clock)

    async def start(self) -> None:
        """Begins."""
        await self._beat.start()

    async def stop(self) -> None:
        """Ends; posts under way have a moment to be answered, or are made again later."""
        await self._beat.stop()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_GRACE_S)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self.poster.close()

    async def _turn(self) -> bool:
        room = self._room()
        if room.places < 1:
            return False
        lease_s = int(self.runtime.settings.callbacks.timeout_s) + _LEASE_MARGIN_S
        now_ms = self.runtime.clock.now_ms()
        for delivery in await self.runtime.db.write(claim_callbacks, now_ms, lease_s, room):
            task = asyncio.create_task(self._post(delivery))
            self._under_way[task] = delivery.callback.account_id
            task.add_done_callback(self._under_way.pop)
        return False

    def _room(self) -> Room:
        all_places = self.runtime.settings.callbacks.concurrency
        return Room(
            places=all_places - len(self._under_way),
            per_account=max(1, all_places // _ACCOUNTS_AT_LEAST),
            under_way=Counter(self._under_way.values()),
        )

    async def _post(self, delivery: Delivery) -> None:
        try:
            await self._post_and_record(delivery)
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            # Not recorded, so it is made again after its lease.
            _log.exception("callback_failed", callback=delivery.callback.id)

    async def _post_and_record(self, delivery: Delivery) -> None:
        body = callback_body(delivery.rental, self.recording_url(delivery.rental))
        headers = headers_for(delivery, body, self.runtime.clock.now_ms())
        answer = await self.poster.post(
            delivery.url, body, {"content-type": "application/json", **headers}
        )
        state = await self.runtime.db.write(
            record_attempt,
            delivery.callback,
            answer.status,
            answer.error,
            self.runtime.clock.now_ms(),
        )
        _log.info(
            "callback_posted",
            callback=delivery.callback.id,
            rental=delivery.rental.id,
            attempt=delivery.callback.attempts,
            status=answer.status,
            error=answer.error,
            state=state,
        )


def callback_body(rental: RentalView, recording_url: str | None) -> bytes:
    """What the contract's callback says of a rental that got its code, or expired."""
    received = rental.state is RentalState.RECEIVED
    is_call = rental.message_kind == MessageKind.CALL.value
    content = recording_url if is_call else rental.text
    return msgspec.json.encode(
        {
            "data": {
                "status": 1 if received else 2,
                "requestId": str(rental.id),
                "code": rental.code if received else None,
                "smsContent": content if received else None,
                "isSound": "true" if is_call else "false",
            }
        }
    )
