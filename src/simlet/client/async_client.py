"""The client for programs on asyncio; its methods are those of `Client`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import httpx2

from simlet.client import operations
from simlet.client.answers import Event, Message, Page, Posting, Rental, Request, TimelineEntry
from simlet.client.client import TIMEOUT_S
from simlet.client.conduct import (
    Conduct,
    Lost,
    Pause,
    Reply,
    Retries,
    Send,
    Steps,
    Went,
    code_of,
    next_page,
)
from simlet.client.connection import connection
from simlet.client.operations import Call
from simlet.client.stream import Position, Reconnects, is_stream, stream_request

P = ParamSpec("P")
T = TypeVar("T")

_Method = Callable[Concatenate["AsyncClient", P], T]


def _answers(make: Callable[P, Call[T]]) -> _Method[P, Coroutine[Any, Any, T]]:
    @wraps(make)
    async def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(self._conduct.answer(make(*args, **kwargs)))

    return run


def _joined(make: Callable[P, Call[str]]) -> _Method[P, Coroutine[Any, Any, str]]:
    @wraps(make)
    async def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> str:
        return await self._run(self._conduct.table(make(*args, **kwargs)))

    return run


def _rents(
    make: Callable[P, Call[Rental | Request]],
) -> _Method[P, Coroutine[Any, Any, "AsyncLiveRental"]]:
    @wraps(make)
    async def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> "AsyncLiveRental":
        return self._live(await self._run(self._conduct.rent(make(*args, **kwargs))))

    return run


def _rental(make: Callable[P, Call[Rental]]) -> _Method[P, Coroutine[Any, Any, "AsyncLiveRental"]]:
    @wraps(make)
    async def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> "AsyncLiveRental":
        return self._live(await self._run(self._conduct.answer(make(*args, **kwargs))))

    return run


def _each(make: Callable[P, Call[Page[T]]]) -> _Method[P, AsyncIterator[T]]:
    @wraps(make)
    def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._each(make(*args, **kwargs))

    return run


def _rentals(
    make: Callable[P, Call[Page[Rental]]],
) -> _Method[P, AsyncIterator["AsyncLiveRental"]]:
    @wraps(make)
    async def run(
        self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator["AsyncLiveRental"]:
        async for one in self._each(make(*args, **kwargs)):
            yield self._live(one)

    return run


def _listed(make: Callable[P, Call[Page[T]]]) -> _Method[P, Coroutine[Any, Any, list[T]]]:
    @wraps(make)
    async def run(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        return [one async for one in self._each(make(*args, **kwargs))]

    return run


class AsyncClient:
    """As `Client`, for asyncio; also an asynchronous context manager.

    Args:
        url: the address of the server; without it `SIMLET_URL`.
        token: the account's; without it `SIMLET_TOKEN`.
        timeout_s: how long an answer may take, beyond what a call waits for on purpose.
        retries: how often and how soon a call that failed is tried again.
        http: an HTTP client of your own (proxies, certificates); it is left open.
        conduct: stands in for `retries` in tests.
        sleep: stands in for the clock in tests.

    Raises:
        NotConfigured: address or token is missing.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: Retries | None = None,
        http: httpx2.AsyncClient | None = None,
        conduct: Conduct | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection(url, token, timeout_s)
        self._conduct = conduct or Conduct(retries or Retries())
        self._owned = http is None
        self._http = http or httpx2.AsyncClient()
        self._sleep = sleep

    rent = _rents(operations.rent)
    rental = _rental(operations.rental)
    rentals = _rentals(operations.rentals)
    cancel = _rental(operations.cancel)
    report = _rental(operations.report)
    extend = _rental(operations.extend)
    messages = _listed(operations.messages)
    ledger = _listed(operations.ledger)
    timeline = _listed(operations.timeline)
    requests = _each(operations.requests)
    request = _answers(operations.request)
    cancel_request = _answers(operations.cancel_request)
    services = _listed(operations.services)
    networks = _listed(operations.networks)
    balance = _answers(operations.balance)
    account = _answers(operations.account)
    statement = _each(operations.statement)
    statement_csv = _joined(operations.statement_csv)
    event_page = _answers(operations.event_page)
    callbacks = _listed(operations.callbacks)
    callback = _answers(operations.callback)
    add_callback = _answers(operations.add_callback)
    change_callback = _answers(operations.change_callback)
    remove_callback = _answers(operations.remove_callback)
    attempts = _each(operations.attempts)
    test_callback = _answers(operations.test_callback)
    replay = _answers(operations.replay)

    def events(
        self, *, after: str | None = None, types: Sequence[str] = ()
    ) -> AsyncGenerator[Event, None]:
        """As `Client.events`. Leave it with `contextlib.aclosing`, or let the loop close it.

        Raises:
            ValueError: `after` is not the id of an event.
            Problem: the server refuses the stream.
            Unreachable: there was no first connection, after all the tries.
        """
        return self._follow(Position(after, types), Reconnects(self._conduct))

    async def wait(self, rental: Rental, *, timeout_s: float | None = None) -> "AsyncLiveRental":
        """As `Client.wait`.

        Raises:
            StillWaiting: `timeout_s` passed; without it the rental's own time is waited for.
        """
        return self._live(await self._run(self._conduct.wait(rental, timeout_s)))

    async def close(self) -> None:
        """Ends the connections."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _live(self, rental: Rental) -> "AsyncLiveRental":
        return _live(rental, self)

    async def _run(self, steps: Steps[T], went: Went | None = None) -> T:
        """Does what the steps ask for; an interruption is told to them before it goes on."""
        try:
            while True:
                step = steps.send(went)
                try:
                    went = await self._do(step)
                except BaseException as interruption:  # noqa: BLE001 - raised again by the steps
                    step = steps.throw(interruption)
                    # In a task of its own: whoever cancels this one may cancel it again.
                    rest = asyncio.ensure_future(self._finish(steps, step))
                    return await asyncio.shield(rest)
        except StopIteration as end:
            return cast("T", end.value)

    async def _finish(self, steps: Steps[T], step: Send | Pause) -> T:
        return await self._run(steps, await self._do(step))

    async def _do(self, step: Send | Pause) -> Went | None:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            answer = await self._http.request(**self._connection.request(step.call, step.headers))
        except httpx2.RequestError as error:
            return Lost(error)
        return Reply(answer.status_code, answer.headers, answer.content)

    async def _each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        behind: Call[Page[T]] | None = call
        while behind is not None:
            page = await self._run(self._conduct.answer(behind))
            for one in page.data:
                yield one
            behind = next_page(behind, page)

    async def _follow(self, position: Position, tries: Reconnects) -> AsyncGenerator[Event, None]:
        while True:
            went: list[Went] = []
            try:
                async with aclosing(self._told(position, tries, went)) as told:
                    async for event in told:
                        yield event
            except httpx2.RequestError as error:
                went.append(Lost(error))
            await self._sleep(tries.pause_s(went[0] if went else None))

    async def _told(
        self, position: Position, tries: Reconnects, refused: list[Went]
    ) -> AsyncGenerator[Event, None]:
        """What one connection tells; an answer that refuses it is put into `refused`."""
        async with self._http.stream(**stream_request(self._connection, position)) as answer:
            if not is_stream(answer):
                refused.append(Reply(answer.status_code, answer.headers, await answer.aread()))
                return
            tries.connected()
            async for told in httpx2.EventSource(answer):
                event = position.take(told)
                if event is not None:
                    yield event


class AsyncLiveRental(Rental, frozen=True, dict=True):
    """As `LiveRental`, for asyncio."""

    @property
    def _client(self) -> AsyncClient:
        return cast("AsyncClient", self.__dict__["client"])

    async def wait_for_code(self, *, timeout_s: float | None = None) -> str:
        """The code, as soon as it is there.

        Args:
            timeout_s: how long to wait at most; None waits until the rental ends.

        Raises:
            NoCode: the rental ended without one; its price is back.
            StillWaiting: the time-out passed; the rental waits on.
        """
        return code_of(await self.wait(timeout_s=timeout_s))

    async def wait(self, *, timeout_s: float | None = None) -> "AsyncLiveRental":
        """This rental when it does not wait any more.

        Raises:
            StillWaiting: the time-out passed.
        """
        return await self._client.wait(self, timeout_s=timeout_s)

    async def refresh(self) -> "AsyncLiveRental":
        """This rental as it is now."""
        return await self._client.rental(self.id)

    async def cancel(self) -> "AsyncLiveRental":
        """Ends it and gives the price back; with its code, if that came meanwhile.

        Raises:
            Conflict: it is too early; see `cancellable_at`.
        """
        return await self._client.cancel(self.id)

    async def report(self, reason: str, *, note: str | None = None) -> "AsyncLiveRental":
        """Says that the line does not work; reasons as in `operations.report`."""
        return await self._client.report(self.id, reason, note=note)

    async def extend(self) -> "AsyncLiveRental":
        """Gives it more time, where its service allows it.

        Raises:
            Conflict: it cannot be extended.
        """
        return await self._client.extend(self.id)

    async def messages(self) -> list[Message]:
        """All that came in on it."""
        return await self._client.messages(self.id)

    async def ledger(self) -> list[Posting]:
        """Its money, oldest first."""
        return await self._client.ledger(self.id)

    async def timeline(self) -> list[TimelineEntry]:
        """What happened to it, in order."""
        return await self._client.timeline(self.id)


def _live(rental: Rental, client: AsyncClient) -> AsyncLiveRental:
    made = AsyncLiveRental(**{name: getattr(rental, name) for name in rental.__struct_fields__})
    # Beside its fields: two rentals that say the same are equal, whoever asked for them.
    made.__dict__["client"] = client
    return made
