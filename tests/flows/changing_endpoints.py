"""What the tests of endpoints do as their dealers."""

from collections.abc import Awaitable

import pytest

from simlet.domain.endpoint import Endpoint
from simlet.domain.errors import Refusal, Refused
from simlet.flows.manage_endpoints import EndpointChange, change_endpoint, show_endpoint
from simlet.testing.world import Dealer, World

URL = "https://dealer.example/v1"
SECRET = "whsec_" + "A" * 43 + "="


async def refusal(call: Awaitable[object]) -> Refusal:
    with pytest.raises(Refused) as refused:
        await call
    return refused.value.refusal


async def change(world: World, dealer: Dealer, one_id: int, **what: object) -> object:
    wanted = EndpointChange(**what)  # type: ignore[arg-type]
    return await world.db.write(change_endpoint, dealer.id, one_id, wanted, world.clock.now_ms())


async def show(world: World, dealer: Dealer, one_id: int) -> Endpoint:
    return await world.db.read(show_endpoint, dealer.id, one_id)
