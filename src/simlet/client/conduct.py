"""How calls are made: what is sent, what is tried again, what is waited for.

Everything here is written once, as generators: they yield what is to be done (`Send`, `Pause`) and
are told how it went. `Client` and `AsyncClient` do it, each in its own way.
"""

import contextlib
import random
import re
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx2
import msgspec

from simlet.client import operations
from simlet.client.answers import (
    FILLED,
    QUEUED,
    RECEIVED,
    WAITING,
    Page,
    Rental,
    Request,
    Service,
)
from simlet.client.operations import Call
from simlet.client.problems import (
    OUT_OF_STOCK,
    PROBLEM_TYPE,
    RATE_LIMITED,
    SERVICE_UNAVAILABLE,
    NoCode,
    Problem,
    SimletError,
    StillWaiting,
    Unreachable,
    problem_of,
    problem_with,
)

T = TypeVar("T")

LONG_POLL_S = 50
"""How long one wait is: many proxies end a connection on which nothing came for a minute."""

NEXT_CURSOR = "next-cursor"
"""The header of a table that goes on."""

_SERVICE_ID = re.compile(r"(?:(\d{1,2})\.)?(\d{1,9})", re.ASCII)
_AGAIN = frozenset({429, 502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "POST"})
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried again, and how soon.

    Attributes:
        attempts: how often at most, the first time counted.
        first_s: the longest pause before the second; the next ones double.
        most_s: no pause grows beyond it.
        patience_s: where the server asks for a longer pause than this, its refusal is raised.
    """

    attempts: int = 5
    first_s: float = 0.5
    most_s: float = 8.0
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock and the chance of a client; tests have their own.

    Attributes:
        now: seconds on a clock that never goes back.
        chance: a fraction from 0 to 1.
    """

    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Send:
    """To be done: this call, with these headers beside the usual ones."""

    call: Call[Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Pause:
    """To be done: nothing, for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """How a `Send` went: the server's answer."""

    status: int
    headers: httpx2.Headers
    body: bytes

    def retry_after_s(self) -> float | None:
        """What `Retry-After` asks for; None without it (or where it is a date)."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None

    def passes(self) -> bool:
        """Whether it is one that goes away by itself, so that another try may fare better."""
        if self.status != 429:
            return self.status in _AGAIN
        # Other limits (rentals that wait, pauses between rentals) are answers for the caller.
        if not self.headers.get("content-type", "").startswith(PROBLEM_TYPE):
            return True
        return self.error().code == RATE_LIMITED

    def error(self) -> Problem:
        """The exception for an answer that is no success."""
        request_id = self.headers.get("request-id")
        return problem_of(
            self.status, self.body, retry_after_s=self.retry_after_s(), request_id=request_id
        )


@dataclass(frozen=True, slots=True)
class Lost:
    """How a `Send` went: no answer came."""

    cause: httpx2.RequestError

    def error(self) -> SimletError:
        """The exception for it."""
        words = str(self.cause) or type(self.cause).__name__
        return Unreachable(f"The server did not answer: {words}")


Went = Reply | Lost
Steps = Generator[Send | Pause, Went | None, T]


@dataclass(frozen=True, slots=True)
class Conduct:
    """How one client behaves."""

    retries: Retries = field(default_factory=Retries)
    pace: Pace = field(default_factory=Pace)

    def answer(self, call: Call[T]) -> Steps[T]:
        """The answer to one call, however often it has to be tried.

        Raises:
            Problem: the server refused it, or goes on failing.
            Unreachable: no answer came.
        """
        reply = yield from self._reply(call)
        return _decoded(call, reply)

    def table(self, call: Call[str]) -> Steps[str]:
        """All pages of a CSV table as one, with its head once.

        Raises:
            Problem: the server refused a page; a part of a table is never given.
            Unreachable: no answer came.
        """
        reply = yield from self._reply(call)
        parts = [_decoded(call, reply)]
        while cursor := reply.headers.get(NEXT_CURSOR):
            reply = yield from self._reply(replace(call, query=call.query | {"cursor": cursor}))
            _, _, rows = _decoded(call, reply).partition("\n")
            parts.append(rows)
        return "".join(parts)

    def _reply(self, call: Call[Any]) -> Steps[Reply]:
        # The key is the same in every try: a rental is not rented twice because an answer was lost.
        key = call.key or uuid.uuid4().hex
        headers = {"idempotency-key": key} if call.method == "POST" else {}
        tried = 1
        while True:
            went = yield Send(call, headers)
            if went is None:
                raise TypeError("a Send is answered with how it went")
            if isinstance(went, Reply) and went.status < 300:
                return went
            pause_s = self.pause_s(call, went, tried)
            if pause_s is None:
                raise _told(went)
            yield Pause(pause_s)
            tried += 1

    def pause_s(self, call: Call[Any], went: Went, tried: int) -> float | None:
        """How long to pause before the next try; None: there is none.

        Args:
            call: what was asked for.
            went: how it went.
            tried: how often it was tried so far.
        """
        if tried >= self.retries.attempts or not _worth_another(call, went):
            return None
        asked_s = went.retry_after_s() if isinstance(went, Reply) else None
        if asked_s is not None and asked_s > self.retries.patience_s:
            return None
        return (asked_s or 0.0) + self.jitter_s(tried)

    def jitter_s(self, tried: int) -> float:
        """A pause by chance, longer the more often it was tried (exponential, full jitter)."""
        longest_s = min(self.retries.most_s, self.retries.first_s * 2.0 ** min(tried - 1, 30))
        return longest_s * self.pace.chance()

    def rent(self, call: Call[Rental | Request]) -> Steps[Rental]:
        """Rents; where there is no stock and the call asks for it, waits in the queue first.

        Raises:
            OutOfStock: no line became free in time.
            Problem: another refusal.
        """
        body = dict(call.body or {})
        service = body.get("service")
        if isinstance(service, str):
            body["service"] = yield from self._service_id(service)
        taken = yield from self.answer(replace(call, body=body))
        if isinstance(taken, Rental):
            return taken
        try:
            while taken.state == QUEUED:
                taken = yield from self.answer(operations.request(taken.id, wait_s=LONG_POLL_S))
            if taken.state == FILLED and taken.rental_id is not None:
                return (yield from self.answer(operations.rental(taken.rental_id)))
        except GeneratorExit:
            raise  # nothing can be sent any more
        except BaseException:
            # Whoever does not wait any more must not pay for a line that nobody knows of.
            with contextlib.suppress(SimletError):
                yield from self._leave(taken)
            raise
        raise _unfilled(taken)

    def _leave(self, queued: Request) -> Steps[None]:
        left = yield from self.answer(operations.cancel_request(queued.id))
        if left.rental_id is not None:
            yield from self.answer(operations.cancel(left.rental_id))

    def _service_id(self, named: str) -> Steps[int]:
        """The id of a service that is spelled as `97`, `02.97` or by its name."""
        wanted = named.strip()
        page = yield from self.answer(operations.services())
        known_as = [one for one in page.data if one.name.casefold() == wanted.casefold()]
        if spelled := _SERVICE_ID.fullmatch(wanted):
            return _spelled_id(named, spelled, page.data, known_as)
        if len(known_as) != 1:
            reason = "Several services have" if known_as else "There is no service with"
            raise problem_with(SERVICE_UNAVAILABLE, f"{reason} the name {named!r}.")
        return known_as[0].id

    def wait(self, rental: Rental, timeout_s: float | None) -> Steps[Rental]:
        """A rental when it does not wait any more.

        Args:
            rental: as it was last seen.
            timeout_s: how long to wait at most; None waits until the rental ends.

        Raises:
            StillWaiting: the time-out passed.
        """
        end = None if timeout_s is None else self.pace.now() + timeout_s
        while rental.state == WAITING:
            began = self.pace.now()
            left_s = LONG_POLL_S if end is None else max(0.0, end - began)
            asked_s = int(min(LONG_POLL_S, left_s))
            if not asked_s:
                yield Pause(left_s)
            rental = yield from self.answer(operations.rental(rental.id, wait_s=asked_s))
            if rental.state != WAITING:
                break
            now = self.pace.now()
            if end is not None and now >= end:
                raise StillWaiting(rental)
            if now - began < asked_s / 2:
                # A server that stops answers its waits at once; it is not asked in a hurry.
                yield Pause(min(1.0, left_s))
        return rental


def next_page(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    """The call for what stands behind a page; None where it was the last."""
    if page.next_cursor is None:
        return None
    return replace(call, query=call.query | {"cursor": page.next_cursor})


def code_of(rental: Rental) -> str:
    """The code of a rental that has ended.

    Raises:
        NoCode: it has none.
    """
    if rental.state != RECEIVED or rental.code is None:
        raise NoCode(rental)
    return rental.code


def _decoded(call: Call[T], reply: Reply) -> T:
    if call.answer is None or call.answer is str:
        return reply.body.decode("utf-8") if call.answer else None  # type: ignore[return-value]
    try:
        decoded: T = msgspec.json.decode(reply.body, type=call.answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise reply.error() from None
    return decoded


def _told(went: Went) -> SimletError:
    error = went.error()
    if isinstance(went, Lost):
        error.__cause__ = went.cause
    return error


def _worth_another(call: Call[Any], went: Went) -> bool:
    if isinstance(went, Lost):
        if isinstance(went.cause, httpx2.LocalProtocolError):
            return False  # it is not sent the next time either
        return call.method in _IDEMPOTENT or isinstance(went.cause, _NEVER_SENT)
    # Any fault may be a change that was done, and only its answer was lost.
    if went.status != 429 and call.method not in _IDEMPOTENT:
        return False
    return went.passes()


def _spelled_id(
    named: str, spelled: re.Match[str], services: list[Service], known_as: list[Service]
) -> int:
    """The id in a text that is spelled as one, where it cannot mean another service."""
    store, service_id = spelled[1], int(spelled[2])
    if any(one.id != service_id for one in known_as):
        reason = f"{named!r} may be an id, and is the name of service {known_as[0].id}."
        raise problem_with(SERVICE_UNAVAILABLE, f"{reason} Say which by STORE.ID, or by a number.")
    if store is not None:
        strays = [one for one in services if one.id == service_id and one.store != store.zfill(2)]
        if strays:
            reason = f"Service {service_id} is of store {strays[0].store}: not {named!r}."
            raise problem_with(SERVICE_UNAVAILABLE, reason)
    return service_id


def _unfilled(ended: Request) -> SimletError:
    if ended.refusal is not None:
        return problem_with(ended.refusal, f"Request {ended.id} was refused: {ended.refusal}.")
    return problem_with(OUT_OF_STOCK, f"No line became free in time: request {ended.state}.")
