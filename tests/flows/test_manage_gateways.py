import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.health import LineReport, Reception
from simlet.domain.signing import hash_secret
from simlet.flows import browse
from simlet.flows.manage_gateways import (
    add_gateway,
    change_gateway,
    console_gateway,
    remove_gateway,
    rotate_secret,
)
from simlet.store.gateways import Gateway
from simlet.testing.world import World
from watching import RULES, iccid_of, out_of, report, turn, watch

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
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


def with_more(gateway: Gateway) -> dict[str, str | int | float | bool]:
    return gateway.settings | {"late_s": 9}


async def test_a_changed_gateway_keeps_all_but_its_settings(world: World) -> None:
    gateway_id = await world.db.write(add_gateway, "rack-1", "http", {"on": True}, HASH, NOW_MS)

    changed = await world.db.write(change_gateway, "rack-1", with_more, NOW_MS)

    assert changed == Gateway(gateway_id, "rack-1", "http", {"on": True, "late_s": 9}, HASH)
    assert await world.db.read(browse.find_gateway, "rack-1") == changed
    data = [one.data for one in await world.events() if one.kind is EventKind.GATEWAY_CHANGED]
    assert data == [{"gateway_id": gateway_id, "what": "settings"}]


async def test_settings_that_are_as_they_were_are_no_change(world: World) -> None:
    await world.db.write(add_gateway, "rack-1", "http", {"late_s": 9}, HASH, NOW_MS)
    await world.db.write(change_gateway, "rack-1", with_more, NOW_MS)
    assert [one.kind for one in await world.events()] == [EventKind.GATEWAY_ADDED]


async def test_a_secret_is_put_in_the_place_of_another(world: World) -> None:
    await world.db.write(add_gateway, "rack-1", "http", {}, HASH, NOW_MS)
    other = hash_secret("another secret")

    await world.db.write(rotate_secret, "rack-1", other, NOW_MS)

    found = await world.db.read(browse.find_gateway, "rack-1")
    assert found is not None
    assert found.secret_hash == other
    assert (await world.events())[-1].data == {"gateway_id": found.id, "what": "secret"}


async def test_a_gateway_without_secret_gets_none(world: World) -> None:
    await world.db.write(add_gateway, "sim", "simulator", {}, None, NOW_MS)
    with pytest.raises(Refused) as refused:
        await world.db.write(rotate_secret, "sim", HASH, NOW_MS)
    assert refused.value.refusal is errors.INVALID


async def test_a_removed_gateway_is_gone_and_its_messages_stay(world: World) -> None:
    gateway_id, _ = await world.gateway("default")
    receipt = await world.sms("0967000001", "hello")
    await world.db.write(remove_gateway, "default", NOW_MS)
    await world.gateway("default")

    (quarantined,) = await world.db.read(browse.list_quarantined, "", "", 10)
    found = await world.db.read(browse.find_gateway, "default")

    assert (quarantined.id, quarantined.gateway) == (receipt.message_id, f"default~{gateway_id}")
    assert await world.db.read(browse.list_gateways) == [found]
    assert await world.db.read(browse.find_gateway, f"default~{gateway_id}") is None
    kinds = [one.kind for one in await world.events()]
    assert kinds.count(EventKind.GATEWAY_REMOVED) == 1


async def test_of_a_removed_gateway_no_settings_and_no_secret_are_kept(world: World) -> None:
    await world.db.write(add_gateway, "g" * 64, "smpp", {"password": "x"}, HASH, NOW_MS)
    await world.db.write(remove_gateway, "g" * 64, NOW_MS)
    (row,) = await world.rows("SELECT settings, secret_hash FROM gateways")
    assert tuple(row) == ("{}", None)


async def test_the_lines_of_a_removed_gateway_leave_until_another_sees_them(world: World) -> None:
    await world.gateway("one")
    other_id, _ = await world.gateway("other")
    await world.lines(NUMBER, gateway="one")
    await world.db.write(remove_gateway, "one", world.clock.now_ms())
    (removed_id,) = (await world.rows("SELECT id FROM gateways WHERE name LIKE 'one%'"))[0]

    # What its driver told last does not count any more.
    await turn(world, removed_id, up=True)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    left = await out_of(world, NUMBER)
    seen = LineReport("a", Reception.READY, await iccid_of(world, NUMBER))
    await report(world, removed_id, seen)
    await watch(world)
    still = await out_of(world, NUMBER)
    await report(world, other_id, seen)
    await watch(world)

    assert (left, still, await out_of(world, NUMBER)) == ("gateway_down", "gateway_down", None)


@pytest.mark.parametrize("name", ["nowhere", "console"])
async def test_what_is_not_there_is_not_changed(world: World, name: str) -> None:
    await world.db.write(console_gateway, NOW_MS)
    for change in (
        lambda tx: change_gateway(tx, name, with_more, NOW_MS),
        lambda tx: rotate_secret(tx, name, HASH, NOW_MS),
        lambda tx: remove_gateway(tx, name, NOW_MS),
    ):
        with pytest.raises(Refused) as refused:
            await world.db.write(change)
        assert refused.value.refusal is errors.GATEWAY_UNKNOWN
