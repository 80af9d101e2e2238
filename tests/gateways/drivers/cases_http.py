"""Recorded requests to the plain HTTP gateway."""

from typing import Any

import msgspec

from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import HttpRequest
from simlet.gateways.drivers.http import KIND
from simlet.testing.driver_kit import SECRET, Case, Reaction, UnderTest, over_http

NUMBER = "+84912345678"
SENT_AT, SENT_AT_MS = "2023-11-15T05:13:20+07:00", 1_700_000_000_000
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(24)


def _post(route: str, body: Any, secret: str = SECRET) -> HttpRequest:
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    return HttpRequest("POST", route, headers, msgspec.json.encode(body))


def _call_form() -> HttpRequest:
    headers = {"authorization": f"Bearer {SECRET}", "content-type": "multipart/form-data"}
    fields = {"id": "call-77", "to": "0912345678", "from": "19001234", "started_at": SENT_AT}
    return HttpRequest("POST", "calls", headers, b"", fields, (WAV,))


_ONE = {
    "id": "ttyUSB3-118",
    "to": "0912345678",
    "from": "Yahoo",
    "text": "Your code is 486460",
    "sent_at": SENT_AT,
}
_ONE_IN = Inbound(
    MessageKind.SMS, NUMBER, "Yahoo", "Your code is 486460", SENT_AT_MS, "ttyUSB3-118"
)

UNDER_TEST = UnderTest(
    KIND,
    (
        Case("one_message", _post("messages", _ONE), (_ONE_IN,)),
        Case(
            "least_of_a_message",
            _post(
                "messages", {"to": "+84 912 345 678", "from": "0987654321", "text": "Mã: 059809"}
            ),
            (Inbound(MessageKind.SMS, NUMBER, "0987654321", "Mã: 059809", None),),
        ),
        Case(
            "a_call_with_its_recording",
            _call_form(),
            (Inbound(MessageKind.CALL, NUMBER, "19001234", "", SENT_AT_MS, "call-77", WAV),),
        ),
        Case("another_secret", _post("messages", _ONE, "sg_another"), (), Reaction.REJECTED),
        Case("no_text", _post("messages", {"to": "0912345678"}), (), Reaction.REJECTED),
    ),
    over_http(KIND),
    secrets=("sg_another",),
)
