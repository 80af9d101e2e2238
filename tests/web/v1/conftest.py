import io
from collections.abc import Iterator

import pytest

from logged import logged
from simlet.testing.world import Dealer, World
from web.v1.api import V1


@pytest.fixture
def v1(world: World) -> V1:
    """`/v1` of a world, without a socket."""
    return V1(world)


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with money, and a service with three lines that are free."""
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    return await world.dealer()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as lines of JSON."""
    with logged() as stream:
        yield stream
