import pytest

from simlet.domain.health import GatewayReport, Reception
from simlet.testing.world import World
from stories.stock_audit import stock_findings
from watching import RULES, follow, out_of, report, see, told, turn, watch

pytestmark = pytest.mark.anyio

OWN = ("0967000001", "0967000002", "0967000003", "0977000001")
OTHERS = ("0967000011", "0967000012")


@pytest.fixture
async def gate(world: World) -> int:
    """A gateway with four lines, beside two lines of nobody."""
    gateway_id, _ = await world.gateway("gate")
    await world.service(4)
    await world.lines(*OWN, gateway="gate")
    await world.lines(*OTHERS)
    return gateway_id


async def reasons(world: World) -> list[str | None]:
    return [await out_of(world, one) for one in (*OWN, *OTHERS)]


async def test_lines_leave_when_their_gateway_is_down_for_the_grace(
    world: World, gate: int
) -> None:
    await turn(world, gate, up=True)
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s - 0.001)
    await watch(world)
    assert await reasons(world) == [None] * 6

    world.clock.advance(0.001)
    await watch(world)

    assert await reasons(world) == ["gateway_down"] * 4 + [None] * 2
    assert await stock_findings(world) == []


async def test_the_grace_counts_from_when_it_went_down_and_not_from_the_last_report(
    world: World, gate: int
) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await turn(world, gate, up=False)

    await watch(world)

    assert await out_of(world, OWN[0]) == "gateway_down"


async def test_a_gateway_that_is_back_within_the_grace_keeps_its_lines(
    world: World, gate: int
) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s - 1)
    await turn(world, gate, up=True)
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s - 1)

    await watch(world)

    assert await reasons(world) == [None] * 6


@pytest.mark.parametrize("page", [1, 3, 1000])
async def test_lines_come_back_with_their_gateway_page_by_page(
    world: World, gate: int, page: int
) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await follow(world, page=page)
    assert await reasons(world) == ["gateway_down"] * 4 + [None] * 2
    await turn(world, gate, up=True)

    await follow(world, page=page)

    assert await reasons(world) == [None] * 6
    assert await stock_findings(world) == []


async def test_one_event_tells_of_a_gateway_and_none_of_each_line(world: World, gate: int) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    await turn(world, gate, up=True)
    await watch(world)

    events = await told(world, "gateway.down", "gateway.up", "line.rested", "line.returned")

    data = {"gateway_id": gate}
    assert events == [("gateway.down", data), ("gateway.up", data)]


async def test_a_line_with_a_reason_of_its_own_keeps_it(world: World, gate: int) -> None:
    await see(world, gate, OWN[0], Reception.NO_SIM)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    assert await out_of(world, OWN[0]) == "unheard"
    await turn(world, gate, up=True)

    await watch(world)

    assert await reasons(world) == ["unheard"] + [None] * 5


async def test_a_line_that_lost_its_sim_meanwhile_does_not_come_back_with_its_gateway(
    world: World, gate: int
) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    await see(world, gate, OWN[0], Reception.NO_SIM)
    await turn(world, gate, up=True)

    await watch(world)

    assert await reasons(world) == ["unheard"] + [None] * 5
    assert await stock_findings(world) == []


async def test_lines_that_come_to_a_gateway_that_is_down_leave_as_well(
    world: World, gate: int
) -> None:
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    await world.lines("0967000009", gateway="gate")

    await follow(world)

    assert await out_of(world, "0967000009") == "gateway_down"


async def test_a_line_whose_sim_is_seen_in_another_gateway_comes_back(
    world: World, gate: int
) -> None:
    other, _ = await world.gateway("other")
    await turn(world, gate, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)

    await see(world, other, OWN[1])
    await watch(world)

    assert await out_of(world, OWN[1]) is None
    assert await out_of(world, OWN[2]) == "gateway_down"


async def test_what_a_gateway_says_of_itself_is_kept(world: World, gate: int) -> None:
    await report(world, gate, GatewayReport(up=False, detail="no answer\0" + "x" * 300))
    (row,) = await world.rows("SELECT up, detail FROM gateway_health")
    assert not row[0]
    assert row[1].startswith("no answer\ufffdxxx")
    assert len(row[1]) == 200
