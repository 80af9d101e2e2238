"""`GET /v1/events` of types that are rare: all are told, and little is looked through twice."""

import pytest

from simlet.store import events
from simlet.testing.site import Site
from simlet.testing.world import Dealer
from web.v1.listening import listening
from web.v1.telling import bearer, many_credits

pytestmark = pytest.mark.anyio

TYPES = "types=rental.waiting"


@pytest.fixture
async def told(site: Site, dealer: Dealer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of two events with many others around them, a part of the log being three."""
    monkeypatch.setattr(events, "SLICE_ROWS", 3)
    for _ in range(2):
        await many_credits(site.world, dealer, 10)
        await site.world.rent(dealer, 4)
    await many_credits(site.world, dealer, 10)
    await site.world.events()
    rows = await site.world.rows(
        "SELECT seq FROM events WHERE kind = 'rental.waiting' ORDER BY seq"
    )
    return [f"evt_{seq}" for (seq,) in rows]


async def test_a_page_goes_on_until_it_is_full_or_the_log_is_at_its_end(
    site: Site, dealer: Dealer, told: list[str]
) -> None:
    whole = (await site.get(f"/v1/events?{TYPES}", bearer(dealer))).json
    assert [one["id"] for one in whole["data"]] == told

    first = (await site.get(f"/v1/events?{TYPES}&limit=1", bearer(dealer))).json
    assert ([one["id"] for one in first["data"]], first["next_cursor"]) == (told[:1], told[0])
    after = first["next_cursor"]
    second = (await site.get(f"/v1/events?{TYPES}&after={after}", bearer(dealer))).json
    assert [one["id"] for one in second["data"]] == told[1:]


async def test_the_next_page_need_not_look_through_what_this_one_did(
    site: Site, dealer: Dealer, told: list[str]
) -> None:
    page = (await site.get(f"/v1/events?{TYPES}&after={told[1]}", bearer(dealer))).json
    looked_to = int(page["next_cursor"].removeprefix("evt_"))
    newest = (await site.world.events())[-1].seq
    assert page["data"] == []
    assert newest - 3 <= looked_to <= newest

    await site.world.rent(dealer, 4)
    await site.world.events()
    page = (await site.get(f"/v1/events?{TYPES}&after=evt_{looked_to}", bearer(dealer))).json
    assert len(page["data"]) == 1


async def test_a_stream_tells_what_is_rare_in_the_past(
    site: Site, dealer: Dealer, told: list[str]
) -> None:
    async with listening(site, dealer, f"?after=0&{TYPES}") as stream:
        assert [one.id for one in await stream.many(2)] == told
