from typing import Any

import pytest

from gateways.drivers.http_gate import E164, STARTED, Gate, results, sms
from simlet.gateways.posted import MAX_ID_CHARS, MAX_SENDER_CHARS, MAX_TEXT_CHARS
from simlet.testing.clock import START_MS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("field", ["to", "from", "text", "id", "sent_at"])
async def test_a_field_of_another_type_is_named(gate: Gate, field: str) -> None:
    wrong: list[Any] = [[], {}, True, 1.5, *([None, 5] if field in {"to", "from", "text"} else [])]

    reply = await gate.messages([sms() | {field: value} for value in wrong])

    assert results(reply) == ["error"] * len(wrong)
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
    assert results(reply) == ["kept"]


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

    assert results(reply) == ["kept", *["error"] * 5]
    told = [one["error"].partition(":")[0] for one in reply.json["results"][1:]]
    assert told == ["text", "from", "id", "id", "id"]


async def test_what_is_no_character_is_kept_as_a_mark(gate: Gate) -> None:
    reply = await gate.messages(
        rb'[{"to":"0967000001","from":"A\u0000B\udfff","text":"a\u0000b","id":"\u0000"},'
        rb'{"to":"0967000001","from":"Yahoo","text":"cut \ud83d"},'
        rb'{"to":"0967000001","from":"Yahoo","text":"\uD83D\uDE00 \ude00\ud83d \\ud83d"}]'
    )

    assert results(reply) == ["kept"] * 3
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
    assert results(reply) == ["kept", "error", "kept"]


BAD_TIMES = (
    "2026-01-01T00:00:00",
    "2026-01-01",
    "yesterday",
    "",
    "1767225600",
    "20260101T000000Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:61Z",
    "2026-01-01T00Z",
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
        "2023-11-15T05:13+07:00",
        "2016-12-31T23:59:60Z",
        "2023-11-14 22:13:21z",
    ]

    reply = await gate.messages([sms(sent_at=stamp) for stamp in stamps])

    assert results(reply) == ["kept"] * 8
    assert await gate.kept("sent_at_ms") == [
        (START_MS,),
        (START_MS + 500,),
        (START_MS + 123,),
        (946_684_800_000,),
        (7_258_118_399_999,),
        (START_MS - 20_000,),
        (1_483_228_799_000,),
        (START_MS + 1000,),
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
    "0967\u00a0000\u00a0001",
    "\t0967\u202f000001\r\n",
    "0084967000001",
    "0084 (0)967 000 001",
    "+84 (0)967 000 001",
)


async def test_a_line_is_found_by_every_spelling_of_its_number(gate: Gate) -> None:
    await gate.world.rent(gate.dealer, 4)
    await gate.messages([sms(to=spelling) for spelling in SPELLINGS])
    assert await gate.kept("to_number, quarantine") == [(E164, None)] * len(SPELLINGS)


async def test_other_numbers_are_kept_in_quarantine(gate: Gate) -> None:
    numbers = ["+1 (415) 555-2671", "+33123456789", "02438251234", "9123", "0967000002"]

    reply = await gate.messages([sms(to=number) for number in numbers])

    assert results(reply) == ["kept"] * 5
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
