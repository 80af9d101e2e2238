import pytest

from simlet.domain.allocate import Chance
from simlet.domain.request import LineRequest
from simlet.flows.fill_requests import FillOutcome, fill_request
from simlet.store.sql import Tx
from simlet.testing.world import World
from simlet.workers import stock_queue as worker
from simlet.workers.stock_queue import PAUSE_S, stock_queue

pytestmark = pytest.mark.anyio


async def test_a_line_that_is_free_is_given_within_half_a_second(world: World) -> None:
    await world.service(4)
    await world.lines("0967000001")
    dealer, other = await world.dealer(), await world.dealer("other")
    kept = (await world.rent(other, 4)).rental
    request = await world.queue(dealer, 4)
    assert isinstance(request, LineRequest)
    periodic_task = stock_queue(world.runtime)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await world.cancel(other, kept.id)

    world.clock.advance(PAUSE_S)
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    (row,) = await world.rows("SELECT state, rental_id IS NOT NULL FROM requests")
    assert (row[0], bool(row[1])) == ("filled", True)
    assert PAUSE_S < 0.5


async def test_a_queue_longer_than_a_batch_is_served_without_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 2)
    await world.service(4)
    dealer = await world.dealer(waiting_limit=20)
    for _ in range(7):
        await world.queue(dealer, 4)
    await world.lines(*(f"096700000{one}" for one in range(5)))
    periodic_task = stock_queue(world.runtime)

    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    rows = await world.rows("SELECT state, count(*) FROM requests GROUP BY state ORDER BY state")
    assert [tuple(row) for row in rows] == [("filled", 5), ("queued", 2)]


async def test_those_behind_many_who_reported_the_line_get_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 2)
    await world.service(4)
    await world.lines("0967000001")
    choosy, other = await world.dealer(waiting_limit=20), await world.dealer("other")
    await world.report(choosy, (await world.rent(choosy, 4)).rental.id)
    for _ in range(5):
        await world.queue(choosy, 4)
    await world.tamper("UPDATE lines SET out_reason = 'failing'")
    behind = await world.queue(other, 4)
    assert isinstance(behind, LineRequest)
    await world.tamper("UPDATE lines SET out_reason = NULL")

    await world.fill()

    rows = await world.rows("SELECT id FROM requests WHERE state = 'filled'")
    assert [tuple(row) for row in rows] == [(behind.id,)]


async def test_deadlines_pass_whether_or_not_there_are_lines(world: World) -> None:
    await world.service(4)
    dealer = await world.dealer()
    await world.queue(dealer, 4, wait_s=1)
    periodic_task = stock_queue(world.runtime)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    for _ in range(4):
        world.clock.advance(PAUSE_S)
        await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert await world.rows("SELECT state FROM requests") == [("expired",)]


async def test_while_nobody_queues_nobody_is_kept_from_writing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(type(world.db), "write", lambda *given: calls.append(given))
    periodic_task = stock_queue(world.runtime)

    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert calls == []


async def test_where_there_is_no_line_the_first_of_a_queue_asks_for_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.service(4)
    dealer = await world.dealer()
    for wanted in ((), (), ("96",), (), ("96",)):
        await world.queue(dealer, 4, wanted=wanted)
    asked: list[int] = []

    def counted(tx: Tx, request_id: int, now_ms: int, chance: Chance) -> FillOutcome:
        asked.append(request_id)
        return fill_request(tx, request_id, now_ms, chance)

    monkeypatch.setattr(worker, "fill_request", counted)

    await world.fill()

    assert asked == [1, 3]
