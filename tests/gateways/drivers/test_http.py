import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from random import Random
from threading import Event
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from outages import no_connections, no_writes
from simlet.domain.errors import INVALID, Refused
from simlet.domain.inbound import Inbound
from simlet.domain.rental import RentalState
from simlet.domain.signing import hash_secret, sign_reference
from simlet.flows.forget_old import forget_old
from simlet.gateways.contract import Expected, Fate, HttpRequest, Tools
from simlet.gateways.drivers.http import (
    KIND,
    MAX_BATCH,
    MAX_ID_CHARS,
    MAX_SENDER_CHARS,
    MAX_TEXT_CHARS,
)
from simlet.gateways.settings import check_settings
from simlet.store.database import open_database
from simlet.store.sql import Sql, Tx
from simlet.testing.clock import START_MS, FakeClock
from simlet.testing.site import Reply, Site, site_of
from simlet.testing.world import Dealer, World
from simlet.web.forms import MAX_FIELDS

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
E164 = "+84967000001"
STARTED = "2023-11-14T22:13:20Z"  # START_MS
RECORDING_LIMIT = 2 * 1024 * 1024
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Gate:
    """An HTTP gateway, with one line that can be rented for Yahoo."""

    site: Site
    secret: str
    dealer: Dealer

    @property
    def world(self) -> World:
        return self.site.world

    async def messages(self, body: Any) -> Reply:
        return await self.site.post("/gateways/gate/messages", body, self.secret)

    async def calls(self, body: Any) -> Reply:
        return await self.site.post("/gateways/gate/calls", body, self.secret)

    async def form(self, body: bytes, content_type: str) -> Reply:
        headers = {"authorization": f"Bearer {self.secret}", "content-type": content_type}
        return await self.site.request("POST", "/gateways/gate/calls", headers=headers, data=body)

    async def kept(self, fields: str) -> list[tuple[Any, ...]]:
        """Fields of all messages, in the order in which they were kept."""
        rows = await self.world.rows(f"SELECT {fields} FROM messages ORDER BY id")
        return [tuple(row) for row in rows]

    async def code_of(self, rental_id: int) -> Any:
        """What the dealer reads of a rental."""
        path = f"/api/?show=code&ID={rental_id}&token={self.dealer.token}"
        return (await self.site.get(path)).json

    async def recording_path(self, rental_id: int) -> str:
        """The address of a rental's recording, without the server's."""
        url: str = (await self.code_of(rental_id))["Result"]["CallFile"]
        return url.removeprefix(self.site.base_url)


async def gate_in(site: Site) -> Gate:
    _, secret = await site.world.gateway()
    await site.world.service(4)
    await site.world.lines(NUMBER)
    return Gate(site, secret, await site.world.dealer())


@pytest.fixture
async def gate(site: Site) -> Gate:
    return await gate_in(site)


def sms(text: str = "hello", **others: Any) -> dict[str, Any]:
    return {"to": NUMBER, "from": "Yahoo", "text": text, **others}


def wav(size: int = 100) -> bytes:
    head = b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVEfmt "
    return head + Random(size).randbytes(size - len(head))


