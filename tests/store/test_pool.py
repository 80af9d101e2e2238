import asyncio

import pytest

from conftest import world_in
from simlet.domain.line_health import OutReason
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.flows.manage_lines import retire_line
from simlet.flows.manage_services import add_service
from simlet.store import pool
from simlet.store.sql import Tx
from simlet.testing.gate import Gate
from simlet.testing.world import World
from stories.stock_audit import stock_findings

pytestmark = pytest.mark.anyio

NUMBERS = ("0967000001", "0967000002", "0977000001")


async def ids(world: World) -> list[int]:
    await world.service(4)
    await world.service(5)
    await world.lines(*NUMBERS)
    return [row[0] for row in await world.rows("SELECT id FROM lines ORDER BY number")]


async def reasons(world: World) -> list[str | None]:
    return [row[0] for row in await world.rows("SELECT out_reason FROM lines ORDER BY number")]


async def test_lines_of_several_blocks_change_together(world: World) -> None:
    first, second, third = await ids(world)

    changed = await world.db.write(
        pool.set_reasons,
        {first: OutReason.FAILING, second: None, third: OutReason.GATEWAY_DOWN},
    )

    assert changed == {first, third}
    assert await reasons(world) == ["failing", None, "gateway_down"]
    assert await stock_findings(world) == []


async def test_another_reason_changes_the_word_and_not_the_stock(world: World) -> None:
    first, *_ = await ids(world)
    await world.db.write(pool.set_reasons, {first: OutReason.FAILING})

    assert await world.db.write(pool.set_reasons, {first: OutReason.UNHEARD}) == {first}
    assert await world.db.write(pool.set_reasons, {first: OutReason.UNHEARD}) == set()

    assert (await reasons(world))[0] == "unheard"
    assert await stock_findings(world) == []


async def test_a_line_that_was_retired_stays_out_of_the_pool(world: World) -> None:
    first, *_ = await ids(world)
    await world.db.write(pool.set_reasons, {first: OutReason.FAILING})
    await world.db.write(retire_line, NUMBERS[0], world.clock.now_ms())

    assert await world.db.write(pool.set_reasons, {first: None}) == set()

    assert await stock_findings(world) == []


async def test_a_block_weighs_as_much_as_its_store_has_services(world: World) -> None:
    first, _, third = await ids(world)
    weights = await world.db.read(pool.stock_rows, [first // 256, third // 256])
    assert weights == {first // 256: 2, third // 256: 2}


async def test_a_service_that_is_being_added_sees_what_leaves_the_pool(postgres_url: str) -> None:
    async with world_in(postgres_url) as world:
        first, *_ = await ids(world)
        prices = Prices(470, 470, 470)
        rules = MatchRules(senders=("Zalo",), texts=(), catch_all=False, code_pattern=None)
        service = Service(
            9, "01", "Zalo", prices, 60, rules, Category.GENERAL, paused=False, opened=False
        )
        with Gate() as gate:

            def added_slowly(tx: Tx) -> None:
                add_service(tx, service, world.clock.now_ms())
                gate.pass_through()

            adding = asyncio.ensure_future(world.db.write(added_slowly))
            await gate.reached()
            leaving = asyncio.ensure_future(
                world.db.write(pool.set_reasons, {first: OutReason.FAILING})
            )
            while not leaving.done() and not await someone_waits(world):
                pass
        await asyncio.gather(adding, leaving)

        assert (await reasons(world))[0] == "failing"
        assert await stock_findings(world) == []


async def someone_waits(world: World) -> bool:
    rows = await world.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(rows[0][0])
