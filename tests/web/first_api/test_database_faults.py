"""While the database fails, the first API answers a fault, and logs it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from engines import Passing
from logged import Log
from outages import end_connections, no_connections
from simlet.store.database import Database, open_database
from simlet.store.sql import Call, DatabaseFault
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World
from web.first_api.api import Api
from web.first_api.raw import checked

pytestmark = pytest.mark.anyio

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
class Breakable(Passing):
    """A database's engine that fails as long as it is broken."""

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

    async def read_list(self, call: Call) -> Any:
        self._check()
        return await self.engine.read_list(call)

    async def quick_read(self, call: Call) -> Any:
        self._check()
        return await self.engine.quick_read(call)


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


async def test_a_table_that_is_missing_is_a_fault_until_it_is_back(
    site: Site, dealer: Dealer, log: Log
) -> None:
    path = f"/api/?show=balance&token={dealer.token}"
    await site.world.tamper("ALTER TABLE accounts RENAME TO accounts_elsewhere")
    try:
        assert_a_fault(checked(await site.get(path)), {})
    finally:
        await site.world.tamper("ALTER TABLE accounts_elsewhere RENAME TO accounts")

    assert_logged(log, "accounts", dealer)
    assert checked(await site.get(path))["data"] == {"balance": 100_000}


@pytest.fixture
async def postgres_api(postgres_url: str) -> AsyncIterator[Api]:
    db = open_database(postgres_url, pool_size=4)
    yield Api(World(db))
    await db.close()


async def test_while_postgresql_is_down_every_call_is_a_fault_and_then_all_works(
    postgres_url: str, postgres_api: Api, log: Log
) -> None:
    world = postgres_api.world
    await world.service(4)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=1000)
    await asyncio.gather(*(postgres_api.code(dealer, 1) for _ in range(8)))
    log.take()

    with no_connections(postgres_url):
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
    postgres_url: str, postgres_api: Api, log: Log
) -> None:
    dealer = await postgres_api.world.dealer(balance_dong=1000)
    await asyncio.gather(*(postgres_api.code(dealer, 1) for _ in range(8)))
    end_connections(postgres_url)

    answers = await asyncio.gather(
        *(postgres_api.ask(dealer, "/api/?show=balance") for _ in range(8))
    )

    assert [one["data"] for one in answers] == [{"balance": 1000}] * 8
    assert log.take() == []
