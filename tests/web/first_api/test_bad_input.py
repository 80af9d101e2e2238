"""Whatever comes in, the first API answers 200 with JSON, and nothing is changed by it."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import aiohttp
import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import conninfo, sql

from simlet.log import configure_log
from simlet.store.database import Database, Engine, Watch, open_database
from simlet.store.sql import Call, DatabaseFault, Sql, Tx
from simlet.testing.site import Reply, Site
from simlet.testing.world import Dealer, World
from simlet.web.first_api.query import MAX_PARAMETERS, MAX_QUERY_BYTES
from simlet.web.protocol import MAX_URL_BYTES
from web.first_api.api import HEADERS, Api, all_rows

pytestmark = pytest.mark.anyio

# One running server takes all examples of a test: it must bear them one after another.
fuzzed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with money, and a service without a number in stock: nothing can be rented."""
    await world.service(4)
    return await world.dealer()


def checked(reply: Reply) -> dict[str, Any]:
    """The body, after what every answer must have was checked."""
    assert reply.status == 200
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
    body: dict[str, Any] = reply.json
    assert isinstance(body, dict)
    assert isinstance(body["status_code"], int)
    assert isinstance(body["message"], str)
    assert body["success"] is (body["status_code"] == 200)
    return body


def invalid(name: str) -> tuple[int, str]:
    return -1, f"Có lỗi: {name} không hợp lệ"


def status_and_text(body: dict[str, Any]) -> tuple[int, str]:
    return body["status_code"], body["message"]


def request(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: simlet.test", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def sent(site: Site, raw_request: bytes) -> dict[str, Any]:
    """The body of the first answer to a request of any bytes."""
    async with asyncio.timeout(20):
        return checked(await site.raw(raw_request))


@asynccontextmanager
async def nothing_changes(world: World) -> AsyncIterator[None]:
    before = await world.db.read(all_rows)
    yield
    assert await world.db.read(all_rows) == before
    assert await world.book_findings() == []


# Any bytes


@fuzzed
@given(query=st.binary(max_size=200))
async def test_any_bytes_as_the_query_are_answered(site: Site, query: bytes) -> None:
    await sent(site, request(b"/api/?" + query))


@fuzzed
@given(path=st.binary(max_size=100))
async def test_any_bytes_as_the_path_are_answered(site: Site, path: bytes) -> None:
    await sent(site, request(b"/api/" + path))


@fuzzed
@given(name=st.binary(max_size=20), value=st.binary(max_size=100))
async def test_any_bytes_as_a_header_are_answered(site: Site, name: bytes, value: bytes) -> None:
    await sent(site, request(b"/api/?show=balance", name + b": " + value))


@fuzzed
@given(method=st.from_regex(rb"[!-~]{1,20}", fullmatch=True))
async def test_any_word_as_the_method_is_answered(site: Site, method: bytes) -> None:
    if method != b"HEAD":  # its answer has no body
        await sent(site, request(b"/api/?show=balance", method=method))


PATHS = ("/api/", "/api/register-service/", "/api/rephone/", "/api/other")
SHOWS = ("balance", "networks", "service", "code", "history", "")
NAMES = [
    "show",
    "ID",
    "requestId",
    "serviceId",
    "carries",
    "yPrefix",
    "nPrefix",
    "orderId",
    "phone",
    "thuesim1",
    "service",
    "status",
    "limit",
    "fromDate",
    "toDate",
    "token",
]
numbers_as_written = st.one_of(
    st.integers(min_value=-(10**400), max_value=10**400).map(str),
    st.floats().map(str),
    st.text("0123456789٠١٢３４５.-+eE|,_ ", max_size=30),
    st.dates().map(str),
)
contents = st.one_of(
    st.binary(max_size=40), numbers_as_written.map(str.encode), st.text(max_size=20).map(str.encode)
)


@fuzzed
@given(
    path=st.sampled_from(PATHS),
    show=st.sampled_from(SHOWS),
    parameters=st.lists(st.tuples(st.sampled_from(NAMES), contents), max_size=6),
    garbled=st.booleans(),
)
async def test_any_parameters_of_a_dealer_are_answered(
    site: Site,
    dealer: Dealer,
    path: str,
    show: str,
    parameters: list[tuple[str, bytes]],
    garbled: bool,
) -> None:
    pairs = "&".join(f"{name}={quote_from_bytes(content)}" for name, content in parameters)
    if garbled:  # percent signs with nothing behind them that fits
        pairs = pairs.replace("%", "%%2")
    async with nothing_changes(site.world):
        await sent(site, request(f"{path}?show={show}&{pairs}&token={dealer.token}".encode()))


HUGE = (
    "1" + "0" * 400,
    "-1",
    "-" + "9" * 30,
    str(2**31),
    str(2**63),
    str(2**64),
    "1e400",
    "NaN",
    "٣",
    "２",
    "²",
    "1" * 5000,
)


async def test_numbers_of_any_size_are_answered(site: Site, dealer: Dealer) -> None:
    paths = ("/api/?show=code&", "/api/?show=history&", *(path + "?" for path in PATHS))
    async with nothing_changes(site.world):
        for name in ("ID", "serviceId", "thuesim1", "phone", "service", "status", "limit"):
            for number in HUGE:
                written = f"{name}={quote_from_bytes(number.encode())}&token={dealer.token}"
                for path in paths:
                    await sent(site, request((path + written).encode()))


async def test_bytes_that_are_no_text_find_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    async with nothing_changes(site.world):
        for garbage in ("%FF", "%00", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%", "%zz"):
            target = f"/api/register-service/?serviceId=4{garbage}&token={dealer.token}"
            assert (await sent(site, request(target.encode())))["status_code"] == -4
            target = f"/api/register-service/?serviceId=4&carries={garbage}&token={dealer.token}"
            assert status_and_text(await sent(site, request(target.encode()))) == invalid("carries")


# Methods


async def test_another_method_is_an_error_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}".encode()

    async with nothing_changes(site.world):
        for method in b"POST PUT PATCH DELETE OPTIONS TRACE PURGE QUERY CONNECT".split():
            body = await sent(site, request(target, method=method))
            assert status_and_text(body) == invalid("method"), method


async def test_an_unknown_method_is_an_error_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}".encode()

    async with nothing_changes(site.world):
        for method in (b"FOO", b"get", b"G\x00T", b"GET/", "GÉT".encode()):
            body = await sent(site, request(target, method=method))
            assert status_and_text(body) == invalid("request"), method
            assert (body["ResponseCode"], body["Message"]) == (-1, body["message"])


