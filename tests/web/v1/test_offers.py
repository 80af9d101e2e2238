import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from simlet.domain.principal import Account
from simlet.flows import browse
from simlet.store.database import Database
from simlet.store.sql import DatabaseFault
from simlet.testing.world import Dealer, World
from simlet.web.v1.offers import KEPT_S, Offers

pytestmark = pytest.mark.anyio

NUMBERS = tuple(f"096700000{one}" for one in range(3))


@dataclass
class Slow:
    """An engine whose reads of the whole offer wait for leave, and may fail.

    Attributes:
        looks: for which accounts it was read what they reported.
    """

    db: Database
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    reads: int = 0
    faults: int = 0
    looks: list[int] = field(default_factory=list)

    async def read(self, call: Any) -> Any:
        if call.flow.__name__ == "reported_lines":
            self.looks.append(call.args[0])
            if self.faults:
                self.faults -= 1
                raise DatabaseFault("no disk")
        if call.flow.__name__ != "read_offer":
            return await self.db.engine.read(call)
        self.reads += 1
        await self.leave.wait()
        if self.faults:
            self.faults -= 1
            raise DatabaseFault("no disk")
        return await self.db.engine.read(call)


async def prepared(world: World) -> tuple[Dealer, Account]:
    await world.service(4)
    await world.lines(*NUMBERS)
    dealer = await world.dealer()
    (account,) = await world.db.read(browse.list_accounts)
    return dealer, account


def slow_offers(world: World) -> tuple[Offers, Slow]:
    engine = Slow(world.db)
    return Offers(replace(world.runtime, db=Database(engine))), engine  # type: ignore[arg-type]


async def stock(offers: Offers, account: Account) -> int:
    (shown,) = await offers.to(account)
    return shown.stock


async def test_an_offer_is_kept_for_a_second(world: World) -> None:
    dealer, account = await prepared(world)
    offers = Offers(world.runtime)
    seen = [await stock(offers, account)]
    await world.rent(dealer, 4)

    seen.append(await stock(offers, account))
    world.clock.advance(KEPT_S)
    seen.append(await stock(offers, account))

    assert seen == [3, 3, 2]


async def test_a_line_that_was_reported_is_not_offered_to_its_reporter(world: World) -> None:
    dealer, account = await prepared(world)
    rented = await world.rent(dealer, 4)
    await world.report(dealer, rented.rental.id)
    offers = Offers(world.runtime)

    assert await stock(offers, account) == 2


async def test_many_at_once_share_one_look(world: World) -> None:
    _, account = await prepared(world)
    offers, engine = slow_offers(world)

    asking = [asyncio.create_task(stock(offers, account)) for _ in range(10)]
    await asyncio.sleep(0)
    engine.leave.set()

    assert await asyncio.gather(*asking) == [3] * 10
    assert engine.reads == 1


async def test_one_who_goes_away_takes_the_answer_from_nobody(world: World) -> None:
    _, account = await prepared(world)
    offers, engine = slow_offers(world)

    first, second = (asyncio.create_task(stock(offers, account)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    engine.leave.set()

    assert await second == 3


async def test_after_a_fault_it_is_read_anew(world: World) -> None:
    _, account = await prepared(world)
    offers, engine = slow_offers(world)
    engine.leave.set()
    engine.faults = 1

    with pytest.raises(DatabaseFault):
        await offers.to(account)

    assert await stock(offers, account) == 3


async def test_what_an_account_reported_is_read_once_a_second_however_often_it_asks(
    world: World,
) -> None:
    dealer, account = await prepared(world)
    other = await world.account(await world.dealer("other"))
    offers, engine = slow_offers(world)
    engine.leave.set()

    asking = [stock(offers, one) for one in (account, other, account)]
    assert await asyncio.gather(*asking) == [3, 3, 3]
    assert await stock(offers, account) == 3
    assert sorted(engine.looks) == [account.id, other.id]

    await world.report(dealer, (await world.rent(dealer, 4)).rental.id)
    world.clock.advance(KEPT_S)
    assert [await stock(offers, account), await stock(offers, account)] == [2, 2]
    assert len(engine.looks) == 3


async def test_what_an_account_reported_is_read_again_after_a_fault(world: World) -> None:
    _, account = await prepared(world)
    offers, engine = slow_offers(world)
    engine.leave.set()
    await stock(offers, await world.account(await world.dealer("other")))
    engine.faults = 1

    with pytest.raises(DatabaseFault):
        await offers.to(account)

    assert await stock(offers, account) == 3
