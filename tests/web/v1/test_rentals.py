"""Rentals and requests as their dealer sees them, and what it may do with them."""

import asyncio
from typing import Any

import pytest

from simlet.flows.forget_old import forget_old
from simlet.testing.site import Site
from simlet.testing.world import Dealer, World
from web.v1.api import V1

pytestmark = pytest.mark.anyio

CODE = "482913 is your Yahoo code"


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with two services and five lines to rent."""
    await world.service(1, extend_s=60, extend_times=1)
    await world.service(2, name="Slow", cancel_after_s=30)
    await world.lines(*(f"091234567{number}" for number in range(5)))
    return await world.dealer(balance_dong=100_000)


async def rent(v1: V1, dealer: Dealer, service: int = 1) -> dict[str, Any]:
    reply = await v1.post(dealer, "/v1/rentals", {"service": service})
    assert reply.status == 201, reply.raw
    rental: dict[str, Any] = reply.json
    return rental


async def test_a_received_rental_shows_its_code(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    v1.world.clock.advance(9)
    await v1.world.sms(rental["national_number"], CODE)
    shown = await v1.get(dealer, f"/v1/rentals/{rental['id']}")
    del rental["callback_secret"]
    assert shown == rental | {
        "state": "received",
        "code": "482913",
        "text": CODE,
        "sender": "Yahoo",
        "kind": "sms",
        "closed_at": "2023-11-14T22:13:29.000Z",
        "extendable": False,
    }


async def test_reading_a_code_is_noted(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    await v1.get(dealer, f"/v1/rentals/{rental['id']}")
    await v1.world.runtime.reads.flush()
    assert await v1.world.rows("SELECT * FROM reads") == []
    await v1.world.sms(rental["national_number"], CODE)
    await v1.get(dealer, f"/v1/rentals/{rental['id']}")
    await v1.get(dealer, "/v1/rentals")
    await v1.get(dealer, f"/v1/rentals/{rental['id']}/messages")
    await v1.world.runtime.reads.flush()
    rows = await v1.world.rows("SELECT rental_id, via, times FROM reads")
    assert [tuple(row) for row in rows] == [(rental["id"], "v1", 3)]


async def reads(v1: V1) -> list[tuple[object, ...]]:
    await v1.world.runtime.reads.flush()
    return [tuple(one) for one in await v1.world.rows("SELECT rental_id, via, times FROM reads")]


async def read_all(v1: V1, dealer: Dealer, rental_id: int) -> None:
    for path in (f"/{rental_id}", "", f"/{rental_id}/messages"):
        await v1.get(dealer, f"/v1/rentals{path}")
    await v1.get(dealer, "/v1/events?after=0")
    await v1.post(dealer, f"/v1/rentals/{rental_id}/cancel")


@pytest.mark.parametrize("kind", ["sms", "call"])
async def test_what_was_erased_is_read_by_nobody(v1: V1, dealer: Dealer, kind: str) -> None:
    rental = await rent(v1, dealer)
    if kind == "sms":
        await v1.world.sms(rental["national_number"], CODE)
    else:
        await v1.world.call(rental["national_number"], transcript="", wav=b"RIFF....")
    await v1.world.events()
    v1.world.clock.advance(24 * 3600 + 1)
    await v1.world.db.write(forget_old, v1.world.clock.now_ms(), 24, 100)
    await read_all(v1, dealer, rental["id"])
    assert await reads(v1) == []


async def test_reading_a_recording_without_words_is_noted(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    await v1.world.call(rental["national_number"], transcript="", wav=b"RIFF....")
    await v1.world.events()
    await read_all(v1, dealer, rental["id"])
    # Among the events it is told with the message, and with the end of the rental.
    assert await reads(v1) == [(rental["id"], "v1", 6)]


async def test_reading_a_text_in_which_no_code_is_found_is_noted(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    await v1.world.sms(rental["national_number"], "open this link")
    await v1.world.events()
    await v1.get(dealer, f"/v1/rentals/{rental['id']}")
    assert await reads(v1) == []
    await v1.get(dealer, f"/v1/rentals/{rental['id']}/messages")
    await v1.get(dealer, "/v1/events?after=0")
    assert await reads(v1) == [(rental["id"], "v1", 2)]


async def test_a_message_that_is_withheld_is_read_by_nobody(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    v1.world.clock.advance(300)
    await v1.world.expire()
    sent_at_ms = v1.world.clock.now_ms() - 1000
    await v1.world.sms(rental["national_number"], CODE, sent_at_ms=sent_at_ms)
    await v1.world.events()
    (message,) = (await v1.get(dealer, f"/v1/rentals/{rental['id']}/messages"))["data"]
    assert message["withheld"]
    await read_all(v1, dealer, rental["id"])
    assert await reads(v1) == []


async def test_a_call_shows_its_recording(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    await v1.world.call(rental["national_number"], transcript="mã 482913", wav=b"RIFF....")
    shown = await v1.get(dealer, f"/v1/rentals/{rental['id']}")
    assert (shown["kind"], shown["code"]) == ("call", "482913")
    assert shown["recording_url"].startswith("http://simlet.test/recordings/")
    (message,) = (await v1.get(dealer, f"/v1/rentals/{rental['id']}/messages"))["data"]
    assert message["recording_url"] == shown["recording_url"]


async def test_a_wait_answers_the_moment_the_code_is_there(site: Site, dealer: Dealer) -> None:
    rented = (await site.world.rent(dealer, 1)).rental
    headers = {"authorization": f"Bearer {dealer.token}"}
    asked = asyncio.create_task(site.get(f"/v1/rentals/{rented.id}?wait_s=60", headers))
    await site.world.clock.wait_for_sleeping(1)
    await site.world.sms(rented.number, CODE)
    assert (await asked).json["code"] == "482913"


async def test_rentals_are_listed_newest_first_by_pages(v1: V1, dealer: Dealer) -> None:
    ids = [(await rent(v1, dealer))["id"] for _ in range(5)]
    found, cursor = [], ""
    for size in (2, 2, 1):
        page = await v1.get(dealer, f"/v1/rentals?limit=2{cursor}")
        assert page["object"] == "list"
        assert len(page["data"]) == size
        found += [one["id"] for one in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert found == sorted(ids, reverse=True)
    assert cursor == "&cursor=None"


async def test_rentals_are_listed_by_state_service_and_time(v1: V1, dealer: Dealer) -> None:
    first = await rent(v1, dealer)
    await v1.world.sms(first["national_number"], CODE)
    v1.world.clock.advance(60)
    second = await rent(v1, dealer, 2)

    async def listed(query: str) -> list[int]:
        return [one["id"] for one in (await v1.get(dealer, f"/v1/rentals?{query}"))["data"]]

    assert await listed("state=received") == [first["id"]]
    assert await listed("service=2") == [second["id"]]
    assert await listed("service=2&state=received") == []
    assert await listed(f"created_from={second['created_at']}") == [second["id"]]
    assert await listed(f"created_to={second['created_at']}") == [first["id"]]


async def test_a_cancelled_rental_gives_its_price_back(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    reply = await v1.post(dealer, f"/v1/rentals/{rental['id']}/cancel")
    assert (reply.status, reply.json["state"]) == (200, "cancelled")
    kinds = [one["kind"] for one in (await v1.get(dealer, _of(rental, "ledger")))["data"]]
    assert kinds == ["hold", "release"]
    assert (await v1.get(dealer, "/v1/balance"))["held_dong"] == 0


async def test_too_early_a_cancel_is_refused_with_the_time_to_wait(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer, 2)
    assert rental["cancellable_at"] == "2023-11-14T22:13:50.000Z"
    v1.world.clock.advance(10)
    reply = await v1.post(dealer, _of(rental, "cancel"))
    assert (reply.status, reply.json["code"]) == (409, "cancel_too_early")
    assert reply.json["retry_after_s"] == 20
    assert reply.headers["retry-after"] == "20"


async def test_a_cancel_that_comes_behind_the_code_answers_with_the_code(
    v1: V1, dealer: Dealer
) -> None:
    rental = await rent(v1, dealer)
    await v1.world.sms(rental["national_number"], CODE)
    reply = await v1.post(dealer, _of(rental, "cancel"))
    assert (reply.status, reply.json["state"], reply.json["code"]) == (200, "received", "482913")
    kinds = [one["kind"] for one in (await v1.get(dealer, _of(rental, "ledger")))["data"]]
    assert kinds == ["hold", "settle"]


async def test_a_reported_rental_is_cancelled_at_once(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer, 2)
    report = {"reason": "number_rejected", "note": "taken"}
    reply = await v1.post(dealer, _of(rental, "report"), report)
    assert reply.status == 200
    assert (reply.json["state"], reply.json["report"]) == ("cancelled", "number_rejected")


async def test_a_rental_is_extended_as_often_as_its_service_allows(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    assert rental["extendable"]
    reply = await v1.post(dealer, _of(rental, "extend"))
    assert reply.status == 200
    assert reply.json["deadline_at"] == "2023-11-14T22:19:20.000Z"
    assert (reply.json["extensions"], reply.json["extendable"]) == (1, False)
    again = await v1.post(dealer, _of(rental, "extend"))
    assert (again.status, again.json["code"]) == (409, "not_extendable")


async def test_messages_that_came_too_late_are_withheld(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    sent_at_ms = v1.world.clock.now_ms()
    v1.world.clock.advance(1)
    await v1.post(dealer, _of(rental, "cancel"))
    v1.world.clock.advance(1)
    await v1.world.sms(rental["national_number"], CODE, sent_at_ms=sent_at_ms)
    (message,) = (await v1.get(dealer, _of(rental, "messages")))["data"]
    assert message["withheld"]
    assert (message["sender"], message["text"], message["code"]) == (None, None, None)


async def test_postings_show_both_sides_as_the_account_sees_them(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    (hold,) = (await v1.get(dealer, _of(rental, "ledger")))["data"]
    del hold["id"]
    assert hold == {
        "object": "posting",
        "kind": "hold",
        "amount_dong": 470,
        "source": "available",
        "target": "held",
        "rental_id": rental["id"],
        "reference": f"hold:{rental['id']}",
        "reason": None,
        "at": rental["created_at"],
    }


async def test_the_timeline_tells_the_steps_in_order(v1: V1, dealer: Dealer) -> None:
    rental = await rent(v1, dealer)
    v1.world.clock.advance(5)
    await v1.world.sms(rental["national_number"], CODE)
    entries = (await v1.get(dealer, _of(rental, "timeline")))["data"]
    assert entries[0] == {
        "object": "timeline_entry",
        "at": rental["created_at"],
        "what": "rented",
        "detail": entries[0]["detail"],
    }
    steps = [one["what"] for one in entries]
    assert steps.index("held") < steps.index("message_kept") < steps.index("settled")


async def test_a_request_is_shown_listed_and_cancelled(v1: V1, dealer: Dealer) -> None:
    wish = {"service": 1, "prefixes": ["032"], "wait_for_stock_s": 60}
    made = [(await v1.post(dealer, "/v1/rentals", wish)).json for _ in range(3)]
    for one in made:
        del one["callback_secret"]
    listed = await v1.get(dealer, "/v1/requests?limit=2")
    assert listed["data"] == [made[2], made[1]]
    rest = await v1.get(dealer, f"/v1/requests?cursor={listed['next_cursor']}")
    assert rest["data"] == [made[0]]
    assert rest["next_cursor"] is None
    reply = await v1.post(dealer, f"/v1/requests/{made[0]['id']}/cancel")
    assert (reply.status, reply.json["state"], reply.json["ahead"]) == (200, "cancelled", None)
    shown = await v1.get(dealer, f"/v1/requests/{made[2]['id']}")
    assert (shown["state"], shown["ahead"]) == ("queued", 1)


def _of(rental: dict[str, Any], what: str) -> str:
    return f"/v1/rentals/{rental['id']}/{what}"
