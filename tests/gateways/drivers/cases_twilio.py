"""Requests of Twilio: documented bodies, signed by Twilio's own library."""

from pathlib import Path
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.drivers.twilio import KIND
from simlet.testing.driver_kit import ADDRESS, Case, Reaction, UnderTest, over_http

RECORDED = Path(__file__).parent / "recorded"
TOKEN = "1f2e3d4c5b6a79880f1e2d3c4b5a6978"
SETTINGS: dict[str, Value] = {"auth_token": TOKEN}
URL = f"{ADDRESS}/messages"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"


def signed_form(body: bytes, *, url: str = URL, token: str = TOKEN) -> HttpRequest:
    """A form as Twilio would post it."""
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    signature = RequestValidator(token).compute_signature(url, fields)
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    return HttpRequest("POST", "messages", headers, body)


def _recorded(name: str) -> HttpRequest:
    return signed_form((RECORDED / name).read_bytes())


def _by_get() -> HttpRequest:
    query = (RECORDED / "twilio_name.form").read_text()
    signature = RequestValidator(TOKEN).compute_signature(f"{URL}?{query}", {})
    return HttpRequest("GET", "messages", {"x-twilio-signature": signature}, b"", query=query)


_NAME = Inbound(
    MessageKind.SMS,
    "+84912345678",
    "SHOPEE",
    "Shopee: 059809 & = + %",
    None,
    "SM9d8c7b6a5f4e3d2c1b0a998877665544",
)

UNDER_TEST = UnderTest(
    KIND,
    (
        Case(
            "a_message",
            _recorded("twilio_sms.form"),
            (
                Inbound(
                    MessageKind.SMS,
                    "+84912345678",
                    "+84987654321",
                    "Mã xác minh của bạn là 486460 🔑",
                    None,
                    "SM0f3c2a7de1b94c5d8a6e7f9012345678",
                ),
            ),
        ),
        Case("a_sender_with_a_name", _recorded("twilio_name.form"), (_NAME,)),
        Case("by_get", _by_get(), (_NAME,)),
        Case("a_form_without_fields", signed_form(b"From=x"), (), Reaction.REJECTED),
        Case(
            "another_token",
            signed_form((RECORDED / "twilio_sms.form").read_bytes(), token="another"),
            (),
            Reaction.REJECTED,
        ),
    ),
    over_http(KIND, SETTINGS),
    secrets=(TOKEN,),
    settings=SETTINGS,
)
