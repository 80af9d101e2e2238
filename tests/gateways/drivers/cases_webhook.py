"""Requests to the gateway with a field map: one table for each template, and one of oddities."""

from pathlib import Path

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.drivers.webhook import KIND
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import SECRET, Case, Reaction, UnderTest, over_http

RECORDED = Path(__file__).parent / "recorded"
TO = "+84912345678"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BEARER = {"authorization": f"Bearer {SECRET}"}


def get(query: str) -> HttpRequest:
    return HttpRequest("GET", "", {}, b"", query=query)


def post(body: bytes, content_type: str = JSON, query: str = "") -> HttpRequest:
    return HttpRequest("POST", "", BEARER | {"content-type": content_type}, body, query=query)


def _kannel(name: str) -> HttpRequest:
    return get((RECORDED / name).read_text().replace("SECRET", SECRET))


def _pushed(name: str) -> HttpRequest:
    body = (RECORDED / name).read_bytes()
    return HttpRequest("POST", "", {"content-type": JSON}, body, query=f"secret={SECRET}")


def _from_kannel(text: str, source_id: str, part: Part | None = None) -> Inbound:
    to = "+84987654321"
    return Inbound(MessageKind.SMS, to, "VIETTEL", text, START_MS, source_id, part=part)


def _plain(text: str, source_id: str | None = None, at_ms: int | None = None) -> Inbound:
    return Inbound(MessageKind.SMS, TO, "Yahoo", text, at_ms, source_id)


UNDER_TEST = UnderTest(
    KIND,
    (
        Case(
            "json",
            post(
                b'{"to": "0912 345 678", "from": "Yahoo", "text": "486460", "id": 17,'
                b' "sent_at": "2023-11-15T05:13:20+07:00", "more": [1]}'
            ),
            (_plain("486460", "17", START_MS),),
        ),
        Case(
            "a_list",
            post(
                b'[{"to": 912345678, "from": "Yahoo", "text": "one"},'
                b' {"to": "84912345678", "from": "Yahoo", "text": "two"}]'
            ),
            (_plain("one"), _plain("two")),
        ),
        Case(
            "a_form_whose_first_field_counts",
            post("to=0912345678&from=Yahoo&text=Mã+1&text=2".encode(), FORM),
            (_plain("Mã 1"),),
        ),
        Case(
            "a_multipart_form",
            HttpRequest(
                "POST",
                "messages",
                BEARER | {"content-type": "multipart/form-data; boundary=x"},
                b"",
                {"to": "0912345678", "from": "Yahoo", "text": "Mã 1"},
            ),
            (_plain("Mã 1"),),
        ),
        Case(
            "a_field_of_the_address",
            post(b'{"from": "Yahoo", "text": "1234"}', query="to=0912345678"),
            (_plain("1234"),),
        ),
        Case(
            "half_a_pair_and_a_nul",
            post(rb'{"to": "0912345678", "from": "Yahoo", "text": "1\u0000 \ud83d"}'),
            (_plain("1\ufffd \ufffd"),),
        ),
        Case("no_secret", get("to=0912345678&from=Yahoo&text=1"), (), Reaction.REJECTED),
        Case("no_text", post(b'{"to": "0912345678", "from": "x"}'), (), Reaction.REJECTED),
        Case("no_json", post(b'{"to": "0912345678"'), (), Reaction.REJECTED),
    ),
    over_http(KIND),
)

KANNEL_SETTINGS: dict[str, Value] = {"template": "kannel"}
KANNEL = UnderTest(
    KIND,
    (
        Case(
            "gsm",
            _kannel("kannel_gsm.query"),
            (_from_kannel("Ma OTP 059809 {x}", "776d3e4b-0879-4362-82a7-d7926b87d57b"),),
        ),
        Case(
            "ucs2_that_kannel_recoded",
            _kannel("kannel_ucs2_recoded.query"),
            (_from_kannel("Mả 1234😀", "3c04e6af-a014-4795-a0dc-bccc166a5fe3"),),
        ),
        Case(
            "ucs2",
            _kannel("kannel_ucs2.query"),
            (_from_kannel("Mả 1234😀", "52d0b8f1-6c0e-4d77-9a55-0e1c6c4c9d10"),),
        ),
        Case(
            "part_1",
            _kannel("kannel_part_1.query"),
            (_from_kannel("part one", "d07a5f81-595e-4637-a8af-55f3b75c5bbb", Part(42, 2, 1)),),
        ),
        Case(
            "part_2",
            _kannel("kannel_part_2.query"),
            (_from_kannel("part two", "1b1b0806-d86e-44d9-80ad-aaa605e7f080", Part(42, 2, 2)),),
        ),
        Case(
            "eight_bits",
            _kannel("kannel_8bit.query"),
            (_from_kannel("636166E92000", "9a2800d2-3062-4e97-9b51-7772bc79214f"),),
        ),
    ),
    over_http(KIND, KANNEL_SETTINGS),
    settings=KANNEL_SETTINGS,
)

NAMES_SETTINGS: dict[str, Value] = {
    "template": "simbank",
    "numbers": "1=0912345678,2=0987654321",
}
SIMBANK_NAMES = UnderTest(
    KIND,
    (
        Case(
            "two_of_a_push",
            _pushed("simbank_names.json"),
            (
                Inbound(MessageKind.SMS, TO, "10086", "Mã OTP 486460", START_MS, "11"),
                Inbound(MessageKind.SMS, "+84987654321", "Shopee", "059809", START_MS + 1000, "12"),
            ),
        ),
        Case("a_push_without_messages", _pushed("android_ping.json"), (), Reaction.REJECTED),
    ),
    over_http(KIND, NAMES_SETTINGS),
    settings=NAMES_SETTINGS,
)

LISTS_SETTINGS: dict[str, Value] = {
    "template": "simbank",
    "numbers": "1A=0912345678",
    "port": "1",
    "sent_at": "2",
    "sent_at_form": "unix_s",
    "from": "3",
    "text": "5",
    "text_form": "base64",
    "id": "-",
}
SIMBANK_LISTS = UnderTest(
    KIND,
    (
        Case(
            "a_push",
            _pushed("simbank_lists.json"),
            (Inbound(MessageKind.SMS, TO, "VIETTEL", "Mã OTP 486460", START_MS),),
        ),
    ),
    over_http(KIND, LISTS_SETTINGS),
    settings=LISTS_SETTINGS,
)