def call_form(recording: bytes | None = None, **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, text in {"to": NUMBER, "from": "19001234", **fields}.items():
        form.add_field(name, text)
    if recording is not None:
        form.add_field("recording", BytesIO(recording), filename="a.wav", content_type="audio/wav")
    return form


def fates(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.raw
    return [one["result"] for one in reply.json["results"]]


# Messages


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

    assert fates(reply) == ["kept"] * 4
    assert await gate.kept("body, sender, to_number") == [(text, "Yahoo", E164) for text in texts]


async def test_a_batch_of_the_largest_size_is_kept_whole(gate: Gate) -> None:
    reply = await gate.messages([sms(f"text {number}") for number in range(MAX_BATCH)])

    assert MAX_BATCH == 1000
    assert fates(reply) == ["kept"] * 1000
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

    assert fates(reply) == ["kept", "error", "error", "kept", "error", "error"]
    assert await gate.kept("body") == [("first",), ("second",)]


async def test_a_message_that_comes_again_with_its_id_is_a_duplicate(gate: Gate) -> None:
    first = await gate.messages(sms("one", id="m-1"))
    again = await gate.messages([sms("one", id="m-1"), sms("two", id="m-2"), sms("two", id="m-2")])

    assert fates(first) == ["kept"]
    assert fates(again) == ["duplicate", "kept", "duplicate"]
    assert await gate.kept("body") == [("one",), ("two",)]


async def test_an_id_may_be_a_number(gate: Gate) -> None:
    reply = await gate.messages([sms(id=7), sms(id="7"), sms(id=10**100), sms(id=-1)])
    assert fates(reply) == ["kept", "duplicate", "kept", "kept"]


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
    assert fates(reply) == ["kept", "duplicate", "kept", "kept", "kept"]


async def test_the_same_id_from_another_gateway_is_another_message(gate: Gate) -> None:
    _, other = await gate.world.gateway("other")

    await gate.messages(sms(id="1"))
    reply = await gate.site.post("/gateways/other/messages", sms(id="1"), other)

    assert fates(reply) == ["kept"]


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
    assert fates(await posting) == ["kept"]
    assert await gate.kept("body") == [("kept at last",)]
    await holding


@pytest.mark.parametrize("route", ["messages", "calls"])
async def test_a_secret_that_is_missing_or_wrong_is_refused(gate: Gate, route: str) -> None:
    _, other = await gate.world.gateway("other")
    wrong = gate.secret[:-1] + ("A" if gate.secret[-1] != "A" else "B")
    shown = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {wrong}",
        f"Bearer {other}",
        f"Bearer {gate.dealer.token}",
        f"Bearer {gate.secret}x",
        f"Bearer {gate.secret[:-1]}",
        f"Basic {gate.secret}",
        gate.secret,
        "Bearer \xff\xfe",
    ]
    for header in shown:
        headers = {} if header is None else {"authorization": header}
        reply = await gate.site.request(
            "POST",
            f"/gateways/gate/{route}",
            headers=headers,
            data=msgspec.json.encode(sms()),
        )
        assert reply.status == 401, header
        assert "error" in reply.json
    assert await gate.kept("id") == []


async def test_the_scheme_of_the_secret_is_taken_in_any_case(gate: Gate) -> None:
    headers = {"authorization": f"bEARER  {gate.secret} "}
    reply = await gate.site.request(
        "POST", "/gateways/gate/messages", headers=headers, data=msgspec.json.encode(sms())
    )
    assert fates(reply) == ["kept"]


async def test_addresses_that_are_not_there_answer_404(gate: Gate) -> None:
    await gate.world.gateway("pretend", kind="simulator")
    await gate.world.gateway("console", kind="console")
    paths = [
        "/gateways/nobody/messages",
        "/gateways/Gate/messages",
        "/gateways/pretend/messages",
        "/gateways/console/messages",
        "/gateways/gate%00/messages",
        "/gateways/%F0%9F%98%80/messages",
        "/gateways/" + "g" * 5000 + "/messages",
        "/gateways/gate/sms",
        "/gateways/gate/messages/1",
        "/gateways/gate",
        "/gateways/gate/",
        "/gateways//messages",
        "/gateways/",
        "/gateways",
    ]
    found = {path: (await gate.site.post(path, sms(), gate.secret)).status for path in paths}
    assert found == dict.fromkeys(paths, 404)


async def test_only_post_is_taken(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        for route in ("messages", "calls"):
            reply = await gate.site.request(method, f"/gateways/gate/{route}", headers=headers)
            assert reply.status == 405, method


DEEP = b"[" * 100_000
MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"to=0967000001&text=hello",
    "cut short": b'{"to":"0967000001","from":"Yahoo","te',
    "an array cut short": b'[{"to":"0967000001","from":"Yahoo","text":"x"},',
    "something behind it": b'{"to":"0967000001","from":"Yahoo","text":"x"} x',
    "not UTF-8": b'{"to":"0967000001","from":"Yahoo","text":"\xff"}',
    "a surrogate in UTF-8": b'{"to":"0967000001","from":"Yahoo","text":"\xed\xa0\x80"}',
    "UTF-16": '{"to":"0967000001","from":"Yahoo","text":"x"}'.encode("utf-16"),
    "deep arrays": DEEP,
    "deep arrays, closed": DEEP + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "depth in a field of no name": b'{"x":' + DEEP + b"]" * 100_000 + b"}",
    "not a number": b'{"to":"0967000001","from":"Yahoo","text":"x","y":NaN}',
    "a bad escape": b'{"to":"0967000001","from":"Yahoo","text":"\\q"}',
    "a NUL as it is": b'{"to":"0967000001","from":"Yahoo","text":"\x00"}',
    "half an escape": b'{"to":"0967000001","from":"Yahoo","text":"\\ud8"}',
}


@pytest.mark.parametrize("route", ["messages", "calls"])
async def test_a_malformed_body_is_refused(gate: Gate, route: str) -> None:
    path = f"/gateways/gate/{route}"
    for what, body in MALFORMED.items():
        reply = await gate.site.post(path, body, gate.secret)
        assert reply.status == 400, what
        assert reply.json["error"].startswith("body: expected "), what
    assert await gate.kept("id") == []


async def test_json_that_is_no_message_is_refused(gate: Gate) -> None:
    for body in (b"7", b'"text"', b"null", b"true", b'{"to":1}', b"{}"):
        reply = await gate.messages(body)
        assert reply.status == 400, body
        assert reply.json["results"][0]["result"] == "error", body


async def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    body = BytesIO(b" " * 5_000_000)
    reply = await gate.site.request("POST", "/gateways/gate/messages", headers=headers, data=body)

    assert reply.status == 413
    assert fates(await gate.messages(sms())) == ["kept"]


async def _in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_body_without_a_length_is_limited_as_well(gate: Gate) -> None:
    headers = {"authorization": f"Bearer {gate.secret}"}
    small = _in_pieces(b"[", msgspec.json.encode(sms("in ")), b"]")
    large = _in_pieces(*[b" " * 100_000] * 50)

    kept = await gate.site.request("POST", "/gateways/gate/messages", headers=headers, data=small)
    refused = await gate.site.request(
        "POST", "/gateways/gate/messages", headers=headers, data=large
    )

    assert fates(kept) == ["kept"]
    assert refused.status == 413
    assert await gate.kept("body") == [("in ",)]


async def test_half_a_body_is_nothing(gate: Gate) -> None:
    body = msgspec.json.encode(sms("whole"))
    head = (
        f"POST /gateways/gate/messages HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {gate.secret}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    url = URL(gate.site.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + body)
    await writer.drain()
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()

    assert answer == b""
    assert fates(await gate.messages(sms("after it"))) == ["kept"]
    assert await gate.kept("body") == [("after it",)]


@pytest.mark.parametrize("field", ["to", "from", "text", "id", "sent_at"])
async def test_a_field_of_another_type_is_named(gate: Gate, field: str) -> None:
    wrong: list[Any] = [[], {}, True, 1.5, *([None, 5] if field in {"to", "from", "text"} else [])]

    reply = await gate.messages([sms() | {field: value} for value in wrong])

    assert fates(reply) == ["error"] * len(wrong)
    for result in reply.json["results"]:
        assert f"$.{field}" in result["error"]
    assert await gate.kept("id") == []


@pytest.mark.parametrize("field", ["to", "from", "text"])
async def test_a_field_that_is_missing_is_named(gate: Gate, field: str) -> None:
    message = sms()
    del message[field]
    (result,) = (await gate.messages([message])).json["results"]
    assert result["error"] == f"Object missing required field '{field}'"


async def test_fields_of_no_name_are_ignored(gate: Gate) -> None:
    reply = await gate.messages(sms(id=None, sent_at=None, port="ttyUSB0", parts=[1, {"of": 2}]))
    assert fates(reply) == ["kept"]


async def test_fields_have_their_longest_size(gate: Gate) -> None:
    longest = sms("x" * MAX_TEXT_CHARS, id="i" * MAX_ID_CHARS) | {"from": "s" * MAX_SENDER_CHARS}
    too_long = [
        sms("x" * (MAX_TEXT_CHARS + 1)),
        sms() | {"from": "s" * (MAX_SENDER_CHARS + 1)},
        sms(id="i" * (MAX_ID_CHARS + 1)),
        sms(id=""),
        sms(id=10**MAX_ID_CHARS),
    ]

    reply = await gate.messages([longest, *too_long])

    assert fates(reply) == ["kept", *["error"] * 5]
    told = [one["error"].partition(":")[0] for one in reply.json["results"][1:]]
    assert told == ["text", "from", "id", "id", "id"]


async def test_what_is_no_character_is_kept_as_a_mark(gate: Gate) -> None:
    reply = await gate.messages(
        rb'[{"to":"0967000001","from":"A\u0000B\udfff","text":"a\u0000b","id":"\u0000"},'
        rb'{"to":"0967000001","from":"Yahoo","text":"cut \ud83d"},'
        rb'{"to":"0967000001","from":"Yahoo","text":"\uD83D\uDE00 \ude00\ud83d \\ud83d"}]'
    )

    assert fates(reply) == ["kept"] * 3
    assert await gate.kept("sender, body") == [
        ("A\ufffdB\ufffd", "a\ufffdb"),
        ("Yahoo", "cut \ufffd"),
        ("Yahoo", "😀 \ufffd\ufffd \\ud83d"),
    ]


async def test_a_number_out_of_range_is_told_of_its_message_alone(gate: Gate) -> None:
    reply = await gate.messages(
        b'[{"to":"0967000001","from":"Yahoo","text":"good"},'
        b'{"to":"0967000001","from":"Yahoo","text":"bad","id":' + b"9" * 5000 + b"},"
        b'{"to":"0967000001","from":"Yahoo","text":"fine","x":1e999}]'
    )
    assert fates(reply) == ["kept", "error", "kept"]


BAD_TIMES = (
    "2026-01-01T00:00:00",
    "2026-01-01",
    "yesterday",
    "",
    "1767225600",
    "20260101T000000Z",
    "2026-01-01T00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "1999-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2200-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    1767225600,
)


async def test_a_time_that_cannot_be_read_or_believed_is_told(gate: Gate) -> None:
    results = (await gate.messages([sms(sent_at=one) for one in BAD_TIMES])).json["results"]
    for sent_at, result in zip(BAD_TIMES, results, strict=True):
        assert result["result"] == "error", sent_at
        assert "sent_at" in result["error"], sent_at


async def test_times_are_kept_to_the_millisecond_whatever_their_zone(gate: Gate) -> None:
    stamps = [
        STARTED,
        "2023-11-15T05:13:20.5+07:00",
        "2023-11-14T22:13:20.123456Z",
        "2000-01-01T00:00:00Z",
        "2199-12-31T23:59:59.999Z",
    ]

    reply = await gate.messages([sms(sent_at=stamp) for stamp in stamps])

    assert fates(reply) == ["kept"] * 5
    assert await gate.kept("sent_at_ms") == [
        (START_MS,),
        (START_MS + 500,),
        (START_MS + 123,),
        (946_684_800_000,),
        (7_258_118_399_999,),
    ]


SPELLINGS = (
    "0967000001",
    "967000001",
    "84967000001",
    "+84967000001",
    "+84 967 000 001",
    "0967.000.001",
    "(096) 700-0001",
    " 0967000001 ",
)


async def test_a_line_is_found_by_every_spelling_of_its_number(gate: Gate) -> None:
    await gate.world.rent(gate.dealer, 4)
    await gate.messages([sms(to=spelling) for spelling in SPELLINGS])
    assert await gate.kept("to_number, quarantine") == [(E164, None)] * len(SPELLINGS)


async def test_other_numbers_are_kept_in_quarantine(gate: Gate) -> None:
    numbers = ["+1 (415) 555-2671", "+33123456789", "02438251234", "9123", "0967000002"]

    reply = await gate.messages([sms(to=number) for number in numbers])

    assert fates(reply) == ["kept"] * 5
    assert await gate.kept("to_number, quarantine") == [
        ("+14155552671", "unknown_number"),
        ("+33123456789", "unknown_number"),
        ("02438251234", "unknown_number"),
        ("9123", "unknown_number"),
        ("+84967000002", "unknown_number"),
    ]


NO_NUMBERS = ("", "x", "09670000x1", "1" * 16, "+", "++84967000001", "٠٩٦٧٠٠٠٠٠١", "0967\x00", "12")


async def test_what_is_no_number_is_told(gate: Gate) -> None:
    results = (await gate.messages([sms(to=one) for one in NO_NUMBERS])).json["results"]
    for to, result in zip(NO_NUMBERS, results, strict=True):
        assert result["result"] == "error", to
        assert result["error"].startswith("to: expected "), to


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
    assert fates(many) == ["error"] * 3
    assert "again" in many.json["results"][0]["error"]
    assert kept_meanwhile == []
    assert fates(again) == ["kept", "kept", "error", "kept"]


async def test_a_database_that_is_gone_answers_503_and_loses_nothing(postgres_url: str) -> None:
    async with _hasty_gate(postgres_url) as gate:
        with no_connections(postgres_url):
            replies = [await gate.messages(sms(id="1")), await gate.messages([sms(id="1")])]
        again = await gate.messages(sms(id="1"))

    assert [reply.status for reply in replies] == [503, 503]
    assert fates(again) == ["kept"]


# Calls


async def test_a_call_answers_the_rental_with_its_recording(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)
    recording = wav(5000)

    reply = await gate.calls(
        call_form(
            recording,
            **{"from": "Yahoo", "id": "c1", "transcript": "Your code is 4 8 6 4 6 0"},
            started_at=STARTED,
        )
    )

    assert (reply.status, reply.json) == (200, {"results": [{"result": "kept"}]})
    answer = await gate.code_of(rented.rental.id)
    assert answer["Result"]["IsCall"] is True
    assert answer["Result"]["Code"] == "486460"
    assert answer["Result"]["SMS"] == "[Call]Your code is 4 8 6 4 6 0"
    served = await gate.site.get(await gate.recording_path(rented.rental.id))
    assert served.status == 200
    assert served.headers["content-type"] == "audio/wav"
    assert served.headers["content-length"] == "5000"
    assert served.raw == recording
    assert await gate.kept("kind, sent_at_ms, has_recording") == [("call", START_MS, True)]
    assert await gate.world.book_findings() == []


async def test_a_recording_settles_even_where_nothing_was_understood(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)

    await gate.calls(call_form(wav(), **{"from": "Yahoo"}))

    answer = await gate.code_of(rented.rental.id)
    assert answer["data"]["Status"] == 1
    assert answer["Result"]["Code"] is None
    assert answer["data"]["SmsContent"] == answer["Result"]["CallFile"]


async def test_a_call_may_be_one_json_field_of_the_form(gate: Gate) -> None:
    form = aiohttp.FormData()
    fields = {"to": E164, "from": "Yahoo", "id": 5, "transcript": "mã 1234", "started_at": STARTED}
    form.add_field("call", msgspec.json.encode(fields).decode(), content_type="application/json")
    form.add_field(
        "file", BytesIO(wav()), filename="x.bin", content_type="application/octet-stream"
    )

    assert fates(await gate.calls(form)) == ["kept"]
    assert await gate.kept("sender, body, sent_at_ms, has_recording") == [
        ("Yahoo", "mã 1234", START_MS, True)
    ]


async def test_a_call_without_a_recording_may_be_json(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)
    silent = await gate.calls({"to": NUMBER, "from": "Yahoo"})
    waiting = (await gate.code_of(rented.rental.id))["data"]["Status"]
    spoken = await gate.calls({"to": NUMBER, "from": "Yahoo", "transcript": "code 556677"})

    assert (fates(silent), fates(spoken)) == (["kept"], ["kept"])
    assert waiting == 0
    answer = await gate.code_of(rented.rental.id)
    assert (answer["Result"]["Code"], answer["Result"]["CallFile"]) == ("556677", None)


async def test_a_call_that_comes_again_is_a_duplicate(gate: Gate) -> None:
    replies = [await gate.calls(call_form(wav(), id="c-7")) for _ in range(2)]
    assert [fates(reply) for reply in replies] == [["kept"], ["duplicate"]]


async def test_a_recording_has_its_largest_size(gate: Gate) -> None:
    largest = await gate.calls(call_form(wav(RECORDING_LIMIT), transcript="x" * 40_000))
    larger = await gate.calls(call_form(wav(RECORDING_LIMIT + 1)))

    assert gate.world.settings.recordings.size_limit_bytes == RECORDING_LIMIT
    assert fates(largest) == ["kept"]
    assert larger.status == 413
    assert await gate.kept("has_recording") == [(True,)]


async def test_a_form_over_the_limit_of_bodies_is_refused(gate: Gate) -> None:
    assert (await gate.calls(call_form(wav(5_000_000)))).status == 413


async def test_a_recording_that_is_no_wav_is_refused(gate: Gate) -> None:
    for recording in (b"", b"RIFF", b"ID3" + bytes(100), b"RIFF\0\0\0\0AVI " + bytes(50)):
        reply = await gate.calls(call_form(recording))
        assert (reply.status, reply.json["error"]) == (400, "recording: expected a WAV file.")
    assert await gate.kept("id") == []


FORM = "multipart/form-data; boundary=cut"


def part(name: str, body: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename else ""
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + body + b"\r\n"


FIELDS = part("to", b"0967000001") + part("from", b"Yahoo")
END = b"--cut--\r\n"
BROKEN_FORMS = {
    "no boundary told": ("multipart/form-data", FIELDS + END),
    "an empty boundary": ("multipart/form-data; boundary=", FIELDS + END),
    "another boundary": ("multipart/form-data; boundary=uncut", FIELDS + END),
    "a long boundary": ("multipart/form-data; boundary=" + "b" * 300, FIELDS + END),
    "no parts": (FORM, b""),
    "no form": (FORM, msgspec.json.encode(sms())),
    "no end": (FORM, FIELDS),
    "a recording cut short": (FORM, FIELDS + part("f", wav(), "a.wav")[:-20]),
    "a recording without its end": (FORM, FIELDS + part("f", wav(), "a.wav")),
    "no name": (FORM, b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + FIELDS + END),
    "no headers": (FORM, b"--cut\r\n\r\nx\r\n" + FIELDS + END),
    "no header": (FORM, b"--cut\r\n\x00\x01\r\n\r\nx\r\n" + FIELDS + END),
    "not UTF-8": (FORM, FIELDS + part("transcript", b"\xff\xfe") + END),
    "two files": (FORM, FIELDS + part("a", wav(), "a.wav") + part("b", wav(), "b.wav") + END),
    "many fields": (
        FORM,
        b"".join(part(f"f{one}", b"x") for one in range(MAX_FIELDS - 1)) + FIELDS + END,
    ),
    "a long field": (FORM, FIELDS + part("transcript", b"x" * 70_000) + END),
}


async def test_a_form_that_is_not_whole_is_refused(gate: Gate) -> None:
    for what, (content_type, body) in BROKEN_FORMS.items():
        reply = await gate.form(body, content_type)
        assert reply.status == 400, what
        assert reply.json["error"].startswith("form: expected "), what
    assert await gate.kept("id") == []


async def test_a_form_is_read_however_its_type_is_written(gate: Gate) -> None:
    content_types = (
        FORM,
        'multipart/form-data; boundary="cut"; charset=utf-8',
        "Multipart/Form-Data; charset=punycode; Boundary=cut",
    )
    body = b"\r\n" + FIELDS + part("transcript", "mã số".encode()) + END + b"behind"
    for content_type in content_types:
        assert fates(await gate.form(body, content_type)) == ["kept"], content_type
    assert await gate.kept("body") == [("mã số",)] * 3


WRONG_FIELDS = (
    ({"to": "x"}, "to: expected"),
    ({"started_at": "noon"}, "started_at"),
    ({"started_at": "1700000000"}, "started_at"),
    ({"started_at": "1990-01-01T00:00:00Z"}, "started_at: expected"),
    ({"from": "s" * 65}, "from: expected"),
    ({"call": "{"}, "body: expected JSON"),
    ({"call": "[]"}, "call: Expected 'object'"),
    ({"call": '{"to":"0967000001"}'}, "missing required field 'from'"),
    ({"to": ""}, "missing required field 'to'"),
)


async def test_a_wrong_field_of_a_call_is_told(gate: Gate) -> None:
    for fields, told in WRONG_FIELDS:
        reply = await gate.calls(call_form(wav(), **fields))
        assert reply.status == 400, told
        assert told in reply.json["error"]
    assert await gate.kept("id") == []


async def test_a_recording_alone_is_no_call(gate: Gate) -> None:
    reply = await gate.form(part("f", wav(), "a.wav") + END, FORM)
    assert reply.status == 400


# Recordings


async def _recorded(gate: Gate) -> tuple[int, str]:
    """A rental with a recorded call: its id and the recording's address."""
    rented = await gate.world.rent(gate.dealer, 4)
    await gate.calls(call_form(wav(), **{"from": "Yahoo"}))
    return rented.rental.id, await gate.recording_path(rented.rental.id)


async def test_the_address_of_a_recording_holds_nothing_in_clear(gate: Gate) -> None:
    rental_id, path = await _recorded(gate)
    assert path.startswith("/recordings/")
    assert NUMBER[1:] not in path
    assert str(rental_id) not in path
    assert gate.dealer.name not in path


async def test_the_address_of_a_recording_stays_the_same(gate: Gate) -> None:
    rental_id, path = await _recorded(gate)
    gate.world.clock.advance(3600)
    assert await gate.recording_path(rental_id) == path


async def test_a_forged_address_is_not_found(gate: Gate) -> None:
    _, path = await _recorded(gate)
    reference = path.removeprefix("/recordings/").removesuffix(".wav")
    swapped = "B" if reference[40] == "A" else "A"
    expires_s = START_MS // 1000 + 3600
    foreign = sign_reference(b"the key of somebody else's", "recording", 1, expires_s)
    for_another = sign_reference(gate.world.runtime.recording_key, "invoice", 1, expires_s)
    forged = [
        "",
        "1",
        "../1",
        "%00",
        reference[:-1],
        reference + "A",
        reference[:40] + swapped + reference[41:],
        foreign,
        for_another,
    ]
    for one in forged:
        assert (await gate.site.get(f"/recordings/{one}.wav")).status == 404, one


async def test_an_address_expires_with_the_texts(gate: Gate) -> None:
    _, path = await _recorded(gate)
    gate.world.clock.advance(24 * 3600 - 1)
    before = await gate.site.get(path)
    gate.world.clock.advance(1)
    after = await gate.site.get(path)
    assert (before.status, after.status) == (200, 404)


async def test_a_recording_that_was_erased_is_gone(gate: Gate) -> None:
    _, path = await _recorded(gate)
    gate.world.clock.advance(60)
    await gate.world.db.write(forget_old, gate.world.clock.now_ms(), 0, 10)
    assert (await gate.site.get(path)).status == 404
    assert await gate.world.rows("SELECT 1 FROM recordings") == []


# The server


async def test_a_gateway_that_is_added_while_the_server_runs_works_at_once(site: Site) -> None:
    before = await site.post("/gateways/late/messages", sms(), "x")
    _, secret = await site.world.gateway("late")
    after = await site.post("/gateways/late/messages", sms(), secret)

    assert before.status == 404
    assert fates(after) == ["kept"]


async def test_messages_that_come_at_once_are_each_kept_once(gate: Gate) -> None:
    bodies = [sms(f"text {one % 30}", id=str(one % 30)) for one in range(90)]

    replies = await asyncio.gather(*[gate.messages(body) for body in bodies])

    results = [fates(reply)[0] for reply in replies]
    assert (results.count("kept"), results.count("duplicate")) == (30, 60)
    assert len(await gate.kept("id")) == 30


async def test_a_message_pays_for_its_rental_once_however_often_it_comes(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)

    await asyncio.gather(
        *[gate.messages(sms("Your Yahoo code is 123456", id="1")) for _ in range(10)]
    )

    account = await gate.world.account(gate.dealer)
    rental = await gate.world.rental(gate.dealer, rented.rental.id)
    assert rental.state is RentalState.RECEIVED
    assert (account.available_dong, account.held_dong) == (100_000 - 470, 0)
    assert await gate.world.book_findings() == []


# The driver alone


def test_the_kind_has_no_settings() -> None:
    assert check_settings(KIND, {}) == {}
    with pytest.raises(Refused) as refused:
        check_settings(KIND, {"port": 1})
    assert refused.value.refusal is INVALID
    assert "port" in refused.value.sentence


async def _nothing_expected() -> AsyncIterator[Expected]:
    for none in tuple[Expected]():
        yield none


@dataclass
class _Kept:
    messages: list[Inbound]

    async def deliver(self, many: Sequence[Inbound]) -> list[Fate]:
        self.messages += many
        return [Fate.KEPT for _ in many]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | st.integers() | JSON_VALUES,
        "to": st.sampled_from([NUMBER, E164, "+33123456789"]) | st.text() | JSON_VALUES,
        "from": st.text() | JSON_VALUES,
        "text": st.text() | JSON_VALUES,
        "sent_at": st.datetimes().map(lambda at: at.isoformat() + "Z") | JSON_VALUES,
    },
)


@given(
    body=st.binary(max_size=200)
    | st.builds(msgspec.json.encode, JSON_VALUES | MESSAGES | st.lists(MESSAGES, max_size=5)),
    route=st.sampled_from(["messages", "calls"]),
)
async def test_whatever_comes_is_answered_and_what_is_kept_can_be_stored(
    body: bytes, route: str
) -> None:
    kept = _Kept([])
    tools = Tools(
        gateway="gate",
        settings={},
        secret_hash=hash_secret("secret"),
        clock=FakeClock(),
        chance=Random(1).randrange,
        deliver=kept.deliver,
        expected=_nothing_expected,
        recording_limit_bytes=RECORDING_LIMIT,
    )
    headers = {"authorization": "Bearer secret"}

    answer = await KIND.make(tools).answer(HttpRequest("POST", route, headers, body))

    assert answer.status in {200, 400}
    results = msgspec.json.decode(answer.body).get("results", [])
    assert len(kept.messages) == sum(one["result"] == "kept" for one in results)
    for message in kept.messages:
        told = message.to + message.sender + message.text + (message.source_id or "")
        assert "\x00" not in told.encode("utf-8").decode("utf-8")
        assert message.sent_at_ms is None or 0 < message.sent_at_ms < 2**53
