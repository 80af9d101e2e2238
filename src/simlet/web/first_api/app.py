"""The first API: whatever happens, the answer is 200 with one object of JSON.

Polls are most of all calls, so that it passes neither through a web framework nor, where the
request is a plain one, through ASGI.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from simlet.domain.errors import Refused, invalid
from simlet.domain.phone import parse_number
from simlet.flows import browse
from simlet.flows.describe_event import is_read
from simlet.flows.hold import Order
from simlet.flows.pace_rent_again import pace_rent_again
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.log import get_log
from simlet.reads import FIRST_API
from simlet.runtime import Runtime
from simlet.store.rental_views import RentalView
from simlet.store.slices import read_slices
from simlet.web.asgi import Disconnected, Receive, Scope, Send, answer_json, watched
from simlet.web.auth import bearer, token_hash
from simlet.web.first_api import bodies
from simlet.web.first_api.bodies import Body, ErrorBody
from simlet.web.first_api.query import Query
from simlet.web.first_api.refusals import FAULT, answer_to
from simlet.web.lists import Lists
from simlet.web.recordings import recording_url
from simlet.web.whole import Answer, Request

_log = get_log("first_api")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its query, its token's hash, the order id of its header; whether nobody waits."""

    query: Query
    token_hash: bytes
    order_header: str
    is_gone: Callable[[], bool]


Handler = Callable[[Call], Awaitable[Body]]


@dataclass(frozen=True, slots=True)
class Method:
    """How a method answers, and the shape of its errors."""

    handler: Handler
    error_body: ErrorBody


@dataclass(slots=True)
class FirstApi:
    """The methods of the first API."""

    runtime: Runtime
    lists: Lists
    _shows: dict[str, Method] = field(init=False)
    _paths: dict[str, Method] = field(init=False)
    _unknown_show: Method = field(init=False)
    _unknown_path: Method = field(init=False)

    def __post_init__(self) -> None:
        self._shows = {
            "balance": Method(self._balance, bodies.plain_error),
            "networks": Method(self._networks, bodies.plain_error),
            "service": Method(self._services, bodies.services_error),
            "code": Method(self._code, bodies.code_error),
            "history": Method(self._history, bodies.plain_error),
        }
        self._paths = {
            "register-service": Method(self._rent, bodies.rent_error),
            "rephone": Method(self._rent_again, bodies.rent_error),
        }
        self._unknown_show = Method(self._no_show, bodies.plain_error)
        self._unknown_path = Method(self._no_path, bodies.plain_error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request to `/api` or below over ASGI; its body is not read."""
        method = scope["method"]
        head = (method, scope["path"], scope["query_string"], scope["headers"])
        with watched(receive) as is_gone:
            answer = await self.answer(Request(*head, is_gone=is_gone))
        await answer_json(send, answer.status, answer.body, head=method == "HEAD")

    async def answer(self, request: Request) -> Answer:
        """Answers one request to `/api` or below."""
        return Answer(200, bodies.encode(await self._answer(request)))

    async def _answer(self, request: Request) -> Body:
        method = self._unknown_show
        try:
            name = request.path.removeprefix("/api").strip("/").lower()
            method = self._paths.get(name, self._unknown_path) if name else method
            query = Query(request.query)
            if not name:
                method = self._shows.get(query.text("show").lower(), method)
            return await method.handler(_call(request, query))
        except Refused as refused:
            return method.error_body(*answer_to(refused))
        except Disconnected:
            return method.error_body(*FAULT)
        except Exception:  # noqa: BLE001 - logged, and the rest goes on
            _log.exception("call_failed", path=request.path[:64])
            return method.error_body(*FAULT)

    async def _balance(self, call: Call) -> Body:
        account = await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        return bodies.plain({"balance": account.available_dong})

    async def _networks(self, call: Call) -> Body:
        networks = await self.runtime.db.quick_read(browse.networks_for, call.token_hash)
        return bodies.plain([{"id": one, "name": name} for one, name in networks])

    async def _services(self, call: Call) -> Body:
        account, listed = await self.runtime.db.read(browse.rentable_services, call.token_hash)
        return bodies.services(listed, account.tier)

    async def _code(self, call: Call) -> Body:
        rental_id = call.query.rental_id("id", "requestid")
        rental = await self.runtime.db.quick_read(
            browse.rental_with_code, call.token_hash, rental_id
        )
        self._told([rental])
        return bodies.code(rental, recording_url(self.runtime, rental))

    async def _history(self, call: Call) -> Body:
        account = await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        wanted = call.query.history()
        async with self.lists.turn(account.id, call.is_gone) as db:
            found = await read_slices(
                db.read, wanted.limit, browse.history, call.token_hash, wanted
            )
        self._told(found)
        rows = [bodies.history_row(one, recording_url(self.runtime, one)) for one in found]
        return bodies.plain(rows)

    def _told(self, rentals: Iterable[RentalView]) -> None:
        """Notes whose codes are told."""
        now_ms = self.runtime.clock.now_ms()
        for one in rentals:
            if is_read(one):
                self.runtime.reads.note(one.id, FIRST_API, now_ms)

    async def _rent(self, call: Call) -> Body:
        account = await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        query = call.query
        store, service_id = query.service()
        networks = tuple(sorted({one.upper() for one in query.elements("carries", "carries")}))
        wanted = query.prefixes("yprefix", "yPrefix")
        unwanted = query.prefixes("nprefix", "nPrefix")
        order = _order(call, ["rent", service_id, networks, wanted, unwanted])
        request = RentRequest(account.id, service_id, store, networks, wanted, unwanted, order)
        rented = await self.runtime.db.write(
            rent_number, request, self.runtime.clock.now_ms(), self.runtime.chance
        )
        return bodies.rent(rented)

    async def _rent_again(self, call: Call) -> Body:
        account = await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        query = call.query
        store, service_id = query.service()
        rental_id = query.rental_id("thuesim1")
        if rental_id is None:
            raise invalid("thuesim1", "expected the id of a rental")
        number = parse_number(query.text("phone"), "phone")
        order = _order(call, ["rent_again", service_id, rental_id, number])
        request = RentAgainRequest(account.id, rental_id, number, service_id, store, order)
        now_ms = self.runtime.clock.now_ms()
        await self.runtime.db.write(pace_rent_again, account.id, order, now_ms)
        rented = await self.runtime.db.write(rent_again, request, now_ms)
        return bodies.rent(rented)

    async def _no_show(self, call: Call) -> Body:
        await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        raise invalid("show", "there is no such method")

    async def _no_path(self, call: Call) -> Body:
        await self.runtime.db.quick_read(browse.account_of_token, call.token_hash)
        raise invalid("method", "there is no such method")


def is_first_api(path: str) -> bool:
    """Whether a path is this API's."""
    return path == "/api" or path.startswith("/api/")


def _call(request: Request, query: Query) -> Call:
    token = query.text("token") or bearer(request.header(b"authorization"))
    hashed = token_hash(token)
    # Not HEAD either: who cannot read the answer must not rent.
    if request.method != "GET":
        raise invalid("method", "expected GET")
    return Call(query, hashed, request.header(b"idempotency-key"), request.is_gone)


def _order(call: Call, content: list[object]) -> Order | None:
    order_id = call.query.order_id(call.order_header)
    if order_id is None:
        return None
    return Order(order_id, sha256(msgspec.json.encode(content)).digest())
