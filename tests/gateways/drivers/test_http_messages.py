import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event

import pytest

from gateways.drivers.http_gate import (
    E164,
    NUMBER,
    PATIENCE_S,
    STARTED,
    Gate,
    call_form,
    gate_in,
    results,
    sms,
    wav,
)
from outages import no_connections, no_writes
from simlet.gateways.posted import MAX_MESSAGES
from simlet.store.database import open_database
from simlet.store.sql import Sql, Tx
from simlet.testing.site import site_of
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def test_a_message_answers_the_rental_that_waits_for_it(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)

    reply = await gate.messages(sms("Your Yahoo code is 486460", id="a1", sent_at=STARTED))

    assert (reply.status, reply.json) == (200, {"results": [{"result": "kept"}]})
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    answer = await gate.code_of(rented.rental.id)
    assert answer["Result"]["Code"] == "486460"
    assert answer["Result"]["SMS"] == "Your Yahoo code is 486460"
    assert await gate.world.book_findings() == []


async def test_messages_are_kept_as_they_came_and_in_their_order(gate: Gate) -> None:
    texts = ["Mã xác minh là 1234 – Điện máy", "  two\r\nlines ", "😀", ""]

    reply = await gate.messages([sms(text) for text in texts])

    assert results(reply) == ["kept"] * 4
    assert await gate.kept("body, sender, to_number") == [(text, "Yahoo", E164) for text in texts]


async def test_a_byte_order_mark_in_front_is_no_part_of_what_is_posted(gate: Gate) -> None:
    one = b'{"to":"0967000001","from":"Yahoo","text":"one"}'
    replies = [await gate.messages(b"\xef\xbb\xbf" + body) for body in (one, b"[" + one + b"]")]
    replies.append(await gate.calls(b"\xef\xbb\xbf" + one))
    assert [results(reply) for reply in replies] == [["kept"]] * 3


async def test_a_batch_of_the_largest_size_is_kept_whole(gate: Gate) -> None:
    reply = await gate.messages([sms(f"text {number}") for number in range(MAX_MESSAGES)])

    assert MAX_MESSAGES == 1000
    assert results(reply) == ["kept"] * 1000
    assert await gate.kept("body") == [(f"text {number}",) for number in range(1000)]


async def test_a_larger_batch_is_refused_whole(gate: Gate) -> None:
    reply = await gate.messages([sms(f"text {number}") for number in range(1001)])

    assert reply.status == 400
    assert "1000" in reply.json["error"]
    assert await gate.kept("id") == []


async def test_an_empty_batch_is_answered_with_no_results(gate: Gate) -> None:
    assert (await gate.messages([])).json == {"results": []}


async def test_bad_messages_of_a_batch_do_not_hold_up_the_good_ones(gate: Gate) -> None:
    batch = [sms("first"), {"to": NUMBER}, 7, sms("second"), sms("third", sent_at="now"), None]

    reply = await gate.messages(batch)

    assert results(reply) == ["kept", "error", "error", "kept", "error", "error"]
    assert await gate.kept("body") == [("first",), ("second",)]


async def test_a_message_that_comes_again_with_its_id_is_a_duplicate(gate: Gate) -> None:
    first = await gate.messages(sms("one", id="m-1"))
    again = await gate.messages([sms("one", id="m-1"), sms("two", id="m-2"), sms("two", id="m-2")])

    assert results(first) == ["kept"]
    assert results(again) == ["duplicate", "kept", "duplicate"]
    assert await gate.kept("body") == [("one",), ("two",)]


async def test_an_id_may_be_a_number(gate: Gate) -> None:
    reply = await gate.messages([sms(id=7), sms(id="7"), sms(id=10**100), sms(id=-1)])
    assert results(reply) == ["kept", "duplicate", "kept", "kept"]


async def test_without_an_id_the_time_it_was_sent_tells_a_duplicate(gate: Gate) -> None:
    reply = await gate.messages(
        [
            sms(sent_at=STARTED),
            sms(sent_at="2023-11-15T05:13:20+07:00"),
            sms(sent_at="2023-11-14T22:13:19Z"),
            sms(),
            sms(),
        ]
    )
    assert results(reply) == ["kept", "duplicate", "kept", "kept", "kept"]


async def test_the_same_id_from_another_gateway_is_another_message(gate: Gate) -> None:
    _, other = await gate.world.gateway("other")

    await gate.messages(sms(id="1"))
    reply = await gate.site.post("/gateways/other/messages", sms(id="1"), other)

    assert results(reply) == ["kept"]


def _hold_writers(tx: Tx, held: Event, free: Event, lock: Sql | None) -> None:
    if lock is not None:
        tx.run(lock)
    held.set()
    assert free.wait(PATIENCE_S)


async def test_the_answer_comes_only_after_the_commit(gate: Gate) -> None:
    held, free = Event(), Event()
    on_sqlite = "Sqlite" in type(gate.world.db.engine).__name__
    lock = None if on_sqlite else Sql("LOCK TABLE messages IN EXCLUSIVE MODE")
    holding = asyncio.create_task(gate.world.db.write(_hold_writers, held, free, lock))
    await asyncio.to_thread(held.wait, PATIENCE_S)

    posting = asyncio.create_task(gate.messages(sms("kept at last")))
    done, _ = await asyncio.wait({posting}, timeout=0.3)
    answered_early = bool(done)
    kept_early = await gate.kept("body")
    free.set()

    assert not answered_early
    assert kept_early == []
    assert results(await posting) == ["kept"]
    assert await gate.kept("body") == [("kept at last",)]
    await holding


# A database that is down


@asynccontextmanager
async def _hasty_gate(url: str) -> AsyncIterator[Gate]:
    """A gate whose database does not wait long for a lock."""
    db = open_database(url, readers=2, pool_size=4, busy_timeout_s=0.05)
    try:
        async with site_of(World(db)) as site:
            yield await gate_in(site)
    finally:
        await db.close()


async def test_while_nothing_can_be_kept_each_message_is_told_and_can_come_again(
    database_url: str,
) -> None:
    async with _hasty_gate(database_url) as gate:
        batch = [sms("one", id="1"), {"to": "x"}, sms("two", id="2")]
        with no_writes(database_url):
            single = await gate.messages(sms("zero", id="0"))
            call = await gate.calls(call_form(wav()))
            many = await gate.messages(batch)
        kept_meanwhile = await gate.kept("body")
        again = await gate.messages([sms("zero", id="0"), *batch])

    assert (single.status, call.status) == (503, 503)
    assert single.json["results"][0]["result"] == "error"
    assert results(many) == ["error"] * 3
    assert "again" in many.json["results"][0]["error"]
    assert kept_meanwhile == []
    assert results(again) == ["kept", "kept", "error", "kept"]


async def test_a_database_that_is_gone_answers_503_and_loses_nothing(postgres_url: str) -> None:
    async with _hasty_gate(postgres_url) as gate:
        with no_connections(postgres_url):
            replies = [await gate.messages(sms(id="1")), await gate.messages([sms(id="1")])]
        again = await gate.messages(sms(id="1"))

    assert [reply.status for reply in replies] == [503, 503]
    assert results(again) == ["kept"]
