"""What the tests of flows share."""

import pytest

from flows.parts_desk import NUMBER, Desk
from simlet.testing.world import World


@pytest.fixture
async def desk(world: World) -> Desk:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)
    return Desk(world, dealer, rented.rental.id)
