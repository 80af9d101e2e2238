import pytest

from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.domain.health import LineReport, Reception
from simlet.flows import place_lines
from simlet.flows.manage_lines import retire_line
from simlet.flows.probe_lines import lines_due, probe_lines
from simlet.testing.world import Dealer, World
from stories.stock_audit import stock_findings
from watching import PAGE, RULES, count, out_of, probe, report, see, told, watch

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
WAITING_S = 60


async def failing_line(world: World) -> Dealer:
    """The only line, sent to rest a moment ago."""
    await world.service(4, waiting_s=WAITING_S)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    await fail(world, dealer, RULES.fails_before_rest)
    return dealer


async def fail(world: World, dealer: Dealer, times: int = 1) -> None:
    for _ in range(times):
        await world.rent(dealer, 4)
        world.clock.advance(WAITING_S)
        await world.expire()
    await watch(world)


async def refused(world: World, dealer: Dealer) -> bool:
    try:
        await world.rent(dealer, 4)
    except Refused as refused:
        return refused.refusal is OUT_OF_STOCK
    return False


async def test_a_resting_line_is_not_rented(world: World) -> None:
    dealer = await failing_line(world)

    assert await refused(world, dealer)
    assert await stock_findings(world) == []


async def test_a_resting_line_is_not_rented_again_either(world: World) -> None:
    await world.service(4, waiting_s=WAITING_S)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    first = (await world.rent(dealer, 4)).rental
    await world.sms(NUMBER, "Your code is 486460")
    await world.service(5, waiting_s=WAITING_S)
    world.clock.advance(WAITING_S + 1)
    for _ in range(3):
        await world.rent(dealer, 5)
        world.clock.advance(WAITING_S)
        await world.expire()
    await watch(world)

    with pytest.raises(Refused) as refusal:
        await world.rent_again(dealer, first)

    assert refusal.value.refusal is OUT_OF_STOCK


async def test_a_line_comes_back_when_its_rest_is_over(world: World) -> None:
    dealer = await failing_line(world)
    world.clock.advance(RULES.rest_s - 0.001)
    await watch(world)
    assert await refused(world, dealer)

    world.clock.advance(0.001)
    await watch(world)

    assert not await refused(world, dealer)
    assert await stock_findings(world) == []


async def test_on_probation_one_failure_is_enough_for_twice_the_rest(world: World) -> None:
    dealer = await failing_line(world)
    world.clock.advance(RULES.rest_s)
    await watch(world)

    await fail(world, dealer)

    assert await out_of(world, NUMBER) == "failing"
    world.clock.advance(2 * RULES.rest_s - 1)
    await watch(world)
    assert await out_of(world, NUMBER) == "failing"
    world.clock.advance(1)
    await watch(world)
    assert await out_of(world, NUMBER) is None


async def test_after_a_message_a_line_has_all_its_chances_again(world: World) -> None:
    dealer = await failing_line(world)
    await world.sms(NUMBER, "welcome", sender="Bank")
    await watch(world)

    world.clock.advance(1)
    await fail(world, dealer, 2)
    assert await out_of(world, NUMBER) is None
    await fail(world, dealer)

    assert await out_of(world, NUMBER) == "failing"
    (row,) = await world.rows("SELECT rests FROM line_health")
    assert row[0] == 1


async def test_a_message_on_a_resting_line_reaches_the_rental_that_waits(world: World) -> None:
    await world.service(4, waiting_s=WAITING_S)
    await world.service(5, name="Grab", waiting_s=6 * WAITING_S)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    waiting = (await world.rent(dealer, 5)).rental
    await fail(world, dealer, 3)
    assert await out_of(world, NUMBER) == "failing"

    receipt = await world.sms(NUMBER, "Your code is 486460", sender="Grab")

    assert receipt.rental_id == waiting.id
    assert (await world.rental(dealer, waiting.id)).code == "486460"


