from collections.abc import Sequence

import pytest

from simlet.domain.health import LineReport, Reception
from simlet.flows.manage_lines import import_lines, retire_line
from simlet.flows.note_reports import UnknownSim, last_sim_in
from simlet.store.lines import NewLine
from simlet.testing.world import World
from watching import RULES, iccid_of, out_of, report, see, told, watch

pytestmark = pytest.mark.anyio

FIRST, SECOND = "0967000001", "0967000002"


@pytest.fixture
async def gate(world: World) -> int:
    gateway_id, _ = await world.gateway("gate")
    await world.lines(FIRST, SECOND)
    return gateway_id


async def seen(world: World, *columns: str) -> list[tuple[object, ...]]:
    """What was recorded, by number."""
    rows = await world.rows(
        f"SELECT {', '.join(columns)} FROM line_health h JOIN lines l ON l.id = h.line_id "
        "ORDER BY l.number"
    )
    return [tuple(row) for row in rows]


async def owners(world: World) -> Sequence[int | None]:
    return [row[0] for row in await world.rows("SELECT gateway_id FROM lines ORDER BY number")]


async def test_a_line_is_known_by_its_sim(world: World, gate: int) -> None:
    iccid = await iccid_of(world, SECOND)
    told_of = LineReport("ttyUSB7", Reception.READY, iccid, None, "452010000000001", -71, "Viettel")

    await report(world, gate, told_of)

    facts = await seen(
        world, "l.number", "port", "reception", "signal_dbm", "operator", "imsi", "seen_at_ms"
    )
    now_ms = world.clock.now_ms()
    assert facts == [
        ("+84967000002", "ttyUSB7", "ready", -71, "Viettel", "452010000000001", now_ms)
    ]


async def test_a_sim_that_was_seen_makes_its_line_the_gateways_own(world: World, gate: int) -> None:
    await see(world, gate, FIRST)
    assert await owners(world) == [gate, None]
    # Nobody lost it, so nothing moved.
    assert await told(world, "line.moved") == []


async def test_a_sim_that_moves_to_another_gateway_is_told_as_an_event(
    world: World, gate: int
) -> None:
    other, _ = await world.gateway("other")
    await see(world, gate, FIRST)

    await see(world, other, FIRST)
    await see(world, other, FIRST)

    assert await owners(world) == [other, None]
    ((_, data),) = await told(world, "line.moved")
    assert (data["from_gateway_id"], data["gateway_id"]) == (gate, other)


async def test_a_number_alone_tells_how_a_line_does_and_does_not_attach_it(
    world: World, gate: int
) -> None:
    await report(world, gate, LineReport("1", Reception.READY, number="+84967000001"))

    assert await seen(world, "reception") == [("ready",)]
    assert await owners(world) == [None, None]


async def test_a_number_alone_says_nothing_of_another_gateways_line(
    world: World, gate: int
) -> None:
    other, _ = await world.gateway("other")
    await see(world, gate, FIRST)

    await report(world, other, LineReport("1", Reception.DENIED, number="+84967000001"))

    assert await seen(world, "reception", "port") == [("ready", "ttyUSB0")]


async def test_another_sim_with_a_lines_number_is_not_that_line(world: World, gate: int) -> None:
    unknown = await report(
        world, gate, LineReport("p", Reception.READY, "8984999999999999999", "+84967000001")
    )

    assert unknown == [UnknownSim(gate, "p", "8984999999999999999")]
    assert await seen(world, "port") == []


async def test_a_gateway_that_lost_a_sim_says_nothing_of_it_once_it_is_elsewhere(
    world: World, gate: int
) -> None:
    other, _ = await world.gateway("other")
    await see(world, gate, FIRST, port="a")
    await see(world, other, FIRST, port="b")

    await see(world, gate, FIRST, Reception.SILENT, port="a")

    assert await owners(world) == [other, None]
    assert await seen(world, "port", "reception") == [("b", "ready")]


async def test_equipment_that_does_not_answer_does_not_show_that_it_has_a_sim(
    world: World, gate: int
) -> None:
    await see(world, gate, FIRST, Reception.SILENT)

    assert await owners(world) == [None, None]
    assert await seen(world, "reception", "seen_at_ms") == [("silent", None)]


async def test_a_port_without_a_sim_tells_of_the_line_that_was_in_it(
    world: World, gate: int
) -> None:
    await see(world, gate, FIRST, port="a")
    seen_ms = world.clock.now_ms()
    world.clock.advance(5)

    await report(world, gate, LineReport("a", Reception.NO_SIM))

    assert await seen(world, "reception", "seen_at_ms") == [("no_sim", seen_ms)]


