"""What a driver hands over by its tools, and what it hears of."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateways.shed import PATIENCE_S, Equipment, Shed, hang, sms, supervised
from simlet.domain.health import LineReport, Reception
from simlet.domain.inbound import Inbound
from simlet.gateways.contract import Expected, Result
from simlet.gateways.delivery import IN_FLIGHT
from simlet.gateways.supervisor import EXPECTED_TICK_S
from watching import report

pytestmark = pytest.mark.anyio


async def test_what_is_handed_over_is_kept_in_order_each_with_its_result(shed: Shed) -> None:
    gateway_id = await shed.gateway("gate", hang)
    too_late_ms = 2**80  # no database has room for it
    async with supervised(shed.world):
        gate = await shed.running("gate")
        results = await gate.context.deliver(
            [
                sms("one", source_id="1"),
                sms("bad", sent_at_ms=too_late_ms),
                sms("two", source_id="2"),
                sms("one", source_id="1"),
            ]
        )
    assert results == [
        Result.KEPT,
        Result.FAILED,
        Result.KEPT,
        Result.DUPLICATE,
    ]
    rows = await shed.world.rows("SELECT gateway_id, body FROM messages ORDER BY id")
    assert [tuple(row) for row in rows] == [(gateway_id, "one"), (gateway_id, "two")]


async def test_a_driver_that_floods_holds_up_no_other(shed: Shed) -> None:
    kept = asyncio.Event()

    async def flood(equipment: Equipment) -> None:
        async with asyncio.TaskGroup() as sending:
            for one in range(40):
                many = [sms(f"{one} {number}", source_id=f"{number}") for number in range(100)]
                sending.create_task(_hand_over(equipment, many))
            await asyncio.Event().wait()

    async def deliver_after(equipment: Equipment) -> None:
        await shed.running("a-flooding")
        await asyncio.sleep(0)
        await equipment.context.deliver([sms("mine")])
        kept.set()

    await shed.gateway("a-flooding", flood)
    await shed.gateway("b-working", deliver_after)
    async with supervised(shed.world):
        await asyncio.wait_for(kept.wait(), PATIENCE_S)
        rows = await shed.world.rows(
            "SELECT count(*) FROM messages WHERE id < (SELECT id FROM messages WHERE body = 'mine')"
        )
    # No more than what was under way when it came, and what came with it, went before it.
    assert rows[0][0] <= IN_FLIGHT * 2


async def _hand_over(equipment: Equipment, many: list[Inbound]) -> None:
    await equipment.context.deliver(many)


async def test_a_driver_hears_what_is_expected_on_its_own_lines_from_now_on(shed: Shed) -> None:
    world = shed.world
    await shed.gateway("own", hang)
    await shed.gateway("other", hang)
    await world.service(4, senders=("Yahoo", "YAHOO"))
    await world.service(5, store="02", name="Zalo")
    await world.lines("0967000001", "0967000002", gateway="own")
    await world.lines("0967000003", store="02", gateway="other")
    dealer = await world.dealer()
    await world.rent(dealer, 4)
    await world.events()  # numbered, as a worker does on PostgreSQL

    async with supervised(world):
        own = await shed.running("own")
        hearing = asyncio.create_task(_first(own.context.expected()))
        await world.clock.wait_for_sleeping(2)
        await world.rent(dealer, 5)
        rented = await world.rent(dealer, 4)
        await world.events()
        world.clock.advance(EXPECTED_TICK_S)
        heard = await asyncio.wait_for(hearing, PATIENCE_S)
    assert heard == Expected(rented.rental.number, "Yahoo", ("Yahoo", "YAHOO"))


async def _first(expected: AsyncIterator[Expected]) -> Expected:
    async for one in expected:
        return one
    raise AssertionError("nothing was expected")


async def test_a_driver_is_told_which_sim_was_in_a_port(shed: Shed) -> None:
    gateway_id = await shed.gateway("gate", hang)
    await shed.world.lines("0967000001")
    ((iccid,),) = await shed.world.rows("SELECT iccid FROM lines")
    seen = LineReport("ttyUSB0", Reception.READY, iccid)
    await report(shed.world, gateway_id, seen)
    async with supervised(shed.world):
        gate = await shed.running("gate")
        assert await gate.context.last_sim("ttyUSB0") == {iccid}
