import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.manage_gateways import add_gateway, console_gateway
from simlet.store.gateways import Gateway
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

NOW_MS = 1_700_000_000_000
HASH = hash_secret("a secret for tests")


async def test_a_gateway_is_kept_as_it_was_added(world: World) -> None:
    settings: dict[str, str | int | float | bool] = {"delay_s": 1.5, "name": "x", "on": True}
    gateway_id = await world.db.write(add_gateway, "rack-1", "http", settings, HASH, NOW_MS)

    found = await world.db.read(browse.find_gateway, "rack-1")
    assert found == Gateway(gateway_id, "rack-1", "http", settings, HASH)
    assert await world.db.read(browse.list_gateways) == [found]


async def test_a_gateway_may_have_no_secret(world: World) -> None:
    await world.db.write(add_gateway, "sim", "simulator", {}, None, NOW_MS)

    found = await world.db.read(browse.find_gateway, "sim")
    assert found is not None
    assert found.secret_hash is None


async def test_an_unknown_gateway_is_not_found(world: World) -> None:
    assert await world.db.read(browse.find_gateway, "nowhere") is None


@pytest.mark.parametrize("name", ["", "a b", "a/b", "_a", "é", "a" * 65])
async def test_a_gateway_needs_a_plain_name(world: World, name: str) -> None:
    with pytest.raises(Refused) as refused:
        await world.db.write(add_gateway, name, "http", {}, HASH, NOW_MS)
    assert refused.value.refusal is errors.INVALID


async def test_a_name_is_given_once(world: World) -> None:
    await world.db.write(add_gateway, "rack-1", "http", {}, HASH, NOW_MS)
    with pytest.raises(Refused) as refused:
        await world.db.write(add_gateway, "rack-1", "simulator", {}, None, NOW_MS)
    assert refused.value.refusal is errors.GATEWAY_EXISTS


async def test_a_new_gateway_is_one_event_without_its_secret(world: World) -> None:
    gateway_id = await world.db.write(add_gateway, "rack-1", "http", {}, HASH, NOW_MS)

    (event,) = await world.events()
    assert event.kind is EventKind.GATEWAY_ADDED
    assert event.data == {"gateway_id": gateway_id, "kind": "http"}


async def test_the_console_is_added_when_it_is_first_asked_for(world: World) -> None:
    first = await world.db.write(console_gateway, NOW_MS)
    again = await world.db.write(console_gateway, NOW_MS)

    assert first == again
    assert (first.kind, first.secret_hash) == ("console", None)
    assert len(await world.events()) == 1