async def test_the_same_port_of_another_gateway_tells_nothing(world: World, gate: int) -> None:
    other, _ = await world.gateway("other")
    await see(world, gate, FIRST, port="a")

    await report(world, other, LineReport("a", Reception.NO_SIM))

    assert await seen(world, "reception") == [("ready",)]


async def test_a_sim_that_changes_its_port_is_not_missed_in_the_old_one(
    world: World, gate: int
) -> None:
    iccid = await iccid_of(world, FIRST)
    await see(world, gate, FIRST, port="a")

    await report(
        world,
        gate,
        LineReport("a", Reception.NO_SIM),
        LineReport("b", Reception.READY, iccid),
    )
    await report(world, gate, LineReport("a", Reception.NO_SIM))

    assert await seen(world, "port", "reception") == [("b", "ready")]


async def test_a_sim_in_the_place_of_another_one_shows_that_that_is_gone(
    world: World, gate: int
) -> None:
    await see(world, gate, FIRST, port="a")

    await see(world, gate, SECOND, port="a")

    assert await seen(world, "l.number", "reception") == [
        ("+84967000001", "no_sim"),
        ("+84967000002", "ready"),
    ]
    world.clock.advance(RULES.grace_s)
    await watch(world)
    assert await out_of(world, FIRST) == "unheard"
    assert await out_of(world, SECOND) is None


async def test_of_two_ports_with_one_sim_the_ready_one_counts(world: World, gate: int) -> None:
    iccid = await iccid_of(world, FIRST)
    for ports in (("a", "b"), ("b", "a")):
        reception = {"a": Reception.READY, "b": Reception.SILENT}
        await report(world, gate, *(LineReport(one, reception[one], iccid) for one in ports))
        assert await seen(world, "port", "reception") == [("a", "ready")]


async def test_a_retired_lines_sim_is_nobodys_and_nothing_comes_of_it(
    world: World, gate: int
) -> None:
    iccid = await iccid_of(world, FIRST)
    await world.db.write(retire_line, FIRST, world.clock.now_ms())

    unknown = await report(world, gate, LineReport("a", Reception.READY, iccid))

    assert unknown == [UnknownSim(gate, "a", iccid)]
    assert await seen(world, "port") == []
    assert await owners(world) == [None, None]


async def test_a_sim_that_came_again_after_its_line_was_retired_is_the_new_line(
    world: World, gate: int
) -> None:
    iccid = await iccid_of(world, FIRST)
    await world.db.write(retire_line, FIRST, world.clock.now_ms())
    again = NewLine(iccid, "+84967000009", 3, "01", "a holder", "a contract")
    await world.db.write(import_lines, [(2, again)], None, world.clock.now_ms())

    unknown = await report(world, gate, LineReport("a", Reception.READY, iccid))

    assert unknown == []
    assert await seen(world, "l.number", "port") == [("+84967000009", "a")]
    assert await owners(world) == [None, None, gate]


async def test_whatever_equipment_says_of_itself_can_be_kept(world: World, gate: int) -> None:
    iccid = await iccid_of(world, FIRST)
    odd = LineReport("p\0" * 200, Reception.READY, iccid, None, "9" * 99, -(10**9), "\ud800" * 99)

    await report(world, gate, odd)
    await report(world, gate, LineReport(odd.port, Reception.NO_SIM))

    ((port, operator, dbm, reception),) = await seen(
        world, "port", "operator", "signal_dbm", "reception"
    )
    assert (port, operator, dbm) == ("p\ufffd" * 64, "\ufffd" * 64, None)
    assert reception == "no_sim"


async def test_an_operator_stays_known_while_the_equipment_does_not_tell_it(
    world: World, gate: int
) -> None:
    iccid = await iccid_of(world, FIRST)
    await report(world, gate, LineReport("a", Reception.READY, iccid, operator="Viettel"))

    await report(world, gate, LineReport("a", Reception.SEARCHING, iccid))

    assert await seen(world, "operator", "reception") == [("Viettel", "searching")]


async def test_the_sim_that_was_seen_last_in_a_port_is_told_of_its_gateway_alone(
    world: World, gate: int
) -> None:
    other, _ = await world.gateway("other")
    port = "ttyUSB7" * 40
    first, second = await iccid_of(world, FIRST), await iccid_of(world, SECOND)
    await report(world, gate, LineReport(port, Reception.READY, first, None, "452010000000001"))
    assert await world.db.read(last_sim_in, gate, port) == {first, "452010000000001"}
    world.clock.advance(1)
    await report(world, gate, LineReport(port, Reception.SEARCHING, second))
    world.clock.advance(1)
    await report(world, gate, LineReport(port, Reception.SILENT))
    assert await world.db.read(last_sim_in, gate, port) == {second}
    assert await world.db.read(last_sim_in, other, port) == frozenset()
    assert await world.db.read(last_sim_in, gate, "ttyUSB8") == frozenset()
