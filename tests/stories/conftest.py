"""Stories are searched by hypothesis: quickly, or with HYPOTHESIS_PROFILE=thorough for long."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from simlet.testing.world import World
from stories.crowds import crowd_in

# A game takes as long as it takes, on a machine that has other things to do as well.
_patient = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)

settings.register_profile("quick", _patient, max_examples=10, stateful_step_count=45)
settings.register_profile("thorough", _patient, max_examples=20, stateful_step_count=90)


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[World]:
    """A world in which many things happen at once, on each kind of database in turn."""
    async with crowd_in(database_url) as crowd:
        yield crowd
