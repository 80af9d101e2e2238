"""What the tests of gateways share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateways.posting import Post, posted
from gateways.shed import Shed
from simlet.testing.world import World


@pytest.fixture
async def post(world: World, tmp_path: Path) -> AsyncIterator[Post]:
    async with posted(world, tmp_path / "spool") as post:
        yield post


@pytest.fixture
def shed(world: World, monkeypatch: pytest.MonkeyPatch) -> Shed:
    return Shed(world, monkeypatch)
