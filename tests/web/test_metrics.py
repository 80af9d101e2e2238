from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from calling_back import queue
from conftest import world_in
from simlet.config import Settings, WebSettings
from simlet.domain.health import Reception
from simlet.testing.site import Reply, Site, site_of
from simlet.testing.world import World
from simlet.web.metrics import KEPT_S
from watching import RULES, see, turn, watch

pytestmark = pytest.mark.anyio

TOKEN = "a-token-for-the-collector"
WITH_TOKEN = Settings(web=WebSettings(metrics_token=TOKEN))
NUMBER = "0967000001"

Figures = dict[tuple[str, str], float]


@pytest.fixture
async def metered(database_url: str) -> AsyncIterator[Site]:
    """A server whose operator set a token."""
    async with world_in(database_url) as world:
        told = World(world.db, settings=WITH_TOKEN)
        async with site_of(told) as site:
            yield site


async def ask(site: Site, token: str = TOKEN) -> Reply:
    return await site.get("/metrics", {"authorization": f"Bearer {token}"})


async def figures(site: Site) -> Figures:
    """Each figure by its name and the values of its labels."""
    site.world.clock.advance(KEPT_S)
    reply = await ask(site)
    assert reply.status == 200
    families = text_string_to_metric_families(reply.raw.decode())
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_without_a_token_set_there_is_no_such_address(site: Site) -> None:
    assert (await site.get("/metrics")).status == 404
    assert (await site.get("/metrics", {"authorization": "Bearer "})).status == 404


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é"])
async def test_another_token_is_refused(metered: Site, token: str) -> None:
    reply = await ask(metered, token)
    assert reply.status == 401
    assert TOKEN.encode() not in reply.raw


async def test_no_header_is_refused(metered: Site) -> None:
    assert (await metered.get("/metrics")).status == 401


async def test_figures_come_as_text_in_the_version_that_is_asked_for_by_all(
    metered: Site,
) -> None:
    reply = await ask(metered)
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_messages_and_rentals_are_counted(metered: Site) -> None:
    world = metered.world
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER, "0967000002")
    dealer = await world.dealer()
    assert (await figures(metered))["simlet_messages_total", "kept"] == 0
    first = (await world.rent(dealer, 4)).rental
    await world.sms("0" + first.number[3:], "Your code is 486460")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, "You won 5 million", sender="Bank")
    await world.events()

    some = await figures(metered)
    assert some["simlet_messages_total", "kept"] == 1
    assert some["simlet_messages_total", "quarantined"] == 1
    assert some["simlet_rentals_total", "begun"] == 2
    assert some["simlet_rentals_total", "received"] == 1
    assert some["simlet_rentals_waiting", ""] == 1

    world.clock.advance(60)
    await world.expire()
    await world.events()
    more = await figures(metered)
    assert more["simlet_messages_total", "kept"] == 1
    assert more["simlet_rentals_total", "expired"] == 1
    assert more["simlet_rentals_waiting", ""] == 0


async def test_lines_and_gateways_are_told_by_their_state(metered: Site) -> None:
    world = metered.world
    gate, _ = await world.gateway("gate")
    down, _ = await world.gateway("other")
    await world.gateway("unknown")
    await world.lines(NUMBER, "0967000002", "0967000003")
    await see(world, gate, NUMBER, Reception.NO_SIM)
    await turn(world, gate, up=True)
    await turn(world, down, up=False)
    world.clock.advance(RULES.grace_s)
    await watch(world)
    await world.events()

    some = await figures(metered)

    assert some["simlet_lines", "active"] == 2
    assert some["simlet_lines", "unheard"] == 1
    assert some["simlet_lines", "failing"] == 0
    assert some["simlet_gateway_up", "gate"] == 1
    assert some["simlet_gateway_up", "other"] == 0
    assert ("simlet_gateway_up", "unknown") not in some
    assert some["simlet_line_moves_total", "rested"] == 1
    assert some["simlet_gateway_turns_total", "down"] == 1


async def test_the_oldest_callback_that_was_not_posted_has_its_age(metered: Site) -> None:
    world = metered.world
    assert (await figures(metered))["simlet_callbacks_oldest_pending_seconds", ""] == 0
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(callback_url="https://dealer.test/")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, "Your code is 486460")
    await queue(world)
    world.clock.advance(100)

    some = await figures(metered)

    assert some["simlet_callbacks_pending", ""] == 1
    assert some["simlet_callbacks_oldest_pending_seconds", ""] == 100 + KEPT_S


async def test_figures_are_kept_for_some_seconds(metered: Site) -> None:
    before = await figures(metered)
    await metered.world.lines(NUMBER)

    metered.world.clock.advance(KEPT_S - 0.001)
    soon = (await ask(metered)).raw
    later = await figures(metered)

    assert b'simlet_lines{state="active"} 0.0' in soon
    assert before["simlet_lines", "active"] == 0
    assert later["simlet_lines", "active"] == 1


async def test_no_number_and_no_iccid_is_told(metered: Site) -> None:
    world = metered.world
    gate, _ = await world.gateway("gate")
    await world.lines(NUMBER)
    await see(world, gate, NUMBER)
    raw = (await ask(metered)).raw.decode()
    assert "967000001" not in raw
    assert "8984" not in raw
