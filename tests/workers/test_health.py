from dataclasses import replace

import pytest

from simlet.config import LineSettings, Settings
from simlet.domain.health import GatewayReport
from simlet.flows import browse
from simlet.gateways.reports import Reports
from simlet.store import events
from simlet.testing.world import World
from simlet.workers import health
from simlet.workers.health import noting, watching
from simlet.workers.periodic_task import PeriodicTask
from stories.stock_audit import stock_findings
from watching import out_of

pytestmark = pytest.mark.anyio

WAITING_S = 60
REST_S = 100
STRICT = Settings(lines=LineSettings(fails_before_rest=2, rest_s=REST_S, gateway_grace_s=10))
NUMBERS = tuple(f"09670000{one:02}" for one in range(7))


def watcher(world: World) -> PeriodicTask:
    return watching(replace(world.runtime, settings=STRICT))


async def work(world: World, seconds: float = 0.0) -> None:
    """Lets time pass, and the worker come to rest; the events are numbered, as ever by another."""
    await world.db.write(events.number_events)
    world.clock.advance(max(seconds, health.PAUSE_S))
    await world.clock.wait_for_sleeping(1)


async def test_a_line_that_fails_so_often_leaves_by_itself_and_comes_back(world: World) -> None:
    await world.service(4, waiting_s=WAITING_S)
    await world.lines(NUMBERS[0])
    dealer = await world.dealer()
    periodic_task = watcher(world)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    for _ in range(2):
        await world.rent(dealer, 4)
        world.clock.advance(WAITING_S)
        await world.clock.wait_for_sleeping(1)
        await world.expire()

    await work(world)
    left = await out_of(world, NUMBERS[0])
    await work(world, REST_S)
    back = await out_of(world, NUMBERS[0])
    await periodic_task.stop()

    assert (left, back) == ("failing", None)
    assert await stock_findings(world) == []


async def test_the_lines_of_a_gateway_follow_it_whole_pages_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LINES_PAGE", 2)
    await world.gateway("gate")
    await world.service(4)
    await world.lines(*NUMBERS, gateway="gate")
    gateway = await world.db.read(browse.find_gateway, "gate")
    assert gateway is not None
    reports = Reports(world.runtime)
    report = reports.of(gateway)
    report(GatewayReport(up=False))
    await reports.flush()
    periodic_task = watcher(world)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)

    await work(world, 10)
    left = [await out_of(world, one) for one in NUMBERS]
    report(GatewayReport(up=True))
    await reports.flush()
    await work(world)
    back = [await out_of(world, one) for one in NUMBERS]
    await periodic_task.stop()

    assert left == ["gateway_down"] * len(NUMBERS)
    assert back == [None] * len(NUMBERS)
    assert await stock_findings(world) == []


async def test_lines_that_came_to_a_gateway_while_it_was_down_are_found(world: World) -> None:
    await world.gateway("gate")
    await world.lines(NUMBERS[0], gateway="gate")
    gateway = await world.db.read(browse.find_gateway, "gate")
    assert gateway is not None
    reports = Reports(world.runtime)
    reports.of(gateway)(GatewayReport(up=False))
    await reports.flush()
    periodic_task = watcher(world)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    await work(world, 10)
    await world.lines(NUMBERS[1], gateway="gate")

    await work(world, health.LOOK_AGAIN_S)
    await periodic_task.stop()

    assert await out_of(world, NUMBERS[1]) == "gateway_down"


async def test_where_nothing_happened_nothing_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.service(4)
    await world.lines(NUMBERS[0])
    periodic_task = watcher(world)
    await world.db.write(events.number_events)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    written = []
    write = type(world.db).write

    async def counted(db: object, *inputs: object) -> object:
        written.append(inputs)
        return await write(db, *inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.db), "write", counted)
    for _ in range(3):
        world.clock.advance(health.PAUSE_S)
        await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    assert written == []


async def test_what_drivers_tell_is_written_within_a_second_or_so(world: World) -> None:
    await world.gateway("gate")
    gateway = await world.db.read(browse.find_gateway, "gate")
    assert gateway is not None
    reports = Reports(world.runtime)
    periodic_task = noting(reports, world.clock)
    await periodic_task.start()
    await world.clock.wait_for_sleeping(1)
    reports.of(gateway)(GatewayReport(up=True))

    world.clock.advance(health.PAUSE_S)
    await world.clock.wait_for_sleeping(1)
    await periodic_task.stop()

    (row,) = await world.rows("SELECT up FROM gateway_health")
    assert row[0]
