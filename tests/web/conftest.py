from collections.abc import AsyncIterator

import pytest

from web.place import Place, Some, place_of


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with place_of(Some()) as one:
        yield one
