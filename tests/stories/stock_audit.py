"""What the stock should say, reckoned anew from lines and rentals."""

from simlet.domain.allocate import block_of, place_of, places_from_bytes
from simlet.testing.world import World

_TAKEN_BY = (
    "SELECT DISTINCT service_id, line_id FROM rentals "
    "WHERE state = 'received' OR (state = 'waiting' AND NOT again)"
)


async def stock_findings(world: World) -> list[str]:
    """One sentence for each row of the stock that does not agree with lines and rentals."""
    active: dict[int, int] = {}
    for line_id, state, out in await world.rows("SELECT id, state, out_reason FROM lines"):
        block_id = block_of(line_id)
        in_pool = state == "active" and out is None
        active[block_id] = active.get(block_id, 0) | in_pool << place_of(line_id)
    taken: dict[tuple[int, int], int] = {}
    for service_id, line_id in await world.rows(_TAKEN_BY):
        key = (service_id, block_of(line_id))
        taken[key] = taken.get(key, 0) | 1 << place_of(line_id)
    findings = [
        f"block {block_id}: another set of lines is active"
        for block_id, places in await world.rows("SELECT id, active FROM blocks")
        if places_from_bytes(places) != active.get(block_id, 0)
    ]
    rows = await world.rows("SELECT service_id, block_id, taken, left_count FROM stock")
    for service_id, block_id, places, left_count in rows:
        used = taken.get((service_id, block_id), 0)
        if places_from_bytes(places) != used:
            findings.append(f"service {service_id}, block {block_id}: other lines are taken")
        if left_count != (active.get(block_id, 0) & ~used).bit_count():
            findings.append(f"service {service_id}, block {block_id}: {left_count} are not left")
    return findings
