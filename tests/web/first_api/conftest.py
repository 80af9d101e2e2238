import pytest

from simlet.testing.world import World
from web.first_api.api import Api


@pytest.fixture
def api(world: World) -> Api:
    """The first API of a world, without a socket."""
    return Api(world)
