"""The feed: wakes whoever waits for what the event log tells, and hands events to streams.

One follower a process reads on in the log as soon as something was committed, by whichever process.
It only wakes: who is woken reads the database again. So a waiter first subscribes, then reads, and
then waits; what happens in between has rung already, and no waking is lost.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from simlet.clock import Clock
from simlet.domain.events import DEALER_EVENTS, EventKind
from simlet.flows.describe_event import EventDetail
from simlet.flows.show_events import detail_events
from simlet.log import get_log
from simlet.store.database import Database, Watch
from simlet.store.events import EventHeader, headers_after, last_seq
from simlet.store.sql import DatabaseFault
from simlet.turns import Turns

N = TypeVar("N", bound="Waiter")
Render = Callable[[EventDetail], bytes]

PAGE = 256
FOLLOWER_LIMIT = 128
"""The most events that wait for one stream; one that is further behind reads the database."""

READ_AT_ONCE = 1
"""The most streams that read the database at a time; who is woken must not queue behind them."""

AFTER_FAULT_S = 0.5

_log = get_log("feed")


class Waiter:
    """What one waiter is told: that something may have happened. Used as a context manager.

    Attributes:
        ended: the server stops, or the waiter was let go: answer now.
    """

    __slots__ = ("_bell", "_due_s", "_leave", "_rung", "_timer", "clock", "ended")

    KEEPS_TIMER = False
    """Whether the timer of a wait that was cut short is left for the next one."""

    def __init__(self, clock: Clock, leave: "Callable[[Waiter], None]") -> None:
        self.clock = clock
        self.ended = False
        self._leave = leave
        self._rung = False
        self._bell: asyncio.Future[None] | None = None
        self._timer: asyncio.Task[None] | None = None
        self._due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._leave(self)
        self._stop_timer()

    async def wait(self, timeout_s: float) -> bool:
        """Waits for news, at most so many seconds; whether there was any since the last call.

        It does not wait where there was some already, or where it has ended. One task waits at a
        time.
        """
        due_s = self.clock.monotonic_s() + timeout_s
        try:
            while not (self._rung or self.ended) and self.clock.monotonic_s() < due_s:
                await self._listen(due_s)
        finally:
            if not self.KEEPS_TIMER:
                self._stop_timer()
        rung, self._rung = self._rung, False
        return rung

    async def _listen(self, due_s: float) -> None:
        if self._timer is None or due_s < self._due_s:
            self._stop_timer()
            left_s = due_s - self.clock.monotonic_s()
            self._due_s, self._timer = due_s, asyncio.ensure_future(self.clock.sleep(left_s))
            self._timer.add_done_callback(self._time_up)
        self._bell = asyncio.get_running_loop().create_future()
        try:
            await self._bell
        finally:
            self._bell = None

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _time_up(self, timer: object) -> None:
        if timer is self._timer:
            self._timer = None
            self._strike()

    def _strike(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    def ring(self) -> None:
        """There is news."""
        self._rung = True
        self._strike()

    def end(self) -> None:
        """There will be no more."""
        self.ended = True
        self.ring()


class StreamedEvent(NamedTuple):
    """An event as a stream sends it on; with the rental whose code it tells."""

    seq: int
    frame: bytes
    code_of: int | None


class Follower(Waiter):
    """The news of one stream: its account's events, rendered, as they come.

    Attributes:
        behind: events were left out, or may have been: read on from the database. True at first.
        standing_changed: the account may have been suspended, or a token of it revoked. True at
            first.
    """

    __slots__ = ("_told", "behind", "kinds", "render", "standing_changed")

    KEEPS_TIMER = True

    def __init__(
        self,
        clock: Clock,
        leave: Callable[[Waiter], None],
        kinds: frozenset[EventKind],
        render: Render,
    ) -> None:
        super().__init__(clock, leave)
        self.kinds = kinds
        self.render = render
        self.behind = True
        self.standing_changed = True
        self._told: list[StreamedEvent] = []

    def push(self, told: StreamedEvent) -> None:
        """Adds an event, or falls behind where too many wait."""
        if self.behind:
            return
        if len(self._told) < FOLLOWER_LIMIT:
            self._told.append(told)
            self.ring()
        else:
            self.fall_behind()

    def fall_behind(self) -> None:
        """What waits is left out; the stream reads the database instead."""
        self.behind = self.standing_changed = True
        self._told = []
        self.ring()

    def catch_up(self) -> None:
        """To be called just before the database is read: from now on events are added again."""
        self.behind = False
        self._told = []

    def take(self) -> list[StreamedEvent]:
        """What has come since the last call; some of it may have been read already."""
        told, self._told = self._told, []
        return told


def told(detail: EventDetail, render: Render) -> StreamedEvent:
    """An event, rendered."""
    return StreamedEvent(detail.event.seq, render(detail), detail.code_of)


_STANDING = frozenset({EventKind.ACCOUNT_SUSPENDED, EventKind.TOKEN_REVOKED})


class EventFeed:
    """Follows the event log while somebody waits for it. One in each process.

    Attributes:
        followed: the number of the last event that was followed.
        turns: of each account one stream at a time comes to `reading`.
        reading: is held by each stream that reads the database, while it reads a page.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self.followed = 0
        self.turns = Turns(of_one=1)
        self.reading = asyncio.Semaphore(READ_AT_ONCE)
        self._db = db
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._anything: set[Waiter] = set()
        self._rentals: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._requests: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._accounts: defaultdict[int, set[Waiter]] = defaultdict(set)
        self._followers: defaultdict[int, set[Follower]] = defaultdict(set)
        self._dismissed = False

    async def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name="feed")

    async def stop(self) -> None:
        """Ends; whoever still waits is told."""
        self.dismiss()
        for waiter in self._anything:
            waiter.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def dismiss(self) -> None:
        """Lets dealers' waits and streams end at once, as the web does when the server stops."""
        self._dismissed = True
        for waiter in self._dealers():
            waiter.end()

    def anything(self) -> Waiter:
        """News of any event: what wakes a worker."""
        waiter = Waiter(self._clock, self._anything.discard)
        self._anything.add(waiter)
        self._wanted.set()
        return waiter

    def rental(self, rental_id: int) -> Waiter:
        """News of one rental."""
        return self._news_of(self._rentals, rental_id)

    def request(self, request_id: int) -> Waiter:
        """News of one request for a line."""
        return self._news_of(self._requests, request_id)

    def account(self, account_id: int) -> Waiter:
        """News of an account: of its rentals, its money, its standing."""
        return self._news_of(self._accounts, account_id)

    def follower(self, account_id: int, kinds: frozenset[EventKind], render: Render) -> Follower:
        """The events of an account as they come, of these kinds, for one stream.

        `render` makes an event's frame; it is called once for all streams that name the same.
        """
        follower = Follower(
            self._clock, lambda one: _leave(self._followers, account_id, one), kinds, render
        )
        self._join(self._followers, account_id, follower)
        return follower

    def _news_of(self, by_key: defaultdict[int, set[Waiter]], key: int) -> Waiter:
        waiter = Waiter(self._clock, lambda one: _leave(by_key, key, one))
        self._join(by_key, key, waiter)
        return waiter

    def _join(self, by_key: defaultdict[int, set[N]], key: int, waiter: N) -> None:
        by_key[key].add(waiter)
        self._wanted.set()
        if self._dismissed:
            waiter.end()

    def _dealers(self) -> list[Waiter]:
        by_key: tuple[Any, ...] = (self._rentals, self._requests, self._accounts, self._followers)
        return [waiter for one in by_key for waiting in one.values() for waiter in waiting]

    def _somebody(self) -> bool:
        return bool(self._anything) or self._any_dealer()

    def _any_dealer(self) -> bool:
        return bool(self._rentals or self._requests or self._accounts or self._followers)

    async def _run(self) -> None:
        watch: Watch | None = None
        try:
            while True:
                await self._wanted.wait()
                try:
                    watch = watch or await self._db.watch()
                    await self._follow(watch)
                except DatabaseFault as fault:
                    _log.warning("feed_interrupted", error=str(fault.__cause__ or fault)[:200])
                    await asyncio.sleep(AFTER_FAULT_S)
                except Exception:  # noqa: BLE001 - logged, and the rest goes on
                    _log.exception("feed_failed")
                    await asyncio.sleep(AFTER_FAULT_S)
        finally:
            if watch is not None:
                await watch.close()

    async def _follow(self, watch: Watch) -> None:
        """Follows until nobody waits any more.

        It begins at the end of the log. What was written between somebody's own look and this
        moment would be passed over, so all who are there look once more.
        """
        self.followed = await self._db.quick_read(last_seq)
        self._wake_all()
        while self._somebody():
            await watch.changed()
            await self._read_on()
        self._wanted.clear()

    def _wake_all(self) -> None:
        for waiting in self._followers.values():
            for follower in waiting:
                follower.fall_behind()
        for waiter in (*self._anything, *self._dealers()):
            waiter.ring()

    async def _read_on(self) -> None:
        more = self._any_dealer() or not await self._skip()
        while more:
            more = len(await self._read_page()) == PAGE
            # Where the database answers at once, others have their turn here.
            await asyncio.sleep(0)

    async def _skip(self) -> bool:
        """Goes to the end of the log where only workers wait: they look for themselves.

        False when a dealer has come meanwhile, who may have looked before what this would skip.
        """
        last = await self._db.quick_read(last_seq)
        if self._any_dealer():
            return False
        self._go_on_to(last)
        return True

    def _go_on_to(self, seq: int) -> None:
        if seq > self.followed:
            self.followed = seq
            for waiter in self._anything:
                waiter.ring()

    async def _read_page(self) -> list[EventHeader]:
        page = await self._db.quick_read(headers_after, self.followed, PAGE)
        if page:
            self._go_on_to(page[-1].seq)
            for header in page:
                self._wake(header)
            await self._tell_followers(page)
        return page

    def _wake(self, header: EventHeader) -> None:
        _ring(self._rentals, header.rental_id)
        _ring(self._requests, header.request_id)
        _ring(self._accounts, header.account_id)
        if header.kind in _STANDING:
            for follower in self._followers.get(header.account_id or 0, ()):
                follower.standing_changed = True
                follower.ring()

    async def _tell_followers(self, page: Sequence[EventHeader]) -> None:
        wanted = [
            one.seq
            for one in page
            if one.account_id in self._followers and one.kind in DEALER_EVENTS
        ]
        if not wanted:
            return
        try:
            for detail in await self._db.read(detail_events, wanted):
                self._tell(detail)
        except Exception:
            for waiting in self._followers.values():
                for follower in waiting:
                    follower.fall_behind()
            raise

    def _tell(self, detail: EventDetail) -> None:
        event = detail.event
        rendered: dict[Render, StreamedEvent] = {}
        for follower in self._followers.get(event.account_id or 0, ()):
            if event.kind in follower.kinds:
                if follower.render not in rendered:
                    rendered[follower.render] = told(detail, follower.render)
                follower.push(rendered[follower.render])


def _ring(by_key: Mapping[int, Iterable[Waiter]], key: int | None) -> None:
    for waiter in by_key.get(key or 0, ()):
        waiter.ring()


def _leave(by_key: defaultdict[int, set[Any]], key: int, waiter: Waiter) -> None:
    waiting = by_key[key]
    waiting.discard(waiter)
    if not waiting:
        del by_key[key]
