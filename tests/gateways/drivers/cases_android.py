"""Events of SMS Gateway for Android, signed as its app signs them."""

import hmac
from pathlib import Path

from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.drivers.android import KIND
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import Case, Reaction, UnderTest, over_http

RECORDED = Path(__file__).parent / "recorded"
KEY = "kLq9-signing-key-of-a-test"
DEVICE = "ffffffffceb0b1db0000018e937c815b"
SETTINGS: dict[str, Value] = {"signing_key": KEY, "numbers": f"{DEVICE}/1=0912345678"}
FIRST, SECOND = "+84912345678", "+84987654321"


def signed(body: bytes, *, key: str = KEY, at_s: int = START_MS // 1000) -> HttpRequest:
    """An event as the app would post it."""
    mac = hmac.new(key.encode(), body + str(at_s).encode(), "sha256")
    headers = {
        "content-type": "application/json",
        "x-signature": mac.hexdigest(),
        "x-timestamp": str(at_s),
    }
    return HttpRequest("POST", "events", headers, body)


def recorded(name: str) -> HttpRequest:
    return signed((RECORDED / name).read_bytes())


def _sms(sender: str, text: str, at_ms: int, source_id: str, to: str = FIRST) -> Inbound:
    return Inbound(MessageKind.SMS, to, sender, text, at_ms, source_id)


UNDER_TEST = UnderTest(
    KIND,
    (
        Case(
            "sms_received",
            recorded("android_sms_received.json"),
            (_sms("6505551212", "Mã OTP của bạn là 486460 😀", START_MS, "Ey6ECgOkVVFjz3CL48B8C"),),
        ),
        Case(
            "sms_received_with_its_recipient",
            recorded("android_sms_received_recipient.json"),
            (
                _sms(
                    "Google",
                    "G-059809 is your Google verification code.",
                    START_MS - 518,
                    "q1Xw3b0QyT8mPz6nLr2Kc",
                    SECOND,
                ),
            ),
        ),
        Case(
            "sms_received_on_a_sim_that_nobody_knows",
            recorded("android_sms_no_sim.json"),
            (_sms("Zalo", "Ma 1234", START_MS, "no-sim-0001", ""),),
        ),
        Case(
            "two_equal_texts_in_a_batch",
            recorded("android_sms_batch.json"),
            (
                _sms("Zalo", "Ma 1111", START_MS - 2000, "bTq7:0"),
                _sms("Zalo", "Ma 1111", START_MS - 1000, "bTq7:1"),
            ),
        ),
        Case(
            "mms_downloaded",
            recorded("android_mms_downloaded.json"),
            (_sms("+84905000111", "Code 778899", START_MS, "mms-1"),),
        ),
        Case(
            "data_received",
            recorded("android_data_received.json"),
            (
                Inbound(
                    MessageKind.SMS,
                    FIRST,
                    "+84905000111",
                    "00FF48656C6C6F",
                    START_MS,
                    "data-1",
                    damaged=True,
                ),
            ),
        ),
        Case("ping", recorded("android_ping.json"), ()),
        Case("sms_sent_is_nothing_to_keep", recorded("android_sms_sent.json"), ()),
        Case(
            "another_key",
            signed((RECORDED / "android_sms_received.json").read_bytes(), key="another"),
            (),
            Reaction.REJECTED,
        ),
        Case(
            "a_stamp_of_yesterday",
            signed(
                (RECORDED / "android_sms_received.json").read_bytes(),
                at_s=START_MS // 1000 - 86_400,
            ),
            (),
            Reaction.REJECTED,
        ),
        Case("no_event", signed(b"{}"), (), Reaction.REJECTED),
    ),
    over_http(KIND, SETTINGS),
    secrets=(KEY,),
    settings=SETTINGS,
)
