"""What gateways do not take, and what the operator's log says of it."""

import pytest
from structlog.testing import capture_logs

from gateways.shed import supervised
from simlet.flows.manage_gateways import add_gateway
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.registry import KINDS
from simlet.testing.driver_kit import SECRET, FakeSupervisor
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

BEARER = {"authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    ("kind", "route", "settings"),
    [
        ("android", "events", {"signing_key": "k"}),
        ("gammu", "messages", {}),
        ("http", "messages", {}),
        ("http", "calls", {}),
        ("twilio", "messages", {"auth_token": "t"}),
        ("webhook", "", {}),
    ],
)
@pytest.mark.parametrize("headers", [{}, BEARER], ids=["nobody", "known"])
@pytest.mark.parametrize("body", [b"{}", b'{"text": "486460"', b'{"to": "486460"}'])
async def test_each_refusal_says_why_and_nothing_of_what_came(
    kind: str, route: str, settings: dict[str, Value], headers: dict[str, str], body: bytes
) -> None:
    driver = KINDS[kind].make(FakeSupervisor().context(KINDS[kind], settings))
    answer = await driver.answer(HttpRequest("POST", route, headers, body))
    assert 400 <= answer.status < 500
    assert answer.reason
    assert "486460" not in answer.reason
    assert SECRET not in answer.reason


async def test_the_log_says_why_a_request_was_not_taken(world: World) -> None:
    await world.gateway("gate")
    async with supervised(world) as supervisor:
        with capture_logs() as lines:
            await supervisor.answer("gate", HttpRequest("POST", "messages", {}, b"{}"))
    (told,) = [one for one in lines if one["event"] == "request_refused"]
    assert (told["status"], told["reason"]) == (401, "the secret is missing or wrong")


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 415), ("BR", 415), ("identity", 401), ("", 401)]
)
async def test_a_compressed_body_is_refused_as_that(
    world: World, encoding: str, status: int
) -> None:
    await world.gateway("gate")
    request = HttpRequest("POST", "messages", {"content-encoding": encoding}, b"\x1f\x8b")
    async with supervised(world) as supervisor:
        with capture_logs() as lines:
            answer = await supervisor.answer("gate", request)
    assert answer is not None
    assert answer.status == status
    assert [one["status"] for one in lines if one["event"] == "request_refused"] == [status]


@pytest.mark.parametrize("kind", ["android", "twilio"])
async def test_a_flood_of_wrong_signatures_fills_no_log(world: World, kind: str) -> None:
    settings: dict[str, Value] = {"signing_key": "k"} if kind == "android" else {"auth_token": "t"}
    await world.db.write(add_gateway, "gate", kind, settings, None, world.clock.now_ms())
    route = "events" if kind == "android" else "messages"
    async with supervised(world) as supervisor:
        with capture_logs() as lines:
            for _ in range(5):
                await supervisor.answer("gate", HttpRequest("POST", route, {}, b"{}"))
    assert [one["event"] for one in lines] == ["request_refused"]
