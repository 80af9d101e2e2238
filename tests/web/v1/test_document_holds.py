"""Whatever is sent to an operation, the document told of the answer; schemathesis thinks it up."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext
from schemathesis.specs.openapi.checks import positive_data_acceptance

from conftest import Fresh, world_in
from simlet.config import Settings, V1Settings
from simlet.testing.site import site_of
from simlet.testing.world import Dealer, World
from simlet.web.v1.openapi import document
from simlet.web.v1.table import OPERATIONS

UNLIMITED = Settings(v1=V1Settings(calls_per_s=100_000, burst=1_000_000))
SCHEMA = schemathesis.openapi.from_dict(msgspec.json.decode(document(OPERATIONS, UNLIMITED.v1)))
_STEP_S, _EACH_S = 5.0, 0.01
_FIRST_RENTAL = 1_000_001


@dataclass
class Server:
    """A server in a thread of its own, as schemathesis waits for its answers in this one."""

    url: str
    known: Future[tuple[str, str]] = field(default_factory=Future)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serves until it is told to end."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        async with world_in(self.url) as world:
            world.settings = UNLIMITED
            world.__post_init__()
            dealer = await _furnished(world)
            async with site_of(world) as site:
                self.known.set_result((site.base_url, dealer.token))
                while not self.ended.is_set():
                    await asyncio.sleep(_EACH_S)
                    world.clock.advance(_STEP_S)


async def _furnished(world: World) -> Dealer:
    """A dealer with rentals in every state."""
    dealer = await world.dealer(balance_dong=10**9, waiting_limit=1000)
    await world.service(1, extend_s=60, extend_times=2)
    await world.lines(*(f"09123456{number:02}" for number in range(40)))
    first = await world.rent(dealer, 1)
    await world.sms(first.rental.number, "482913 is your Yahoo code")
    for _ in range(4):
        await world.rent(dealer, 1)
    return dealer


@SCHEMA.hook("map_path_parameters")
def among_those_that_are_there(_: HookContext, values: dict[str, Any] | None) -> Any:
    """Every other id that was thought up becomes one of the first that there are."""
    one_id = (values or {}).get("id")
    if isinstance(one_id, int) and one_id % 2:
        first = _FIRST_RENTAL if one_id % 4 == 1 else 1
        return {**(values or {}), "id": first + one_id % 5}
    return values


@pytest.fixture(scope="module")
def server(fresh_sqlite: Fresh) -> Iterator[tuple[str, str]]:
    """The address of a server, and a dealer's token."""
    with fresh_sqlite() as url:
        server = Server(url)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server.known.result(timeout=30)
        finally:
            server.ended.set()
            thread.join()


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def test_every_answer_is_one_that_the_document_tells_of(
    case: Case[Any], server: tuple[str, str]
) -> None:
    base_url, token = server
    case.call_and_validate(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}"},
        # A schema does not say which cursor is ours, or where callbacks may go.
        excluded_checks=[positive_data_acceptance],
    )
