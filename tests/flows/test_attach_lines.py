import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.health import LineReport, Reception
from simlet.domain.inbound import Quarantine
from simlet.domain.rental import RentalState
from simlet.flows.attach_lines import attach_lines, attach_lines_of
from simlet.flows.manage_gateways import remove_gateway
from simlet.flows.manage_lines import retire_line
from simlet.testing.world import World
from stories.stock_audit import stock_findings
from watching import RULES, iccid_of, out_of, report, see, told, turn, watch

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = "0967000001", "0967000002", "0967000003"
TEXT = "Yahoo: 482913"


@pytest.fixture
async def old(world: World) -> int:
    """A gateway with two lines, beside a line of nobody and a gateway named new."""
    gateway_id, _ = await world.gateway("old")
    await world.gateway("new")
    await world.service(4)
    await world.lines(FIRST, SECOND, gateway="old")
    await world.lines(THIRD)
    return gateway_id


async def attach(world: World, *numbers: str, gateway: str | None = "new") -> int:
    return await world.db.write(attach_lines, numbers, gateway, world.clock.now_ms())


async def attach_of(
    world: World, before: str, gateway: str | None = "new", *, limit: int = 100
) -> int:
    now_ms = world.clock.now_ms()
    return await world.db.write(attach_lines_of, before, gateway, limit, now_ms)


async def new_id(world: World) -> int:
    rows = await world.rows("SELECT id FROM gateways WHERE name = 'new'")
    gateway_id: int = rows[0][0]
    return gateway_id


async def owners(world: World) -> list[str | None]:
    rows = await world.rows(
        "SELECT g.name FROM lines l LEFT JOIN gateways g ON g.id = l.gateway_id ORDER BY l.number"
    )
    return [row[0] for row in rows]


async def test_the_named_lines_are_the_gateways_from_then_on(world: World, old: int) -> None:
    assert await attach(world, FIRST, THIRD) == 2
    assert await owners(world) == ["new", "old", "new"]


async def test_a_rental_that_is_open_gets_what_comes_through_the_new_gateway(
    world: World, old: int
) -> None:
    dealer = await world.dealer()
    rented = [(await world.rent(dealer, 4)).rental for _ in range(3)]
    (rental,) = [one for one in rented if one.number.endswith(FIRST[1:])]
    before = await world.rows("SELECT * FROM rentals ORDER BY id")

    await attach(world, FIRST)

    assert await world.rows("SELECT * FROM rentals ORDER BY id") == before
    refused = await world.sms(FIRST, TEXT, gateway_id=old)
    kept = await world.sms(FIRST, TEXT, gateway_id=await new_id(world))
    assert refused.quarantine is Quarantine.OTHER_GATEWAY
    assert kept.rental_id == rental.id
    assert (await world.rental(dealer, rental.id)).state is RentalState.RECEIVED


async def test_any_gateway_may_speak_for_a_line_that_was_taken_from_its_own(
    world: World, old: int
) -> None:
    assert await attach(world, FIRST, gateway=None) == 1
    assert await owners(world) == [None, "old", None]
    assert (await world.sms(FIRST, TEXT)).quarantine is Quarantine.NO_RENTAL


async def test_each_line_that_moves_is_told_as_an_event_and_no_other(
    world: World, old: int
) -> None:
    rows = await world.rows("SELECT id FROM lines ORDER BY number")
    first, _, third = (row[0] for row in rows)
    to_id = await new_id(world)

    assert await attach(world, FIRST, THIRD) == 2
    assert await attach(world, FIRST, THIRD) == 0
    assert await attach(world, FIRST, gateway=None) == 1

    assert [data for _, data in await told(world, "line.moved")] == [
        {"line_id": first, "from_gateway_id": old, "gateway_id": to_id},
        {"line_id": third, "from_gateway_id": None, "gateway_id": to_id},
        {"line_id": first, "from_gateway_id": to_id, "gateway_id": None},
    ]


async def test_all_lines_of_a_gateway_move_page_by_page(world: World, old: int) -> None:
    assert [await attach_of(world, "old", limit=1) for _ in range(3)] == [1, 1, 0]
    assert await owners(world) == ["new", "new", None]


