import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from simlet.log import configure_log
from simlet.testing.world import World
from web.v1.api import V1


@pytest.fixture
def v1(world: World) -> V1:
    """`/v1` of a world, without a socket."""
    return V1(world)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as lines of JSON."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_log("info", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
