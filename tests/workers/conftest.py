"""A rental whose end is told to its dealer's address."""

import pytest

from simlet.testing.world import World
from workers.callback_desk import URL, Rented, rent, shop


@pytest.fixture
async def rented(world: World) -> Rented:
    await shop(world)
    return await rent(world, await world.dealer(callback_url=URL))
