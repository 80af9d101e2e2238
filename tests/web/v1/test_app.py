"""What all operations have in common: who may ask, how often, where, and what is said of it."""

import io
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from simlet.config import Settings, V1Settings
from simlet.domain.principal import Tier
from simlet.flows.manage_accounts import revoke_tokens, suspend_account
from simlet.store.database import Database
from simlet.store.sql import DatabaseFault
from simlet.testing.world import World
from simlet.web.v1.table import OPERATIONS
from web.v1.api import V1

pytestmark = pytest.mark.anyio


async def test_a_token_in_the_header_admits(v1: V1) -> None:
    dealer = await v1.world.dealer()
    reply = await v1.call("GET", "/v1/balance", token=dealer.token)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer simlet_wrong"},
        {"authorization": "Basic {token}"},
        {"authorization": "{token}"},
        {"token": "{token}"},
        {"x-api-key": "{token}"},
    ],
)
async def test_nothing_else_admits(v1: V1, headers: dict[str, str]) -> None:
    dealer = await v1.world.dealer()
    sent = {name: text.format(token=dealer.token) for name, text in headers.items()}
    reply = await v1.call("GET", "/v1/balance", headers=sent)
    assert reply.status == 401
    assert reply.json["code"] == "unauthenticated"
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "ratelimit" not in reply.headers


async def test_a_token_in_the_query_admits_nobody(v1: V1) -> None:
    dealer = await v1.world.dealer()
    assert (await v1.call("GET", f"/v1/balance?token={dealer.token}")).status == 401


