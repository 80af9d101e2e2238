"""Events as streams and callbacks carry them: each told as it was when it happened."""

from typing import Any

import msgspec
import pytest

from simlet.flows.show_events import events_page
from simlet.testing.world import Dealer, World
from simlet.web.v1 import objects
from simlet.web.v1.shapes import event_bytes, moment

pytestmark = pytest.mark.anyio

CODE = "482913 is your Yahoo code"


async def told(world: World, dealer: Dealer) -> dict[str, Any]:
    """All events of a dealer, by their types."""
    await world.events()
    page = await world.db.read(events_page, dealer.id, 0, 100, None)
    raw = [event_bytes(one, lambda message_id, _: f"recording {message_id}") for one in page.events]
    assert all(b"\n" not in one for one in raw)
    for one in raw:
        msgspec.json.decode(one, type=objects.Event)
    return {one["type"]: one for one in map(msgspec.json.decode, raw)}


def test_a_moment_has_milliseconds_and_its_zone() -> None:
    assert moment(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


async def test_each_event_tells_the_rental_as_it_was(world: World) -> None:
    await world.service(1)
    await world.lines("0912345671")
    dealer = await world.dealer()
    rented = await world.rent(dealer, 1)
    world.clock.advance(9)
    await world.sms("0912345671", CODE)
    events = await told(world, dealer)
    waiting, received = events["rental.waiting"], events["rental.received"]
    assert (waiting["rental"]["state"], waiting["rental"]["code"]) == ("waiting", None)
    assert waiting["rental"]["closed_at"] is None
    assert waiting["amount_dong"] == received["amount_dong"] == 470
    assert received["rental"]["id"] == rented.rental.id
    assert (received["rental"]["state"], received["rental"]["code"]) == ("received", "482913")
    assert received["rental"]["closed_at"] == received["at"] == "2023-11-14T22:13:29.000Z"
    message = events["message.kept"]["message"]
    assert (message["code"], message["text"], message["withheld"]) == ("482913", CODE, False)
    assert received["data"] == waiting["data"] == {}


async def test_money_and_requests_have_fields_of_their_own(world: World) -> None:
    dealer = await world.dealer(balance_dong=500)
    credited = (await told(world, dealer))["balance.credited"]
    assert credited == {
        "object": "event",
        "id": credited["id"],
        "type": "balance.credited",
        "at": "2023-11-14T22:13:20.000Z",
        "rental": None,
        "request": None,
        "message": None,
        "amount_dong": 500,
        "data": {},
    }
    assert credited["id"].startswith("evt_")


async def test_a_call_is_told_with_its_recording(world: World) -> None:
    await world.service(1)
    await world.lines("0912345671")
    dealer = await world.dealer()
    await world.rent(dealer, 1)
    await world.call("0912345671", transcript="482913", wav=b"RIFF....")
    events = await told(world, dealer)
    assert events["rental.received"]["rental"]["recording_url"].startswith("recording ")
    assert events["message.kept"]["message"]["recording_url"].startswith("recording ")
    assert events["rental.waiting"]["rental"]["recording_url"] is None
