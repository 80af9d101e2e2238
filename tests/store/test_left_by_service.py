import pytest

from simlet.domain.health import Reception
from simlet.store.stock import left_by_service
from simlet.testing.world import World
from watching import RULES, report, see, watch

pytestmark = pytest.mark.anyio


async def test_stock_counts_the_lines_that_can_receive_and_are_not_used_up(world: World) -> None:
    gate, _ = await world.gateway("gate")
    await world.service(4)
    await world.service(5, store="02", name="Grab")
    await world.lines("0967000001", "0967000002", "0977000001")
    await world.lines("0967000009", store="02")
    dealer = await world.dealer()
    assert await world.db.read(left_by_service) == {4: 3, 5: 1}

    rented = await world.rent(dealer, 4, wanted=("96",))
    await world.sms("0" + rented.rental.number[3:], "Your code is 486460")
    assert await world.db.read(left_by_service) == {4: 2, 5: 1}

    for place, number in enumerate(("0977000001", "0967000009")):
        await see(world, gate, number, Reception.NO_SIM, port=str(place))
    world.clock.advance(RULES.grace_s)
    await watch(world)

    assert await world.db.read(left_by_service) == {4: 1}
    assert await report(world, gate) == []
