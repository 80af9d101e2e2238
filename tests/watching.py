"""What a test does in the place of the worker that watches lines."""

from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.line_health import PoolPolicy
from simlet.flows.follow_gateways import (
    any_turning,
    follow_gateway,
    lines_behind,
    turn_gateways,
    turned_gateways,
)
from simlet.flows.note_reports import GatewayUpdate, SeenLine, UnknownSim, note_reports
from simlet.flows.probe_lines import probe_lines
from simlet.flows.watch_lines import read_on, watch_lines
from simlet.store import events
from simlet.testing.world import World

RULES = PoolPolicy(fails_before_rest=3, rest_s=600, longest_rest_s=2000, grace_s=30)
PAGE = 1000


async def count(world: World, rules: PoolPolicy = RULES, page: int = PAGE) -> None:
    """Counts what the event log tells, page by page."""
    await world.db.write(events.number_events)
    while (read := await world.db.read(read_on, page)).seq != read.after:
        assert await world.db.write(watch_lines, read, rules, world.clock.now_ms())


async def probe(world: World, rules: PoolPolicy = RULES) -> int:
    """Looks at the lines that are due; how many."""
    return await world.db.write(probe_lines, rules, world.clock.now_ms(), PAGE)


async def follow(world: World, rules: PoolPolicy = RULES, page: int = PAGE) -> None:
    """Lets all lines follow their gateways."""
    now_ms = world.clock.now_ms()
    if await world.db.read(any_turning, rules, now_ms):
        await world.db.write(turn_gateways, rules, now_ms)
    for turn in await world.db.read(turned_gateways):
        after = 0
        while line_ids := await world.db.read(lines_behind, turn, after, page):
            placed = await world.db.write(follow_gateway, line_ids, rules, now_ms)
            after = line_ids[placed - 1]


async def watch(world: World, rules: PoolPolicy = RULES) -> None:
    """One turn of the worker, to its end."""
    await count(world, rules)
    await follow(world, rules)
    await probe(world, rules)


async def report(
    world: World, gateway_id: int, *reports: LineReport | GatewayReport
) -> list[UnknownSim]:
    """What a gateway tells now, of its lines and of itself."""
    now_ms = world.clock.now_ms()
    lines = tuple(SeenLine(one, now_ms) for one in reports if isinstance(one, LineReport))
    itself = [one for one in reports if isinstance(one, GatewayReport)]
    told = GatewayUpdate(gateway_id, now_ms, itself[-1] if itself else None, lines)
    return await world.db.write(note_reports, [told], RULES, now_ms)


async def turn(world: World, gateway_id: int, *, up: bool) -> None:
    """A gateway tells that it is up, or down."""
    await report(world, gateway_id, GatewayReport(up=up))


async def iccid_of(world: World, number: str) -> str:
    """The ICCID of the line with a number, 0 and nine digits."""
    rows = await world.rows(f"SELECT iccid FROM lines WHERE number = '+84{number[1:]}'")
    iccid: str = rows[0][0]
    return iccid


async def see(
    world: World,
    gateway_id: int,
    number: str,
    reception: Reception = Reception.READY,
    *,
    port: str = "ttyUSB0",
) -> None:
    """A gateway tells of the SIM of a line."""
    await report(world, gateway_id, LineReport(port, reception, await iccid_of(world, number)))


async def out_of(world: World, number: str) -> str | None:
    """Why the line with a number is out of the pool."""
    rows = await world.rows(f"SELECT out_reason FROM lines WHERE number = '+84{number[1:]}'")
    reason: str | None = rows[0][0]
    return reason


async def told(world: World, *kinds: str) -> list[tuple[str, dict[str, object]]]:
    """The events of lines and gateways of these kinds, with their data."""
    return [
        (one.kind.value, dict(one.data)) for one in await world.events() if one.kind.value in kinds
    ]
