"""What belongs to another account answers as if it were not there, and stays as it is."""

import pytest

from simlet.testing.world import Dealer, World
from simlet.web.v1.operation import AnyOperation
from simlet.web.v1.table import OPERATIONS
from web.v1.api import V1

pytestmark = pytest.mark.anyio

_BODIES = {"report_rental": {"reason": "other"}, "replay_events": {"event": "evt_1"}}


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with a rental."""
    await world.service(1, extend_s=60, extend_times=1)
    await world.lines("0912345671")
    dealer = await world.dealer()
    await world.rent(dealer, 1)
    return dealer


NAMING = [one for one in OPERATIONS if "{id}" in one.path]


@pytest.mark.parametrize("operation", NAMING, ids=lambda one: one.id)
async def test_what_is_another_accounts_answers_as_not_found(
    v1: V1, dealer: Dealer, operation: AnyOperation
) -> None:
    world = v1.world
    wish = {"service": 1, "prefixes": ["032"], "wait_for_stock_s": 60}
    request_id = (await v1.post(dealer, "/v1/rentals", wish)).json["id"]
    made = await v1.post(dealer, "/v1/callbacks", {"url": "https://dealer.example/simlet"})
    ids = {"rentals": 1_000_001, "requests": request_id, "callbacks": made.json["id"]}
    other = await world.dealer("other")
    before = await v1.rows()
    one_id = ids[operation.path.split("/")[2]]
    body = _BODIES.get(operation.id)
    answers = []
    for number in (one_id, one_id + 1000):
        path = operation.path.replace("{id}", str(number))
        reply = await v1.call(operation.method, path, token=other.token, body=body)
        assert reply.status == 404, reply.raw
        answers.append(reply.raw)
    assert answers[0] == answers[1]
    assert await v1.rows() == before
