"""Posts callbacks: reads the event log, posts what is due, records how it went.

Durable: the queue is a table, filled in the transaction that moves on in the log. At least once: an
attempt that nobody recorded is made again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil

import msgspec

from simlet.domain.inbound import MessageKind
from simlet.domain.rental import RentalState
from simlet.feed import Waiter
from simlet.flows.deliver_callbacks import (
    Capacity,
    Delivery,
    DeliveryRound,
    headers_for,
    look_ahead,
    reclaim_callbacks,
    under_way,
    work_callbacks,
)
from simlet.flows.describe_event import EventDetail, is_read
from simlet.flows.note_attempts import AttemptResult
from simlet.log import get_log
from simlet.outbound import Answer, Poster
from simlet.reads import CALLBACK
from simlet.runtime import Runtime
from simlet.store.rental_views import RentalView
from simlet.workers.periodic_task import AFTER_FAULT_S

RecordingUrl = Callable[[RentalView], str | None]
EventBody = Callable[[EventDetail], bytes]
Work = Callable[[], Awaitable[float]]

PAGE = 1000
LONGEST_PAUSE_S = 5.0
"""So often it looks whether anything is due, whatever it was told."""
STOP_GRACE_S = 1.0
LEASE_MARGIN_S = 30
_ACCOUNTS_AT_LEAST = 4
_OWN_PLACES = 4
MOST_ANSWERING = 1000
"""Of so many endpoints it is remembered that they answer: each rental may name one of its own."""
_TEST_BODY = msgspec.json.encode(
    {
        "data": {
            "status": 2,
            "requestId": "0",
            "code": None,
            "smsContent": None,
            "isSound": "false",
        }
    }
)

_log = get_log("callbacks")


@dataclass(slots=True)
class CallbackWorker:
    """The worker of callbacks; one process alone has it.

    An event is posted as soon as the feed tells of it. An account has at most a quarter of the
    places, and always some of its own; an address that does not answer has one at a time. So
    nobody holds up others.
    """

    runtime: Runtime
    poster: Poster
    recording_url: RecordingUrl
    event_body: EventBody
    _task: asyncio.Task[None] | None = None
    _stopping: bool = False
    _news: Waiter | None = None
    _under_way: dict[asyncio.Task[None], Delivery] = field(default_factory=dict)
    _ended: list[AttemptResult] = field(default_factory=list)
    _answering: dict[int, None] = field(default_factory=dict)
    _last_account: int = 0
    _seen: int = 0
    _next_at_ms: int | None = 0
    _turned_ms: int = 0

    async def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name="callbacks")

    async def stop(self) -> None:
        """Ends; posts under way have a moment to be answered, or are made again later."""
        self._stopping = True
        if self._news is not None:
            self._news.ring()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_GRACE_S)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._ended:
            await _attempted(self._record)
        await self.poster.close()

    async def _run(self) -> None:
        with self.runtime.feed.anything() as news:
            self._news = news
            work: Work = self._reclaim
            while not (self._stopping or news.ended):
                pause_s = await _attempted(work)
                if pause_s is None:
                    await self.runtime.clock.sleep(AFTER_FAULT_S)
                    continue
                work = self._work
                await news.wait(pause_s)

    async def _reclaim(self) -> float:
        """What a process that was killed had under way is due at once."""
        await self.runtime.db.write(reclaim_callbacks, self.runtime.clock.now_ms())
        return 0.0

    async def _work(self) -> float:
        """One turn of work; seconds until there is more to do, if nobody rings before."""
        now_ms = self.runtime.clock.now_ms()
        if not (self._ended or self._is_due(now_ms) or self._is_long_ago(now_ms)):
            glimpse = await self.runtime.db.quick_read(look_ahead, self._seen, PAGE)
            if not glimpse.work:
                self._seen = glimpse.seq
                return 0.0 if glimpse.more else self._pause_s(now_ms)
        turn = await self._turn(self._room(), now_ms)
        self._seen, self._next_at_ms, self._turned_ms = turn.seq, turn.next_at_ms, now_ms
        for delivery in turn.deliveries:
            task = asyncio.create_task(self._post(delivery))
            self._under_way[task] = delivery
            task.add_done_callback(self._leave)
        if turn.deliveries:
            self._last_account = turn.deliveries[-1].callback.account_id
        if turn.more:
            self._next_at_ms = now_ms
        return self._pause_s(now_ms)

    def _is_due(self, now_ms: int) -> bool:
        return self._next_at_ms is not None and self._next_at_ms <= now_ms

    def _is_long_ago(self, now_ms: int) -> bool:
        return abs(now_ms - self._turned_ms) >= LONGEST_PAUSE_S * 1000

    def _pause_s(self, now_ms: int) -> float:
        if self._next_at_ms is None:
            return LONGEST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(0, self._next_at_ms - now_ms) / 1000)

    async def _turn(self, capacity: Capacity, now_ms: int) -> DeliveryRound:
        """Records what ended, and takes what is due; nothing that ended is lost by a fault."""
        ended, self._ended = self._ended, []
        lease_s = self.runtime.settings.callbacks.timeout_s + LEASE_MARGIN_S
        try:
            turn = await self.runtime.db.write(
                work_callbacks, ended, capacity, now_ms, lease_s=lease_s, page=PAGE, seen=self._seen
            )
        except Exception:
            self._ended = ended + self._ended
            raise
        for one in ended:
            _tell(one, turn.outcomes[one.callback.id])
        return turn

    async def _record(self) -> float:
        """Records what ended, and takes nothing."""
        await self._turn(Capacity(places=0, per_account=0), self.runtime.clock.now_ms())
        return 0.0

    def _room(self) -> Capacity:
        all_places = self.runtime.settings.callbacks.concurrency
        by_account, by_endpoint = under_way(self._under_way.values())
        return Capacity(
            places=all_places - len(self._under_way),
            per_account=ceil(all_places / _ACCOUNTS_AT_LEAST),
            by_account=by_account,
            by_endpoint=by_endpoint,
            answering=frozenset(self._answering),
            after_account=self._last_account,
            own=_OWN_PLACES,
        )

    async def _post(self, delivery: Delivery) -> None:
        try:
            began_ms = self.runtime.clock.now_ms()
            body = self._body(delivery)
            headers = headers_for(delivery, body, began_ms)
            answer = await self.poster.post(
                delivery.url, body, {"content-type": "application/json", **headers}
            )
            self._note(delivery, answer, began_ms)
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            # Not recorded, so it is made again after its lease.
            _log.exception("callback_failed", callback=delivery.callback.id)
        finally:
            self._leave(asyncio.current_task())
        # Whoever is woken must find the place empty.
        if self._news is not None:
            self._news.ring()

    def _leave(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            self._under_way.pop(task, None)

    def _note(self, delivery: Delivery, answer: Answer, began_ms: int) -> None:
        # Behind all others, as those that answered longest ago are forgotten first.
        self._answering.pop(delivery.callback.endpoint_id, None)
        if answer.accepted:
            self._answering[delivery.callback.endpoint_id] = None
            self._note_read(delivery)
        if len(self._answering) > MOST_ANSWERING:
            del self._answering[next(iter(self._answering))]
        self._ended.append(
            AttemptResult(
                delivery.callback,
                began_ms,
                answer.duration_ms,
                answer.status,
                answer.error,
                answer.retry_after,
                answer.text,
                delivery.failover,
            )
        )

    def _note_read(self, delivery: Delivery) -> None:
        """Notes the code that a post has told."""
        read = None if delivery.detail is None else delivery.detail.code_of
        if delivery.view is not None and is_read(delivery.view):
            read = delivery.view.id
        if read is not None:
            self.runtime.reads.note(read, CALLBACK, self.runtime.clock.now_ms())

    def _body(self, delivery: Delivery) -> bytes:
        if delivery.detail is not None:
            return self.event_body(delivery.detail)
        if delivery.view is not None:
            return callback_body(delivery.view, self.recording_url(delivery.view))
        return _TEST_BODY


async def _attempted(work: Work) -> float | None:
    """The pause after some work; None when it failed."""
    try:
        return await work()
    except Exception:  # noqa: BLE001 - logged, and the rest goes on
        _log.exception("worker_failed", worker="callbacks")
        return None


def _tell(ended: AttemptResult, outcome: str) -> None:
    _log.info(
        "callback_posted",
        callback=ended.callback.id,
        endpoint=ended.callback.endpoint_id,
        rental=ended.callback.rental_id,
        attempt=ended.callback.attempts,
        status=ended.status,
        error=ended.error,
        outcome=outcome,
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
