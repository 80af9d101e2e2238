"""Idempotency-Key: the first answer again, whatever was asked for; never done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simlet.flows.cancel_rental import cancel_rental
from simlet.store.database import Database
from simlet.store.sql import DatabaseFault
from simlet.testing.world import Dealer, World
from web.v1.api import V1

pytestmark = pytest.mark.anyio

WISH = {"service": 1, "metadata": {"a": "1", "b": "2"}}

End = Callable[[V1, Dealer, int], Awaitable[None]]


@pytest.fixture
async def dealer(world: World) -> Dealer:
    """A dealer with a service and three lines to rent."""
    await world.service(1)
    await world.lines("0912345671", "0912345672", "0912345673")
    return await world.dealer(balance_dong=100_000)


async def waiting(v1: V1, dealer: Dealer) -> int:
    return int((await v1.get(dealer, "/v1/account"))["waiting"])


async def test_a_repeated_request_gets_the_first_answer_again(v1: V1, dealer: Dealer) -> None:
    first = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    again = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    assert again.raw == first.raw
    assert again.status == 201
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await waiting(v1, dealer) == 1


async def test_the_same_wish_in_another_spelling_is_the_same(v1: V1, dealer: Dealer) -> None:
    first = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    raw = b'{ "metadata" : {"b":"\\u0032","a":"1"}, "wait_s":0, "service":1 }'
    again = await v1.call(
        "POST",
        "/v1/rentals",
        token=dealer.token,
        raw=raw,
        headers={"content-type": "application/json; charset=utf-8", "idempotency-key": "k"},
    )
    assert again.raw == first.raw


async def test_another_key_is_another_request(v1: V1, dealer: Dealer) -> None:
    await v1.post(dealer, "/v1/rentals", WISH, key="k")
    await v1.post(dealer, "/v1/rentals", WISH, key="K")
    await v1.post(dealer, "/v1/rentals", WISH)
    assert await waiting(v1, dealer) == 3


async def test_the_key_of_another_account_is_another_key(v1: V1, dealer: Dealer) -> None:
    other = await v1.world.dealer("other")
    first = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    second = await v1.post(other, "/v1/rentals", WISH, key="k")
    assert second.status == 201
    assert second.json["id"] != first.json["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rentals", {"service": 1}),
        ("/v1/rentals", {"service": 1, "wait_s": 1}),
        ("/v1/rentals/1000001/cancel", None),
    ],
)
async def test_a_key_that_was_used_for_another_request_is_refused(
    v1: V1, dealer: Dealer, path: str, body: Any
) -> None:
    await v1.post(dealer, "/v1/rentals", WISH, key="k")
    before = await v1.rows()
    reply = await v1.post(dealer, path, body, key="k")
    assert (reply.status, reply.json["code"]) == (409, "idempotency_key_reused")
    assert await v1.rows() == before


async def test_of_two_at_once_one_runs_and_both_get_its_answer(v1: V1, dealer: Dealer) -> None:
    replies = await asyncio.gather(
        *(v1.post(dealer, "/v1/rentals", WISH, key="k") for _ in range(6))
    )
    assert {one.status for one in replies} == {201}
    assert len({one.raw for one in replies}) == 1
    assert sum("idempotent-replayed" in one.headers for one in replies) == 5
    assert await waiting(v1, dealer) == 1


async def test_a_refusal_is_answered_again_whatever_changed(v1: V1, dealer: Dealer) -> None:
    first = await v1.post(dealer, "/v1/rentals", {"service": 2}, key="k")
    assert (first.status, first.json["code"]) == (404, "service_unavailable")
    await v1.world.service(2, name="Gmail")
    again = await v1.post(dealer, "/v1/rentals", {"service": 2}, key="k")
    assert again.raw == first.raw
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"


async def test_of_two_refused_at_once_both_get_one_answer(v1: V1, dealer: Dealer) -> None:
    replies = await asyncio.gather(
        *(v1.post(dealer, "/v1/rentals", {"service": 2}, key="k") for _ in range(4))
    )
    assert len({one.raw for one in replies}) == 1
    rows = await v1.world.rows("SELECT count(*) FROM idempotency_keys")
    assert rows[0][0] == 1


async def test_a_refusal_that_names_a_time_is_granted_after_it(v1: V1, dealer: Dealer) -> None:
    await v1.world.service(3, name="Slow", cancel_after_s=30)
    rental = (await v1.post(dealer, "/v1/rentals", {"service": 3})).json
    path = f"/v1/rentals/{rental['id']}/cancel"
    first = await v1.post(dealer, path, key="k")
    assert (first.status, first.json["code"]) == (409, "cancel_too_early")
    assert first.headers["retry-after"] == "30"
    v1.world.clock.advance(10)
    assert (await v1.post(dealer, path, key="k")).headers["retry-after"] == "20"
    v1.world.clock.advance(20)
    again = await v1.post(dealer, path, key="k")
    assert (again.status, again.json["state"]) == (200, "cancelled")
    assert (await v1.post(dealer, path, key="k")).raw == again.raw


async def granted_after_the_first_rental(v1: V1, dealer: Dealer, status: int, code: str) -> None:
    """A refusal that ends with the rental that is the cause, whose key serves again then."""
    first = (await v1.post(dealer, "/v1/rentals", WISH)).json
    refused = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    assert (refused.status, refused.json["code"]) == (status, code)
    await v1.post(dealer, f"/v1/rentals/{first['id']}/cancel")
    granted = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    assert (granted.status, "idempotent-replayed" in granted.headers) == (201, False)
    assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).raw == granted.raw
    assert await waiting(v1, dealer) == 1


async def test_when_fewer_wait_the_same_key_rents(v1: V1, dealer: Dealer) -> None:
    one = await v1.world.dealer("one", waiting_limit=1)
    await granted_after_the_first_rental(v1, one, 429, "waiting_limit")


async def test_when_the_price_is_back_the_same_key_rents(v1: V1, dealer: Dealer) -> None:
    poor = await v1.world.dealer("poor", balance_dong=500)
    await granted_after_the_first_rental(v1, poor, 402, "insufficient_funds")


async def test_when_a_line_is_free_again_the_same_key_rents(v1: V1, dealer: Dealer) -> None:
    for _ in range(2):
        await v1.post(dealer, "/v1/rentals", WISH)
    other = await v1.world.dealer("other")
    await granted_after_the_first_rental(v1, other, 409, "out_of_stock")


async def test_a_fault_is_not_kept(v1: V1, dealer: Dealer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise DatabaseFault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", fail)
        assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).status == 503
    reply = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    assert reply.status == 201
    assert "idempotent-replayed" not in reply.headers


async def test_what_was_malformed_is_not_kept(v1: V1, dealer: Dealer) -> None:
    assert (await v1.post(dealer, "/v1/rentals", {"service": "x"}, key="k")).status == 422
    assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).status == 201


async def test_an_input_that_only_the_books_show_to_be_wrong_is_not_kept(
    v1: V1, dealer: Dealer
) -> None:
    wrong = {**WISH, "networks": ["NOPE"]}
    for _ in range(2):
        reply = await v1.post(dealer, "/v1/rentals", wrong, key="k")
        assert (reply.status, reply.json["code"]) == (422, "invalid")
        assert "idempotent-replayed" not in reply.headers
    assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).status == 201


async def test_after_a_day_a_key_is_new(v1: V1, dealer: Dealer) -> None:
    first = await v1.post(dealer, "/v1/rentals", WISH, key="k")
    v1.world.clock.advance(24 * 3600 - 1)
    assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).raw == first.raw
    v1.world.clock.advance(1)
    assert (await v1.post(dealer, "/v1/rentals", WISH, key="k")).json["id"] != first.json["id"]


async def test_a_repeated_renting_that_waits_answers_how_the_rental_stands(
    v1: V1, dealer: Dealer
) -> None:
    v1.world.runtime.feed.dismiss()  # so that waits end at once
    wish = {"service": 1, "wait_s": 60}
    first = (await v1.post(dealer, "/v1/rentals", wish, key="k")).json
    await v1.world.sms(first["national_number"], "482913 is your Yahoo code")
    again = await v1.post(dealer, "/v1/rentals", wish, key="k")
    assert again.status == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.json["id"], again.json["code"]) == (first["id"], "482913")


async def test_a_repeated_cancel_tells_a_code_only_while_it_is_kept(v1: V1, dealer: Dealer) -> None:
    rental = (await v1.post(dealer, "/v1/rentals", WISH)).json
    await v1.world.sms(rental["national_number"], "482913 is your Yahoo code")
    path = f"/v1/rentals/{rental['id']}/cancel"
    first = await v1.post(dealer, path, key="k")
    assert (first.status, first.json["state"], first.json["code"]) == (200, "received", "482913")
    assert (await v1.post(dealer, path, key="k")).raw == first.raw
    rows = await v1.world.rows("SELECT body FROM idempotency_keys")
    assert all(b"482913" not in bytes(row[0]) for row in rows)


QUEUE = {"service": 1, "wait_for_stock_s": 60}


async def queued(v1: V1, dealer: Dealer) -> Dealer:
    """Another dealer, who stands in the queue under the key `k`, as one has all lines."""
    for _ in range(3):
        await v1.world.rent(dealer, 1)
    other = await v1.world.dealer("other", balance_dong=1000)
    assert (await v1.post(other, "/v1/rentals", QUEUE, key="k")).status == 202
    return other


async def expired(v1: V1, _dealer: Dealer, _request_id: int) -> None:
    v1.world.clock.advance(60)
    await v1.world.fill()


async def cancelled(v1: V1, dealer: Dealer, request_id: int) -> None:
    await v1.post(dealer, f"/v1/requests/{request_id}/cancel")


async def refused_for_want_of_money(v1: V1, dealer: Dealer, _request_id: int) -> None:
    await v1.world.service(2, name="Gmail", price_dong=700)
    await v1.world.lines("0912345679")
    await v1.world.rent(dealer, 2)
    await freed(v1)


async def freed(v1: V1) -> None:
    """All that waits for service 1 is cancelled, and who queues has a turn."""
    waiting = "SELECT account_id, id FROM rentals WHERE state = 'waiting' AND service_id = 1"
    for account_id, rental_id in await v1.world.rows(waiting):
        now_ms = v1.world.clock.now_ms()
        await v1.world.db.write(cancel_rental, account_id, rental_id, now_ms)
    await v1.world.fill()


@pytest.mark.parametrize("end", [expired, cancelled, refused_for_want_of_money])
async def test_a_place_in_the_queue_that_came_to_nothing_leaves_its_key_free(
    v1: V1, dealer: Dealer, end: End
) -> None:
    other = await queued(v1, dealer)
    first = (await v1.get(other, "/v1/requests"))["data"][0]
    await end(v1, other, first["id"])
    assert (await v1.get(other, f"/v1/requests/{first['id']}"))["state"] not in {"queued", "filled"}
    await freed(v1)
    await v1.world.credit("other", 1000)

    replies = await asyncio.gather(
        *(v1.post(other, "/v1/rentals", QUEUE, key="k") for _ in range(4))
    )

    assert {one.status for one in replies} == {201}
    assert len({one.raw for one in replies}) == 1
    assert sum("idempotent-replayed" in one.headers for one in replies) == 3
    assert await v1.world.book_findings() == []


async def test_a_place_in_the_queue_that_lasts_or_was_filled_keeps_its_key(
    v1: V1, dealer: Dealer
) -> None:
    other = await queued(v1, dealer)
    first = await v1.post(other, "/v1/rentals", QUEUE, key="k")
    await freed(v1)
    again = await v1.post(other, "/v1/rentals", QUEUE, key="k")

    assert (again.status, again.raw) == (202, first.raw)
    assert again.headers["idempotent-replayed"] == "true"
    assert await waiting(v1, other) == 1
    assert len((await v1.get(other, "/v1/rentals"))["data"]) == 1


async def test_a_queue_that_was_refused_for_good_is_answered_again(v1: V1, dealer: Dealer) -> None:
    other = await queued(v1, dealer)
    await v1.world.tamper("UPDATE services SET paused = TRUE WHERE id = 1")
    await freed(v1)
    first = (await v1.get(other, "/v1/requests"))["data"][0]
    assert first["refusal"] == "service_unavailable"
    await v1.world.tamper("UPDATE services SET paused = FALSE WHERE id = 1")

    again = await v1.post(other, "/v1/rentals", QUEUE, key="k")

    assert (again.status, again.json["id"]) == (202, first["id"])


async def test_what_is_refused_after_a_queue_that_came_to_nothing_is_told(
    v1: V1, dealer: Dealer
) -> None:
    other = await queued(v1, dealer)
    await expired(v1, other, 0)
    await v1.world.tamper("UPDATE services SET paused = TRUE WHERE id = 1")
    for _ in range(2):
        again = await v1.post(other, "/v1/rentals", QUEUE, key="k")
        assert (again.status, again.json["code"]) == (404, "service_unavailable")
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_key_whose_queue_came_to_nothing_is_not_for_another_request(
    v1: V1, dealer: Dealer
) -> None:
    other = await queued(v1, dealer)
    await expired(v1, other, 0)
    reply = await v1.post(other, "/v1/rentals", QUEUE | {"wait_for_stock_s": 61}, key="k")
    assert (reply.status, reply.json["code"]) == (409, "idempotency_key_reused")
