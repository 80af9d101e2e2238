"""The client for programs that wait in place."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import wraps
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

import httpx2

from simlet.client import operations
from simlet.client.answers import Event, Message, Page, Posting, Rental, Request, TimelineEntry
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

TIMEOUT_S = 10.0


def _answers(make: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(self._conduct.answer(make(*args, **kwargs)))

    return run


def _joined(make: Callable[P, Call[str]]) -> Callable[Concatenate["Client", P], str]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> str:
        return self._run(self._conduct.table(make(*args, **kwargs)))

    return run


def _rents(
    make: Callable[P, Call[Rental | Request]],
) -> Callable[Concatenate["Client", P], "LiveRental"]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> "LiveRental":
        return self._live(self._run(self._conduct.rent(make(*args, **kwargs))))

    return run


def _rental(make: Callable[P, Call[Rental]]) -> Callable[Concatenate["Client", P], "LiveRental"]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> "LiveRental":
        return self._live(self._run(self._conduct.answer(make(*args, **kwargs))))

    return run


def _each(
    make: Callable[P, Call[Page[T]]],
) -> Callable[Concatenate["Client", P], Iterator[T]]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._each(make(*args, **kwargs))

    return run


def _rentals(
    make: Callable[P, Call[Page[Rental]]],
) -> Callable[Concatenate["Client", P], Iterator["LiveRental"]]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator["LiveRental"]:
        return map(self._live, self._each(make(*args, **kwargs)))

    return run


def _listed(make: Callable[P, Call[Page[T]]]) -> Callable[Concatenate["Client", P], list[T]]:
    @wraps(make)
    def run(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        return list(self._each(make(*args, **kwargs)))

    return run


class Client:
    """A client of one server, for one account; also a context manager. Threads may share it.

    What each method takes and gives is told by the operation of the same name.

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
        http: httpx2.Client | None = None,
        conduct: Conduct | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection(url, token, timeout_s)
        self._conduct = conduct or Conduct(retries or Retries())
        self._owned = http is None
        self._http = http or httpx2.Client()
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

    def events(self, *, after: str | None = None, types: Sequence[str] = ()) -> Iterator[Event]:
        """What happens, as it happens, without an end.

        A connection that breaks is made again, and the next event is the one behind the last: none
        is skipped and none is told twice.

        Args:
            after: begin behind this event, as `evt_9`; without it with what comes now.
            types: only these, as `rental.received`; without it all.

        Raises:
            ValueError: `after` is not the id of an event.
            Problem: the server refuses the stream.
            Unreachable: there was no first connection, after all the tries.
        """
        return self._follow(Position(after, types), Reconnects(self._conduct))

    def wait(self, rental: Rental, *, timeout_s: float | None = None) -> "LiveRental":
        """A rental when it does not wait any more, without asking again and again.

        Raises:
            StillWaiting: `timeout_s` passed; without it the rental's own time is waited for.
        """
        return self._live(self._run(self._conduct.wait(rental, timeout_s)))

    def close(self) -> None:
        """Ends the connections."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _live(self, rental: Rental) -> "LiveRental":
        return _live(rental, self)

    def _run(self, steps: Steps[T]) -> T:
        """Does what the steps ask for; an interruption is told to them before it goes on."""
        went: Went | None = None
        try:
            while True:
                step = steps.send(went)
                try:
                    went = self._do(step)
                except BaseException as interruption:  # noqa: BLE001 - raised again by the steps
                    step = steps.throw(interruption)
                    went = self._do(step)
        except StopIteration as end:
            return cast("T", end.value)

    def _do(self, step: Send | Pause) -> Went | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            answer = self._http.request(**self._connection.request(step.call, step.headers))
        except httpx2.RequestError as error:
            return Lost(error)
        return Reply(answer.status_code, answer.headers, answer.content)

    def _each(self, call: Call[Page[T]]) -> Iterator[T]:
        behind: Call[Page[T]] | None = call
        while behind is not None:
            page = self._run(self._conduct.answer(behind))
            yield from page.data
            behind = next_page(behind, page)

    def _follow(self, position: Position, tries: Reconnects) -> Iterator[Event]:
        while True:
            went: Went | None
            try:
                went = yield from self._told(position, tries)
            except httpx2.RequestError as error:
                went = Lost(error)
            self._sleep(tries.pause_s(went))

    def _told(self, position: Position, tries: Reconnects) -> Generator[Event, None, Reply | None]:
        """What one connection tells; then the answer that refused it, or None."""
        with self._http.stream(**stream_request(self._connection, position)) as answer:
            if not is_stream(answer):
                return Reply(answer.status_code, answer.headers, answer.read())
            tries.connected()
            for told in httpx2.EventSource(answer):
                event = position.take(told)
                if event is not None:
                    yield event
        return None


class LiveRental(Rental, frozen=True, dict=True):
    """A rental as it was last seen, with what can be done with it.

    It does not change by itself: every method gives it anew.
    """

    @property
    def _client(self) -> Client:
        return cast("Client", self.__dict__["client"])

    def wait_for_code(self, *, timeout_s: float | None = None) -> str:
        """The code, as soon as it is there.

        Args:
            timeout_s: how long to wait at most; None waits until the rental ends.

        Raises:
            NoCode: the rental ended without one; its price is back.
            StillWaiting: the time-out passed; the rental waits on.
        """
        return code_of(self.wait(timeout_s=timeout_s))

    def wait(self, *, timeout_s: float | None = None) -> "LiveRental":
        """This rental when it does not wait any more.

        Raises:
            StillWaiting: the time-out passed.
        """
        return self._client.wait(self, timeout_s=timeout_s)

    def refresh(self) -> "LiveRental":
        """This rental as it is now."""
        return self._client.rental(self.id)

    def cancel(self) -> "LiveRental":
        """Ends it and gives the price back; with its code, if that came meanwhile.

        Raises:
            Conflict: it is too early; see `cancellable_at`.
        """
        return self._client.cancel(self.id)

    def report(self, reason: str, *, note: str | None = None) -> "LiveRental":
        """Says that the line does not work; reasons as in `operations.report`."""
        return self._client.report(self.id, reason, note=note)

    def extend(self) -> "LiveRental":
        """Gives it more time, where its service allows it.

        Raises:
            Conflict: it cannot be extended.
        """
        return self._client.extend(self.id)

    def messages(self) -> list[Message]:
        """All that came in on it."""
        return self._client.messages(self.id)

    def ledger(self) -> list[Posting]:
        """Its money, oldest first."""
        return self._client.ledger(self.id)

    def timeline(self) -> list[TimelineEntry]:
        """What happened to it, in order."""
        return self._client.timeline(self.id)


def _live(rental: Rental, client: Client) -> LiveRental:
    made = LiveRental(**{name: getattr(rental, name) for name in rental.__struct_fields__})
    # Beside its fields: two rentals that say the same are equal, whoever asked for them.
    made.__dict__["client"] = client
    return made