async def test_leaving_and_coming_back_are_told_as_events(world: World) -> None:
    await failing_line(world)
    world.clock.advance(RULES.rest_s)
    await watch(world)

    events = await told(world, "line.rested", "line.returned")

    (line,) = await world.rows("SELECT id FROM lines")
    data = {"line_id": line[0], "reason": "failing"}
    assert events == [("line.rested", data), ("line.returned", data)]


async def test_a_service_that_is_added_meanwhile_does_not_have_the_line(world: World) -> None:
    await failing_line(world)

    await world.service(9)

    assert await stock_findings(world) == []


async def test_a_line_that_is_retired_while_it_rests_stays_out_for_good(world: World) -> None:
    dealer = await failing_line(world)
    await world.db.write(retire_line, NUMBER, world.clock.now_ms())

    world.clock.advance(RULES.rest_s)
    await watch(world)

    assert await refused(world, dealer)
    assert await stock_findings(world) == []
    assert not await world.db.read(lines_due, world.clock.now_ms() + 10**9)


async def test_a_line_without_a_sim_leaves_after_the_grace_and_comes_back_with_it(
    world: World,
) -> None:
    gate, _ = await world.gateway("gate")
    await world.service(4)
    await world.lines(NUMBER, gateway="gate")
    await see(world, gate, NUMBER)
    await report(world, gate, LineReport("ttyUSB0", Reception.NO_SIM))
    world.clock.advance(RULES.grace_s - 0.001)
    await watch(world)
    assert await out_of(world, NUMBER) is None
    world.clock.advance(0.001)
    await watch(world)
    assert await out_of(world, NUMBER) == "unheard"

    await see(world, gate, NUMBER)
    await watch(world)

    assert await out_of(world, NUMBER) is None
    assert await stock_findings(world) == []


async def test_a_line_that_falters_for_less_than_the_grace_stays(world: World) -> None:
    gate, _ = await world.gateway("gate")
    await world.lines(NUMBER, gateway="gate")
    await see(world, gate, NUMBER, Reception.SEARCHING)
    world.clock.advance(RULES.grace_s - 1)
    await see(world, gate, NUMBER)
    world.clock.advance(RULES.grace_s)

    await watch(world)

    assert await out_of(world, NUMBER) is None


async def test_a_rest_that_ends_without_reception_goes_on_until_there_is_some(
    world: World,
) -> None:
    gate, _ = await world.gateway("gate")
    dealer = await failing_line(world)
    await see(world, gate, NUMBER, Reception.DENIED)
    world.clock.advance(RULES.rest_s)
    await watch(world)
    assert await out_of(world, NUMBER) == "unheard"

    await see(world, gate, NUMBER)
    await watch(world)

    assert not await refused(world, dealer)


async def test_ready_does_not_end_a_rest(world: World) -> None:
    gate, _ = await world.gateway("gate")
    await failing_line(world)

    await see(world, gate, NUMBER)
    await watch(world)

    assert await out_of(world, NUMBER) == "failing"


async def test_lines_are_placed_a_few_at_a_time_where_much_stock_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_lines, "MOST_STOCK_ROWS", 2)
    for service_id in (4, 5):
        await world.service(service_id)
    # Each prefix has a block of its own, and each block two rows of stock.
    await world.lines("0967000001", "0977000001", "0987000001", "0967000002")
    gate, _ = await world.gateway("gate")
    for place, number in enumerate(("0967000001", "0977000001", "0987000001", "0967000002")):
        await see(world, gate, number, Reception.DENIED, port=f"tty{place}")
    world.clock.advance(RULES.grace_s)

    sizes = []
    while await world.db.read(lines_due, world.clock.now_ms()):
        sizes.append(await world.db.write(probe_lines, RULES, world.clock.now_ms(), PAGE))
        assert await stock_findings(world) == []

    assert len(sizes) == 3
    assert sum(sizes) == 4


async def test_nothing_is_due_when_all_is_well(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    await count(world)
    assert not await world.db.read(lines_due, world.clock.now_ms() + 10**9)
    assert await probe(world) == 0