async def test_head_gets_the_headers_alone_and_rents_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")

    async with nothing_changes(site.world):
        reply = await site.request(
            "HEAD", f"/api/register-service/?serviceId=4&token={dealer.token}"
        )

    assert (reply.status, reply.raw) == (200, b"")
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS


async def test_a_posted_body_is_not_read(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    path = f"/api/register-service/?serviceId=4&token={dealer.token}"

    async with nothing_changes(site.world):
        for body in (b"", b'{"serviceId":4}', b"serviceId=4", b"\xff\x00", b"x" * 5_000_000):
            reply = await site.request("POST", path, data=io.BytesIO(body))
            assert status_and_text(checked(reply)) == invalid("method")


# Sizes


async def test_a_query_of_a_megabyte_is_refused_by_its_name(site: Site, dealer: Dealer) -> None:
    async with nothing_changes(site.world):
        target = f"/api/?show=balance&token={dealer.token}&x=".encode() + b"y" * 1_000_000
        assert status_and_text(await sent(site, request(target))) == invalid("query")


async def test_a_query_is_taken_up_to_its_limit(site: Site, dealer: Dealer) -> None:
    query = f"show=balance&token={dealer.token}&x="
    longest = query.ljust(MAX_QUERY_BYTES, "y")

    assert (await sent(site, request(f"/api/?{longest}".encode())))["status_code"] == 200
    too_long = await sent(site, request(f"/api/?{longest}y".encode()))
    assert status_and_text(too_long) == invalid("query")


async def test_an_address_of_any_length_is_answered(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&token={dealer.token}&x=".encode()

    async with nothing_changes(site.world):
        for length in (MAX_URL_BYTES, MAX_URL_BYTES + 1, 65_535, 65_536, 2_000_000):
            body = await sent(site, request(target.ljust(length, b"y")))
            assert status_and_text(body) == invalid("query"), length
            assert (body["ResponseCode"], body["Message"]) == (-1, body["message"])


async def test_a_path_of_a_megabyte_is_an_unknown_path(site: Site, dealer: Dealer) -> None:
    token = f"Authorization: Bearer {dealer.token}".encode()

    body = await sent(site, request(b"/api/" + b"x" * 1_000_000, token))

    assert status_and_text(body) == invalid("method")


async def test_ten_thousand_parameters_are_refused(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}" + "&a" * 10_000

    assert status_and_text(await sent(site, request(target.encode()))) == invalid("query")


async def test_a_hundred_parameters_are_taken(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}" + "&a=b" * (MAX_PARAMETERS - 2)

    assert (await sent(site, request(target.encode())))["status_code"] == 200


async def test_a_list_of_thousands_is_refused_by_its_name(site: Site, dealer: Dealer) -> None:
    for name in ("carries", "yPrefix", "nPrefix"):
        path = f"/api/register-service/?serviceId=4&{name}="
        target = f"{path}{'96|' * 5_000}&token={dealer.token}"

        assert status_and_text(await sent(site, request(target.encode()))) == invalid(name)


async def test_a_list_of_empty_elements_asks_for_nothing(site: Site, dealer: Dealer) -> None:
    await site.world.lines("0967000001")
    target = f"/api/register-service/?serviceId=4&carries={'|' * 10_000}&token={dealer.token}"

    assert (await sent(site, request(target.encode())))["success"] is True


async def test_headers_of_sixty_thousand_bytes_are_borne(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}".encode()

    body = await sent(site, request(target, b"X-Long: " + b"y" * 60_000))

    assert body["data"] == {"balance": 100_000}


async def test_a_header_of_a_megabyte_is_refused(site: Site, dealer: Dealer) -> None:
    target = f"/api/?show=balance&token={dealer.token}".encode()

    body = await sent(site, request(target, b"X-Long: " + b"y" * 1_000_000))

    assert body["status_code"] == -1


# What is not HTTP


NOT_HTTP = [
    request("/api/?show=số dư".encode()),
    request(b"/api/?show=a b"),
    request(b"/api/?show=\x00"),
    request(b"/api/\xff\xfe"),
    request(b"/api/", b"X: a\x00b"),
    request(b"/api/", b"X Y: b"),
    request(b"/api/", b": b"),
    request(b"/api/", b"no colon"),
    request(b"/api/", b"Content-Length: many"),
    request(b"/api/", b"Content-Length: 5", b"Content-Length: 6"),
    request(b"/api/", b"Transfer-Encoding: chunked", b"Content-Length: 6"),
    b"GET /api/ HTTP/9.9\r\n\r\n",
    b"GET /api/ SMTP/1.1\r\n\r\n",
]
UNUSUAL_HTTP = [
    b"GET /api/?show=balance&token=%b HTTP/1.0\r\n\r\n",
    b"GET http://elsewhere/api/?show=balance&token=%b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/?show=balance&token=%b#fragment HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/?show=balance&token=%b HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"GET /%%61pi/?show=balance&token=%b HTTP/1.1\r\nHost:\r\n\r\n",
]


async def test_what_is_not_http_is_answered_as_the_rest(site: Site) -> None:
    for raw_request in NOT_HTTP:
        assert status_and_text(await sent(site, raw_request)) == invalid("request"), raw_request


async def test_what_turns_out_not_to_be_http_later_is_answered_as_the_rest(site: Site) -> None:
    begun, garbage = request(b"/api/?show=balance")[:-2], b"no colon\r\n\r\n"
    host, port = site.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(begun)
    # When this is answered, the server has read what was sent before it.
    await site.get("/health")

    writer.write(garbage)
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert status_and_text(body) == invalid("request")


async def test_unusual_http_is_taken(site: Site, dealer: Dealer) -> None:
    for raw_request in UNUSUAL_HTTP:
        body = await sent(site, raw_request % dealer.token.encode())
        assert body.get("data") == {"balance": 100_000}, raw_request


async def test_elsewhere_what_is_not_http_is_a_bad_request(site: Site) -> None:
    for target in (b"/", b"/apis", b"/gateways/x/messages?a=/api/", b"*"):
        assert (await site.raw(request(target, method=b"FOO"))).status == 400, target


async def test_a_malformed_request_ends_its_own_connection_alone(
    site: Site, dealer: Dealer
) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    assert checked(await site.get(path))["success"] is True

    await sent(site, b"\x16\x03\x01 /api/ garbage\r\n\r\n")

    assert checked(await site.get(path))["success"] is True


async def test_requests_sent_at_one_go_are_answered_in_order(site: Site, dealer: Dealer) -> None:
    token = dealer.token.encode()
    asked = [b"/api/?show=balance", b"/api/?show=" + b"y" * 70_000, b"/api/?show=networks"]
    reader, writer = await asyncio.open_connection(
        *site.base_url.removeprefix("http://").split(":")
    )
    writer.write(b"".join(request(one, b"Authorization: Bearer " + token) for one in asked))
    writer.write(request(b"/api/", b"Connection: close"))

    answers = await reader.read()
    writer.close()

    bodies = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    codes = [json.loads(body)["status_code"] for body in bodies]
    assert codes == [200, -1, 200, 401]


# A database that fails


ANSWERED_FROM_THE_DATABASE: dict[str, dict[str, Any]] = {
    "/api/?show=balance": {},
    "/api/?show=networks": {},
    "/api/?show=service": {"ResponseCode": -1},
    "/api/?show=code&ID=1000001": {"ResponseCode": -1, "Msg": "", "Result": None},
    "/api/?show=history": {},
    "/api/?show=nothing": {},
    "/api/register-service/?serviceId=4": {"ResponseCode": -1, "Message": ""},
    "/api/rephone/?serviceId=4&phone=0967000001&thuesim1=1": {"ResponseCode": -1, "Message": ""},
}
FAULT = "Có lỗi: hệ thống đang bận, vui lòng thử lại sau"


@dataclass
class Log:
    """What was logged, a line an object."""

    stream: io.StringIO

    def take(self) -> list[dict[str, Any]]:
        """The lines since the last time."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        self.stream.seek(0)
        self.stream.truncate()
        return lines


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_log("info", "json", stream)
    yield Log(stream)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def assert_a_fault(body: dict[str, Any], expected: dict[str, Any]) -> None:
    texts = {name: FAULT for name in ("Msg", "Message") if name in expected}
    assert body == {"status_code": -1, "success": False, "message": FAULT} | expected | texts


def assert_logged(log: Log, kind: str, dealer: Dealer) -> None:
    (line,) = log.take()
    assert (line["level"], line["logger"], line["event"]) == ("error", "first_api", "call_failed")
    assert kind in line["exception"]
    assert dealer.token not in str(line)
    assert "967000001" not in str(line)


@dataclass
class Breakable:
    """A database's engine that fails as long as it is broken."""

    engine: Engine
    broken: bool = False

    def _check(self) -> None:
        if self.broken:
            raise DatabaseFault("the disk is full")

    async def write_all(self, calls: list[Call]) -> list[Any]:
        self._check()
        return await self.engine.write_all(calls)

    async def read(self, call: Call) -> Any:
        self._check()
        return await self.engine.read(call)

    async def glance(self, call: Call) -> Any:
        self._check()
        return await self.engine.glance(call)

    async def watch(self) -> Watch:
        return await self.engine.watch()

    async def close(self) -> None:
        await self.engine.close()


@pytest.mark.parametrize("path", ANSWERED_FROM_THE_DATABASE)
async def test_a_database_that_fails_is_an_error_and_a_fault_in_the_log(
    world: World, dealer: Dealer, log: Log, path: str
) -> None:
    breakable = Breakable(world.db.engine)
    api = Api(World(Database(breakable)))
    sound = await api.ask(dealer, path)
    log.take()

    breakable.broken = True
    body = await api.ask(dealer, path)

    assert_a_fault(body, ANSWERED_FROM_THE_DATABASE[path])
    assert_logged(log, "DatabaseFault: the disk is full", dealer)
    breakable.broken = False
    api.world.clock.advance(5)
    assert await api.ask(dealer, path) == sound


def _run(tx: Tx, statement: Sql) -> int:
    return tx.run(statement)


_TAKE_AWAY = Sql("ALTER TABLE accounts RENAME TO accounts_elsewhere")
_BRING_BACK = Sql("ALTER TABLE accounts_elsewhere RENAME TO accounts")


async def test_a_table_that_is_missing_is_a_fault_until_it_is_back(
    site: Site, dealer: Dealer, log: Log
) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    await site.world.db.write(_run, _TAKE_AWAY)
    try:
        assert_a_fault(checked(await site.get(path)), {})
    finally:
        await site.world.db.write(_run, _BRING_BACK)

    assert_logged(log, "accounts", dealer)
    assert checked(await site.get(path))["data"] == {"balance": 100_000}


@contextmanager
def stopped(url: str, server: str) -> Iterator[None]:
    """PostgreSQL takes no connection to a database, and ends those that are there."""
    name = sql.Identifier(str(conninfo.conninfo_to_dict(url)["dbname"]))
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(allow.format(name, sql.SQL("false")))
        try:
            disconnect(url, connection)
            yield
        finally:
            connection.execute(allow.format(name, sql.SQL("true")))


def disconnect(url: str, connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        [conninfo.conninfo_to_dict(url)["dbname"]],
    )


@pytest.fixture
async def postgres_api(postgres_url: str) -> AsyncIterator[Api]:
    db = open_database(postgres_url, pool_size=4)
    yield Api(World(db))
    await db.close()


async def test_while_postgresql_is_down_every_call_is_a_fault_and_then_all_works(
    postgres: str, postgres_url: str, postgres_api: Api, log: Log
) -> None:
    world = postgres_api.world
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)
    await asyncio.gather(*(postgres_api.code(dealer, 1) for _ in range(8)))
    log.take()

    with stopped(postgres_url, postgres.format("postgres")):
        for path, expected in ANSWERED_FROM_THE_DATABASE.items():
            assert_a_fault(await postgres_api.ask(dealer, path), expected)
            assert_logged(log, "DatabaseFault", dealer)

    rented = await postgres_api.rent(dealer, "serviceId=4")
    assert rented["Balance"] == 530
    (row,) = await postgres_api.history(dealer)
    assert str(row["ID"]) == rented["data"]["request_id"]
    assert await world.book_findings() == []
    assert log.take() == []


async def test_connections_that_postgresql_ended_are_replaced_without_a_fault(
    postgres: str, postgres_url: str, postgres_api: Api, log: Log
) -> None:
    dealer = await postgres_api.world.dealer(balance_dong=1000)
    await asyncio.gather(*(postgres_api.code(dealer, 1) for _ in range(8)))
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:
        disconnect(postgres_url, connection)

    answers = await asyncio.gather(
        *(postgres_api.ask(dealer, "/api/?show=balance") for _ in range(8))
    )

    assert [one["data"] for one in answers] == [{"balance": 1000}] * 8
    assert log.take() == []


async def test_what_is_malformed_leaves_nothing_of_itself_in_the_log(
    site: Site, dealer: Dealer, log: Log
) -> None:
    target = f"/api/?phone=0967000001&token={dealer.token}&x=\x00".encode()

    await sent(site, request(target))
    await sent(site, request(b"/api/0967000001" + b"x" * 70_000))

    lines = str(log.take())
    assert "967000001" not in lines
    assert dealer.token not in lines


async def test_a_client_that_goes_away_harms_no_other(site: Site, dealer: Dealer) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    host, port = site.base_url.removeprefix("http://").split(":")
    for part in (b"", b"GET", b"GET /api/?show=ba", request(path.encode())):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(part)
        writer.transport.abort()

    async with aiohttp.ClientSession() as client, client.get(site.base_url + path) as answer:
        assert (await answer.json())["data"] == {"balance": 100_000}
