from io import BytesIO

import aiohttp
import msgspec
import pytest

from gateways.drivers.http_gate import (
    E164,
    NUMBER,
    RECORDING_LIMIT,
    STARTED,
    Gate,
    call_form,
    results,
    sms,
    wav,
)
from simlet.testing.clock import START_MS
from simlet.web.forms import MAX_FIELDS

pytestmark = pytest.mark.anyio


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

    assert results(await gate.calls(form)) == ["kept"]
    assert await gate.kept("sender, body, sent_at_ms, has_recording") == [
        ("Yahoo", "mã 1234", START_MS, True)
    ]


async def test_a_call_without_a_recording_may_be_json(gate: Gate) -> None:
    rented = await gate.world.rent(gate.dealer, 4)
    silent = await gate.calls({"to": NUMBER, "from": "Yahoo"})
    waiting = (await gate.code_of(rented.rental.id))["data"]["Status"]
    spoken = await gate.calls({"to": NUMBER, "from": "Yahoo", "transcript": "code 556677"})

    assert (results(silent), results(spoken)) == (["kept"], ["kept"])
    assert waiting == 0
    answer = await gate.code_of(rented.rental.id)
    assert (answer["Result"]["Code"], answer["Result"]["CallFile"]) == ("556677", None)


async def test_a_call_that_comes_again_is_a_duplicate(gate: Gate) -> None:
    replies = [await gate.calls(call_form(wav(), id="c-7")) for _ in range(2)]
    assert [results(reply) for reply in replies] == [["kept"], ["duplicate"]]


async def test_a_recording_has_its_largest_size(gate: Gate) -> None:
    largest = await gate.calls(call_form(wav(RECORDING_LIMIT), transcript="x" * 40_000))
    larger = await gate.calls(call_form(wav(RECORDING_LIMIT + 1)))

    assert gate.world.settings.recordings.size_limit_bytes == RECORDING_LIMIT
    assert results(largest) == ["kept"]
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
        assert results(await gate.form(body, content_type)) == ["kept"], content_type
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
