"""Who may call the first API, and with which token."""

from typing import Any

import pytest

from simlet.domain.principal import Tier
from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    format_gateway_secret,
    format_token,
    hash_secret,
)
from simlet.flows.manage_accounts import (
    add_account,
    approve_account,
    resume_account,
    revoke_tokens,
    suspend_account,
)
from simlet.store import accounts
from simlet.testing.world import World
from web.first_api.answers import METHODS, UNAUTHENTICATED, refusal
from web.first_api.api import Api

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", METHODS)
async def test_every_method_asks_for_a_token(api: Api, path: str) -> None:
    assert refusal((await api.get(path)).json) == UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_is_taken_from_the_header_as_well(api: Api, scheme: str) -> None:
    dealer = await api.world.dealer(balance_dong=700)

    reply = await api.get("/api/?show=balance", {"Authorization": f"{scheme} {dealer.token}"})

    assert reply.json["data"] == {"balance": 700}


@pytest.mark.parametrize("header", ["{}", "Basic {}", "Bearer", "Bearer x{}", "Token {}"])
async def test_another_header_is_no_token(api: Api, header: str) -> None:
    dealer = await api.world.dealer()

    reply = await api.get("/api/?show=balance", {"Authorization": header.format(dealer.token)})

    assert refusal(reply.json) == UNAUTHENTICATED


async def _token_of_a_member(world: World) -> str:
    await world.dealer("someone", tier=Tier.MEMBER)
    return await _given_token(world, "someone")


async def _token_of_a_pending_account(world: World) -> str:
    await world.db.write(add_account, "someone", Tier.DEALER, 10, None, world.clock.now_ms())
    return await _given_token(world, "someone")


async def _given_token(world: World, name: str) -> str:
    """A token put into the database past the rules, which would not give one."""
    token = format_token(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))
    account = await world.db.read(accounts.account_by_name, name)
    assert account is not None
    await world.db.write(accounts.add_token, account.id, hash_secret(token), world.clock.now_ms())
    return token


async def _token_of_a_suspended_account(world: World) -> str:
    dealer = await world.dealer("someone")
    await world.db.write(suspend_account, "someone", world.clock.now_ms())
    return dealer.token


async def _revoked_token(world: World) -> str:
    dealer = await world.dealer("someone")
    await world.db.write(revoke_tokens, "someone", world.clock.now_ms())
    return dealer.token


async def _mistyped_token(world: World) -> str:
    token = (await world.dealer("someone")).token
    return token[:-1] + ("x" if token[-1] != "x" else "y")


async def _token_of_nobody(world: World) -> str:
    return format_token(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))


async def _secret_of_a_gateway(world: World) -> str:
    return format_gateway_secret(world.runtime.random_bytes(TOKEN_RANDOM_BYTES))


@pytest.mark.parametrize(
    "token_of",
    [
        _token_of_a_member,
        _token_of_a_pending_account,
        _token_of_a_suspended_account,
        _revoked_token,
        _mistyped_token,
        _token_of_nobody,
        _secret_of_a_gateway,
    ],
)
async def test_such_a_token_is_refused_by_every_method(api: Api, token_of: Any) -> None:
    await api.world.service(4)
    await api.world.lines("0967000001")
    token = await token_of(api.world)
    before = await api.rows()

    for path in METHODS:
        joint = "&" if "?" in path else "?"
        reply = await api.get(f"{path}{joint}token={token}")
        assert refusal(reply.json) == UNAUTHENTICATED, path

    assert await api.rows() == before


async def test_a_token_works_from_the_approval_on(api: Api) -> None:
    token = await _token_of_a_pending_account(api.world)
    await api.world.db.write(approve_account, "someone", "a tester", api.world.clock.now_ms())

    assert (await api.get(f"/api/?show=balance&token={token}")).json["success"] is True


async def test_a_token_works_again_after_the_suspension(api: Api) -> None:
    token = await _token_of_a_suspended_account(api.world)
    await api.world.db.write(resume_account, "someone", api.world.clock.now_ms())

    assert (await api.get(f"/api/?show=balance&token={token}")).json["success"] is True
