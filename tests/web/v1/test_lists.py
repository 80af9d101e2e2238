"""Every list of `/v1` is read in the turn of its account."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from simlet.domain.errors import RATE_LIMITED, Refused
from simlet.store.database import Database
from simlet.testing.world import Dealer
from simlet.web.lists import Lists
from simlet.web.v1.operation import AnyOperation
from simlet.web.v1.table import OPERATIONS
from web.v1.api import V1

pytestmark = pytest.mark.anyio

# They are the same for all accounts: services are read once a second, networks are a few rows.
OF_ALL_ACCOUNTS = {"list_services", "list_networks"}


def is_list(operation: AnyOperation) -> bool:
    listed = any(one.listed for one in operation.answers)
    return listed and operation.id not in OF_ALL_ACCOUNTS


def named(operation: AnyOperation) -> str:
    return operation.id


class Full(Lists):
    """Nobody has a place."""

    @asynccontextmanager
    async def turn(self, account_id: int, _: Callable[[], bool]) -> AsyncIterator[Database]:
        self.asked = account_id
        raise Refused(RATE_LIMITED, wait_s=7)
        yield


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if is_list(one)], ids=named)
async def test_a_list_waits_for_the_turn_of_its_account(
    v1: V1, dealer: Dealer, operation: AnyOperation
) -> None:
    v1.app.lists = full = Full(v1.world.db)
    reply = await v1.call("GET", operation.path.replace("{id}", "1"), token=dealer.token)
    assert reply.status == 429
    assert reply.json["code"] == RATE_LIMITED.code
    assert reply.headers["retry-after"] == "7"
    assert full.asked == dealer.id


async def test_a_search_of_what_is_to_be_posted_again_waits_for_the_turn_of_its_account(
    v1: V1, dealer: Dealer
) -> None:
    v1.app.lists = Full(v1.world.db)
    stretch = {"from": "2023-01-01T00:00:00Z"}
    reply = await v1.post(dealer, "/v1/callbacks/1/replay", stretch, key="again")
    assert reply.status == 429
    v1.app.lists = Lists(v1.world.db)
    # It was not kept under its key.
    assert (await v1.post(dealer, "/v1/callbacks/1/replay", stretch, key="again")).status == 404
