from collections.abc import Iterator

import pytest

from logged import Log, logged
from simlet.testing.world import Dealer, World
from web.first_api.api import Api


@pytest.fixture
def api(world: World) -> Api:
    """The first API of a world, without a socket."""
    return Api(world)


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with money, and a service without a number in stock: nothing can be rented."""
    await world.service(4)
    return await world.dealer()


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as stream:
        yield Log(stream)
