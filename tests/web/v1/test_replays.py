"""Events that are posted again over /v1: how many, at what cost, and once under a key."""

from typing import Any

import pytest

from simlet.flows import manage_endpoints
from simlet.testing.world import Dealer, World
from web.v1.api import V1

pytestmark = pytest.mark.anyio

URL = "https://dealer.example/simlet"


async def added(v1: V1, dealer: Dealer, **what: object) -> Any:
    reply = await v1.post(dealer, "/v1/callbacks", {"url": URL, **what})
    assert reply.status == 201, reply.raw
    return reply.json


async def test_events_are_replayed_one_or_a_stretch_of_time(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer, events=["balance.credited"])
    credited = next(one for one in await world.events() if one.kind.value == "balance.credited")
    path = f"/v1/callbacks/{made['id']}/replay"
    world.clock.advance(1)

    one = await v1.post(dealer, path, {"event": f"evt_{credited.seq}"})
    many = await v1.post(dealer, path, {"from": "2023-11-14T22:13:20Z"})
    none = await v1.post(
        dealer, path, {"from": "2023-11-14T22:00:00Z", "to": "2023-11-14T22:13:20Z"}
    )

    assert [(reply.status, reply.json) for reply in (one, many, none)] == [
        (202, {"object": "replay", "count": count}) for count in (1, 1, 0)
    ]


async def test_a_replay_under_its_key_is_answered_as_it_was_whatever_is_found_now(
    world: World, v1: V1, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)
    path, body = f"/v1/callbacks/{made['id']}/replay", {"from": "2023-11-14T22:13:20Z"}
    world.clock.advance(1)
    await world.events()
    first = await v1.post(dealer, path, body, key="a night")
    monkeypatch.setattr(manage_endpoints, "MOST_READ", 0)

    again = await v1.post(dealer, path, body, key="a night")
    other = await v1.post(dealer, path, body)

    assert (first.status, first.json["count"]) == (202, 1)
    assert (again.status, again.json) == (first.status, first.json)
    assert (other.status, other.json["code"]) == (422, "invalid")


async def test_to_replay_a_stretch_of_time_costs_more_than_a_call(world: World, v1: V1) -> None:
    dealer = await world.dealer()
    made = await added(v1, dealer)
    path = f"/v1/callbacks/{made['id']}/replay"
    world.clock.advance(60)

    left = []
    while (reply := await v1.post(dealer, path, {"from": "2023-11-14T22:13:20Z"})).status == 202:
        left.append(reply.headers["ratelimit"].partition(";t=")[0])

    assert left == [f'"default";r={calls}' for calls in (74, 48, 22)]
    assert (reply.status, reply.json["code"]) == (429, "rate_limited")
    assert int(reply.headers["retry-after"]) > 0
