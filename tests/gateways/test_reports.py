import pytest
from structlog.testing import capture_logs

from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.flows import browse
from simlet.gateways import reports as reports_module
from simlet.gateways.contract import Report
from simlet.gateways.reports import AGAIN_S, Reports
from simlet.store.sql import DatabaseFault
from simlet.testing.world import World
from watching import iccid_of

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
UP = GatewayReport(up=True)


@pytest.fixture
async def reports(world: World) -> Reports:
    await world.gateway("gate")
    await world.lines(NUMBER)
    return Reports(world.runtime)


async def reporter(world: World, reports: Reports, name: str = "gate") -> Report:
    gateway = await world.db.read(browse.find_gateway, name)
    assert gateway is not None
    return reports.of(gateway)


async def ready(world: World, signal_dbm: int = -70) -> LineReport:
    return LineReport("a", Reception.READY, await iccid_of(world, NUMBER), signal_dbm=signal_dbm)


async def written(world: World) -> list[tuple[object, ...]]:
    rows = await world.rows("SELECT reception, signal_dbm, seen_at_ms FROM line_health")
    return [tuple(row) for row in rows]


async def test_what_is_told_is_written_with_the_next_flush(world: World, reports: Reports) -> None:
    report = await reporter(world, reports)
    report(await ready(world))
    report(GatewayReport(up=True, detail="bound"))
    assert await written(world) == []

    await reports.flush()

    assert await written(world) == [("ready", -70, world.clock.now_ms())]
    (row,) = await world.rows("SELECT up, detail, seen_at_ms FROM gateway_health")
    assert (bool(row[0]), row[1], row[2]) == (True, "bound", world.clock.now_ms())


async def test_of_what_was_told_of_a_port_the_last_counts(world: World, reports: Reports) -> None:
    report = await reporter(world, reports)
    for dbm in (-60, -65, -90):
        report(await ready(world, dbm))

    await reports.flush()

    assert await written(world) == [("ready", -90, world.clock.now_ms())]


async def test_what_says_nothing_new_is_written_after_a_while(
    world: World, reports: Reports
) -> None:
    report = await reporter(world, reports)
    report(await ready(world, -70))
    await reports.flush()
    first = await written(world)
    world.clock.advance(AGAIN_S - 1)
    report(await ready(world, -99))
    await reports.flush()
    assert await written(world) == first

    world.clock.advance(1)
    report(await ready(world, -99))
    await reports.flush()

    assert await written(world) == [("ready", -99, world.clock.now_ms())]


async def test_what_changed_is_written_at_once(world: World, reports: Reports) -> None:
    report = await reporter(world, reports)
    report(await ready(world))
    report(UP)
    await reports.flush()
    world.clock.advance(1)

    report(LineReport("a", Reception.NO_SIM))
    report(GatewayReport(up=False, detail="no answer"))
    await reports.flush()

    assert (await written(world))[0][0] == "no_sim"
    (row,) = await world.rows("SELECT up, detail FROM gateway_health")
    assert (bool(row[0]), row[1]) == (False, "no answer")


async def test_without_news_nothing_is_written(
    world: World, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await reporter(world, reports)
    report(await ready(world))
    await reports.flush()
    report(await ready(world))

    def refuse(*_: object) -> None:
        raise AssertionError("nothing was to be written")

    monkeypatch.setattr(reports_module, "note_reports", refuse)
    assert await reports.flush() is False


async def test_what_could_not_be_written_is_written_later(
    world: World, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await reporter(world, reports)
    report(await ready(world))

    def fail(*_: object) -> None:
        raise DatabaseFault("a full disk")

    with monkeypatch.context() as patch:
        patch.setattr(reports_module, "note_reports", fail)
        with pytest.raises(DatabaseFault):
            await reports.flush()
    await reports.flush()

    assert await written(world) == [("ready", -70, world.clock.now_ms())]


async def test_many_reports_are_written_in_several_transactions(
    world: World, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "MOST_REPORTS", 2)
    await world.gateway("other")
    (await reporter(world, reports))(UP)
    (await reporter(world, reports, "other"))(UP)
    (await reporter(world, reports))(await ready(world))

    more = [await reports.flush(), await reports.flush()]

    assert more == [True, False]
    assert len(await written(world)) == 1
    (row,) = await world.rows("SELECT count(*) FROM gateway_health WHERE up")
    assert row[0] == 2


async def test_a_sim_that_no_line_has_is_told_once_and_not_whole(
    world: World, reports: Reports
) -> None:
    report = await reporter(world, reports)
    with capture_logs() as logs:
        for signal_dbm in (-70, -80):
            stranger = "8984999999999999987"
            report(LineReport("ttyUSB9", Reception.READY, stranger, signal_dbm=signal_dbm))
            await reports.flush()
            world.clock.advance(AGAIN_S)

    (line,) = [one for one in logs if one["event"] == "sim_unknown"]
    assert (line["gateway"], line["port"], line["iccid"]) == ("gate", "ttyUSB9", "…87")
    assert "8984999" not in str(logs)


async def test_a_driver_that_makes_up_ports_without_end_does_not_fill_the_memory(
    world: World, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports_module, "MOST_PORTS", 5)
    report = await reporter(world, reports)
    with capture_logs() as logs:
        for place in range(20):
            report(LineReport(f"port {place}", Reception.NO_SIM))
        report(await ready(world))

    assert len(reports._latest) == 5
    assert [one["event"] for one in logs] == ["too_many_ports"]
