"""A server's side of the wire, made up: what the client sends is kept, canned answers go back."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from simlet.client import AsyncClient, Client, Retries
from simlet.client.conduct import Conduct, Pace

URL = "http://simlet.test"
TOKEN = "simlet_" + "x" * 36
LOST = httpx2.ReadError
DOWN = httpx2.ConnectError
BALANCE = {"object": "balance", "available_dong": 5, "held_dong": 2}
RENTAL: dict[str, Any] = {
    "object": "rental",
    "id": 1000001,
    "state": "waiting",
    "service_id": 97,
    "service_name": "Yahoo",
    "store": "02",
    "number": "+84967000001",
    "national_number": "0967000001",
    "price_dong": 470,
    "code": None,
    "text": None,
    "sender": None,
    "kind": None,
    "recording_url": None,
    "created_at": "2026-11-23T12:00:00.000Z",
    "deadline_at": "2026-11-23T12:05:00.000Z",
    "cancellable_at": "2026-11-23T12:00:00.000Z",
    "closed_at": None,
    "again": False,
    "extensions": 0,
    "extendable": False,
    "metadata": {"order": "A-17"},
    "callback_id": None,
    "request_id": None,
    "report": None,
}
RECEIVED = RENTAL | {"state": "received", "code": "529310", "kind": "sms"}
EXPIRED = RENTAL | {"state": "expired"}
REQUEST: dict[str, Any] = {
    "object": "request",
    "id": 5,
    "state": "queued",
    "service_id": 97,
    "networks": [],
    "prefixes": [],
    "prefixes_unwanted": [],
    "max_price_dong": None,
    "ahead": 0,
    "created_at": "2026-11-23T12:00:00.000Z",
    "deadline_at": "2026-11-23T12:05:00.000Z",
    "closed_at": None,
    "rental_id": None,
    "refusal": None,
    "metadata": {},
    "callback_id": None,
}

Canned = httpx2.Response | type[httpx2.RequestError]


def ok(body: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


def problem(
    status: int, code: str, *, retry_after_s: int | None = None, **more: Any
) -> httpx2.Response:
    """A problem document, with `Retry-After` where it is given."""
    body = {
        "type": f"urn:simlet:problem:{code}",
        "title": "A title.",
        "status": status,
        "detail": "A detail.",
        "code": code,
        "remedy": "A remedy.",
        "errors": [],
        "retry_after_s": retry_after_s,
        **more,
    }
    headers = {"content-type": "application/problem+json", "request-id": "r-1"}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return httpx2.Response(status, content=msgspec.json.encode(body), headers=headers)


@dataclass
class Wire:
    """Answers in their order; the last one is given again.

    Attributes:
        sent: the requests that came.
        pauses: how long the client slept in between.
        now_s: the client's clock: it moves by its pauses, and by what each answer takes.
        took_s: how long each answer takes, of the `wait_s` that was asked for.
    """

    answers: list[Canned]
    sent: list[httpx2.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now_s: float = 1000.0
    took_s: Callable[[float], float] = float

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        self.now_s += self.took_s(float(request.url.params.get("wait_s", "0")))
        canned = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(canned, httpx2.Response):
            # A fresh one each time: an answer is used up by the client that reads it.
            return httpx2.Response(
                canned.status_code, headers=canned.headers, content=canned.content
            )
        raise canned("a test", request=request)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def keys(self) -> list[str | None]:
        return [one.headers.get("idempotency-key") for one in self.sent]

    def lines(self) -> list[str]:
        """What was asked for, as `GET /v1/…?…`."""
        return [f"{one.method} {one.url.raw_path.decode()}" for one in self.sent]

    def body(self, place: int = -1) -> Any:
        return msgspec.json.decode(self.sent[place].content)

    @property
    def conduct(self) -> Conduct:
        return Conduct(Retries(), Pace(now=lambda: self.now_s, chance=lambda: 1.0))


class Blocking:
    """`Client`, as tests drive it."""

    def client(self, wire: Wire) -> Client:
        http = httpx2.Client(transport=httpx2.MockTransport(wire))
        return Client(URL, TOKEN, http=http, conduct=wire.conduct, sleep=wire.sleep)

    def call(self, wire: Wire, name: str, *args: Any, **named: Any) -> Any:
        with self.client(wire) as client:
            return getattr(client, name)(*args, **named)

    def then(self, wire: Wire, thing: Any, name: str, **named: Any) -> Any:
        thing.__dict__["client"] = self.client(wire)
        return getattr(thing, name)(**named)

    def take(self, wire: Wire, count: int, name: str, **named: Any) -> list[Any]:
        """So many of what a method gives one by one."""
        with self.client(wire) as client:
            return list(_first(getattr(client, name)(**named), count))


class Asyncio:
    """`AsyncClient`, driven in the same way."""

    def client(self, wire: Wire) -> AsyncClient:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(wire))
        return AsyncClient(URL, TOKEN, http=http, conduct=wire.conduct, sleep=wire.asleep)

    def call(self, wire: Wire, name: str, *args: Any, **named: Any) -> Any:
        async def run() -> Any:
            async with self.client(wire) as client:
                return await getattr(client, name)(*args, **named)

        return asyncio.run(run())

    def then(self, wire: Wire, thing: Any, name: str, **named: Any) -> Any:
        async def run() -> Any:
            thing.__dict__["client"] = self.client(wire)
            return await getattr(thing, name)(**named)

        return asyncio.run(run())

    def take(self, wire: Wire, count: int, name: str, **named: Any) -> list[Any]:
        async def run() -> list[Any]:
            async with self.client(wire) as client:
                found: list[Any] = []
                each = getattr(client, name)(**named)
                async for one in each:
                    found.append(one)
                    if len(found) == count:
                        break
                await each.aclose()
                return found

        return asyncio.run(run())


Driven = Blocking | Asyncio


def _first(each: Iterator[Any], count: int) -> Iterator[Any]:
    for _, one in zip(range(count), each, strict=False):
        yield one