async def test_a_suspended_account_and_a_member_are_not_admitted(v1: V1) -> None:
    world = v1.world
    dealer = await world.dealer("one")
    await world.db.write(suspend_account, "one", world.clock.now_ms())
    member = await world.dealer("two", tier=Tier.MEMBER)
    for token in (dealer.token, member.token):
        assert (await v1.call("GET", "/v1/balance", token=token)).status == 401


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
async def test_no_operation_answers_without_a_token(v1: V1, operation: Any) -> None:
    path = operation.path.replace("{id}", "1")
    before = await v1.rows()
    reply = await v1.call(operation.method, path, body={"service": "wrong", "x": 1})
    assert reply.status == 401
    assert await v1.rows() == before


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/rentals/", "/v1/rental", "/v1/rentals/1/", "/v1/rentals/1/x", "/v1//1",
     "/v1/rentals//cancel", "/v1/rentals/1/cancel/2", "/v1/%00"],
)  # fmt: skip
async def test_an_address_that_there_is_not_is_told_as_such(v1: V1, path: str) -> None:
    reply = await v1.call("GET", path)
    assert reply.status == 404
    assert reply.json["code"] == "address_unknown"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/rentals", "GET, HEAD, POST"),
        ("PUT", "/v1/rentals/1", "GET, HEAD"),
        ("GET", "/v1/rentals/1/cancel", "POST"),
        ("HEAD", "/v1/rentals/1/cancel", "POST"),
        ("OPTIONS", "/v1/balance", "GET, HEAD"),
        ("POST", "/v1/openapi.json", "GET, HEAD"),
        ("nonsense", "/v1/balance", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_taken_is_told_with_those_that_are(
    v1: V1, method: str, path: str, allowed: str
) -> None:
    reply = await v1.call(method, path)
    assert reply.status == 405
    assert reply.headers["allow"] == allowed


async def test_head_is_get_without_the_body(v1: V1) -> None:
    dealer = await v1.world.dealer()
    whole = await v1.call("GET", "/v1/account", token=dealer.token)
    head = await v1.call("HEAD", "/v1/account", token=dealer.token)
    assert head.status == 200
    assert head.raw == b""
    assert head.headers["content-length"] == str(len(whole.raw))


async def test_head_of_a_rental_changes_nothing(v1: V1) -> None:
    dealer = await v1.world.dealer()
    before = await v1.rows()
    assert (await v1.call("HEAD", "/v1/rentals", token=dealer.token)).status == 200
    assert await v1.rows() == before


@pytest.mark.parametrize("given", ["mine-17", "!" * 64])
async def test_a_request_id_is_given_back(v1: V1, given: str) -> None:
    reply = await v1.call("GET", "/v1/balance", headers={"request-id": given})
    assert reply.headers["request-id"] == given


@pytest.mark.parametrize("given", ["", "!" * 65, "a b", "é", "a\tb"])
async def test_a_request_id_that_is_none_is_replaced(v1: V1, given: str) -> None:
    reply = await v1.call("GET", "/v1/balance", headers={"request-id": given})
    assert reply.headers["request-id"].startswith("req_")


def limited(world: World, calls_per_s: float, burst: int) -> V1:
    world.runtime = replace(
        world.runtime, settings=Settings(v1=V1Settings(calls_per_s=calls_per_s, burst=burst))
    )
    return V1(world)


async def test_a_token_that_calls_too_often_is_told_when_to_call_again(world: World) -> None:
    v1 = limited(world, 0.5, 2)
    dealer, other = await world.dealer("one"), await world.dealer("two")
    for left in (1, 0):
        reply = await v1.call("GET", "/v1/balance", token=dealer.token)
        assert reply.status == 200
        assert reply.headers["ratelimit"].startswith(f'"default";r={left};')
    refused = await v1.call("GET", "/v1/balance", token=dealer.token)
    assert refused.status == 429
    assert refused.json["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=4'
    assert (await v1.call("GET", "/v1/balance", token=other.token)).status == 200
    world.clock.advance(2)
    assert (await v1.call("GET", "/v1/balance", token=dealer.token)).status == 200


async def test_what_is_beyond_the_limit_does_nothing(world: World) -> None:
    v1 = limited(world, 0.5, 1)
    dealer = await world.dealer()
    await world.service(1)
    await world.lines("0912345678")
    await v1.get(dealer, "/v1/balance")
    before = await v1.rows()
    assert (await v1.post(dealer, "/v1/rentals", {"service": 1}, key="k")).status == 429
    assert await v1.rows() == before


async def test_a_wrong_call_counts_as_well(world: World) -> None:
    v1 = limited(world, 0.5, 1)
    dealer = await world.dealer()
    assert (await v1.call("GET", "/v1/balance?x=1", token=dealer.token)).status == 422
    assert (await v1.call("GET", "/v1/balance", token=dealer.token)).status == 429


async def test_a_fault_is_answered_as_one_and_logged_without_secrets(
    v1: V1, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    dealer = await v1.world.dealer()

    async def fail(*_: object, **__: object) -> None:
        raise DatabaseFault("the disk is full")

    monkeypatch.setattr(Database, "read", fail)
    reply = await v1.call(
        "GET", "/v1/rentals/1000001/messages", token=dealer.token, headers={"request-id": "r7"}
    )
    assert reply.status == 503
    assert reply.json["code"] == "fault"
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["request-id"] == "r7"
    assert "disk" not in reply.raw.decode()
    (line,) = (msgspec.json.decode(one) for one in log.getvalue().splitlines())
    assert (line["level"], line["event"], line["request_id"]) == ("error", "call_failed", "r7")
    assert line["path"] == "/v1/rentals/…/messages"
    assert dealer.token not in log.getvalue()


@pytest.mark.parametrize("size", [16_385, 1_000_000])
async def test_a_body_that_is_too_large_is_refused(v1: V1, size: int) -> None:
    dealer = await v1.world.dealer()
    reply = await v1.call("POST", "/v1/rentals", token=dealer.token, raw=b" " * size)
    assert reply.status == 413
    assert reply.json["code"] == "body_too_large"


async def test_a_body_as_large_as_may_be_is_read(v1: V1) -> None:
    dealer = await v1.world.dealer()
    raw = b'{"service":1}'.ljust(16_384)
    headers = {"content-type": "application/json"}
    reply = await v1.call("POST", "/v1/rentals", token=dealer.token, raw=raw, headers=headers)
    assert reply.json["code"] == "service_unavailable"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_not_said_to_be_json_is_refused(
    v1: V1, content_type: str | None
) -> None:
    dealer = await v1.world.dealer()
    headers = {"content-type": content_type} if content_type else {}
    reply = await v1.call(
        "POST", "/v1/rentals", token=dealer.token, raw=b'{"service":1}', headers=headers
    )
    assert reply.status == 415


@pytest.mark.parametrize("key", ["", "é", "k" * 256, "a\tb"])
async def test_an_idempotency_key_that_is_none_is_refused(v1: V1, key: str) -> None:
    dealer = await v1.world.dealer()
    before = await v1.rows()
    reply = await v1.post(dealer, "/v1/rentals", {"service": 1}, key=key)
    assert reply.status == 422
    assert reply.json["errors"][0]["name"] == "Idempotency-Key"
    assert await v1.rows() == before


async def test_a_revoked_token_is_not_admitted(v1: V1) -> None:
    dealer = await v1.world.dealer("one")
    await v1.world.db.write(revoke_tokens, "one", v1.world.clock.now_ms())
    assert (await v1.call("GET", "/v1/balance", token=dealer.token)).status == 401