async def test_the_lines_of_a_removed_gateway_come_back_with_the_one_that_gets_them(
    world: World, old: int
) -> None:
    removed = await world.db.write(remove_gateway, "old", world.clock.now_ms())
    world.clock.advance(RULES.grace_s)
    await watch(world)
    left = await out_of(world, FIRST)
    await world.gateway("old")

    assert await attach_of(world, removed.name, "old") == 2
    await watch(world)

    assert (left, removed.lines) == ("gateway_down", 2)
    assert [await out_of(world, one) for one in (FIRST, SECOND)] == [None, None]
    assert await owners(world) == ["old", "old", None]
    assert await stock_findings(world) == []


async def test_what_the_equipment_before_told_of_a_line_counts_no_more(
    world: World, old: int
) -> None:
    await see(world, old, FIRST, Reception.NO_SIM, port="a")
    world.clock.advance(RULES.grace_s)
    await watch(world)
    left = await out_of(world, FIRST)

    await attach(world, FIRST)
    await watch(world)
    await report(world, await new_id(world), LineReport("a", Reception.NO_SIM))

    assert (left, await out_of(world, FIRST)) == ("unheard", None)
    rows = await world.rows("SELECT port, reception FROM line_health")
    assert [tuple(row) for row in rows] == [(None, None)]


async def test_a_line_that_rests_has_its_probation_with_the_gateway_that_gets_it(
    world: World, old: int
) -> None:
    dealer = await world.dealer()
    for _ in range(RULES.fails_before_rest):
        for _ in range(3):
            await world.rent(dealer, 4)
        world.clock.advance(301)
        await world.expire()
    await watch(world)
    assert [await out_of(world, one) for one in (FIRST, SECOND)] == ["failing"] * 2

    await attach(world, FIRST)
    await watch(world)

    assert [await out_of(world, one) for one in (FIRST, SECOND)] == [None, "failing"]
    rows = await world.rows("SELECT rests, fails_in_row FROM line_health WHERE fails_in_row = 0")
    assert [tuple(row) for row in rows] == [(1, 0)]


async def test_a_line_that_comes_to_a_gateway_that_is_down_leaves_the_pool(
    world: World, old: int
) -> None:
    await turn(world, await new_id(world), up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)

    await attach(world, FIRST)
    await watch(world)

    assert await out_of(world, FIRST) == "gateway_down"
    assert await out_of(world, SECOND) is None


async def test_retired_lines_stay_where_they_are(world: World, old: int) -> None:
    await world.db.write(retire_line, FIRST, world.clock.now_ms())
    assert await attach_of(world, "old") == 1
    assert await owners(world) == ["old", "new", None]


async def test_a_sim_that_is_seen_elsewhere_moves_on(world: World, old: int) -> None:
    await attach(world, FIRST)
    seen = LineReport("a", Reception.READY, await iccid_of(world, FIRST))
    await report(world, old, seen)
    assert await owners(world) == ["old", "old", None]


@pytest.mark.parametrize(
    ("numbers", "gateway", "refusal"),
    [
        ((FIRST, "0967000009"), "new", errors.INVALID),
        ((FIRST, "12"), "new", errors.INVALID),
        ((FIRST,), "nowhere", errors.GATEWAY_UNKNOWN),
        ((FIRST,), "", errors.GATEWAY_UNKNOWN),
    ],
)
async def test_what_is_not_there_is_refused_and_nothing_moves(
    world: World, old: int, numbers: tuple[str, ...], gateway: str, refusal: errors.Refusal
) -> None:
    with pytest.raises(Refused) as refused:
        await attach(world, *numbers, gateway=gateway)
    assert refused.value.refusal is refusal
    assert await owners(world) == ["old", "old", None]


async def test_the_lines_of_a_gateway_go_to_another_one_that_is_there(
    world: World, old: int
) -> None:
    for before, gateway, refusal in (
        ("nowhere", "new", errors.GATEWAY_UNKNOWN),
        ("old", "nowhere", errors.GATEWAY_UNKNOWN),
        ("old", "old", errors.INVALID),
    ):
        with pytest.raises(Refused) as refused:
            await attach_of(world, before, gateway)
        assert refused.value.refusal is refusal
    removed = await world.db.write(remove_gateway, "new", world.clock.now_ms())
    with pytest.raises(Refused):
        await attach_of(world, "old", removed.name)
