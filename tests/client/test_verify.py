"""Callbacks on the dealer's side, against the reference library of Standard Webhooks."""

import base64
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from client.canned import RECEIVED
from simlet.client import BadSignature, SimletError, verify_callback, verify_signature

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
AT_S = 1_795_435_200
BODY = msgspec.json.encode(
    {
        "object": "event",
        "id": "evt_9",
        "type": "rental.received",
        "at": "2026-11-23T12:00:00.123Z",
        "rental": RECEIVED,
        "request": None,
        "message": None,
        "amount_dong": None,
        "data": {},
    }
)


def signature(body: bytes = BODY, secret: str = SECRET, message_id: str = "evt_9") -> str:
    at = datetime.fromtimestamp(AT_S, UTC)
    return str(Webhook(secret).sign(message_id, at, body.decode()))


def headers(signed: str | None = None, **more: str) -> dict[str, str]:
    usual = {
        "Webhook-Id": "evt_9",
        "Webhook-Timestamp": str(AT_S),
        "Webhook-Signature": signature() if signed is None else signed,
    }
    return usual | {f"Webhook-{name.capitalize()}": value for name, value in more.items()}


@pytest.mark.parametrize("body", [BODY, BODY.decode()])
def test_a_callback_of_the_server_is_its_event(body: bytes | str) -> None:
    event = verify_callback(headers(), body, SECRET, now_s=AT_S + 9)
    assert (event.id, event.type) == ("evt_9", "rental.received")
    assert event.rental is not None
    assert event.rental.code == "529310"


@given(st.text(max_size=200))
def test_whatever_the_reference_library_signs_is_taken(text: str) -> None:
    body = text.encode("utf-8", "replace")
    verify_signature(headers(signature(body)), body, SECRET, now_s=AT_S)


def test_the_published_example_of_the_standard_is_taken() -> None:
    given_headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    verify_signature(given_headers, b'{"test": 2432232314}', secret, now_s=1614265330)


@pytest.mark.parametrize("order", [0, 1])
def test_one_of_several_signatures_is_enough(order: int) -> None:
    both = [signature(secret=OTHER), signature()]
    signed = " ".join(["v2,abc", *(both if order else reversed(both))])
    verify_callback(headers(signed), BODY, SECRET, now_s=AT_S)


@pytest.mark.parametrize(
    "wrong",
    [
        headers(signature(secret=OTHER)),
        headers(signature().replace("v1,", "v2,")),
        headers(signature()[3:]),
        headers("v1,"),
        headers("v1,é"),
        headers(" "),
        headers(id="evt_8"),
        headers(id=""),
        headers(timestamp=str(AT_S + 1)),
        headers(timestamp=f"0{AT_S}"),
        headers(timestamp="now"),
        headers(timestamp="-1"),
        headers(timestamp="9" * 400),
        {},
        {"webhook-id": "evt_9"},
    ],
)
def test_what_the_server_did_not_sign_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        verify_callback(wrong, BODY, SECRET, now_s=AT_S)


def test_another_body_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify_callback(headers(), BODY.replace(b"529310", b"529311"), SECRET, now_s=AT_S)


@pytest.mark.parametrize(
    ("late_s", "taken"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_an_old_or_early_one_is_refused(late_s: int, *, taken: bool) -> None:
    if taken:
        verify_callback(headers(), BODY, SECRET, now_s=AT_S + late_s)
        return
    with pytest.raises(BadSignature, match="too long ago"):
        verify_callback(headers(), BODY, SECRET, now_s=AT_S + late_s)


def test_without_a_given_time_this_machines_clock_holds() -> None:
    old = Webhook(SECRET).sign("evt_9", datetime.fromtimestamp(1, UTC), BODY.decode())
    with pytest.raises(BadSignature, match="too long ago"):
        verify_callback(headers(str(old), timestamp="1"), BODY, SECRET)


def test_what_is_signed_and_no_event_is_told() -> None:
    body = b'{"RequestID": "1000001"}'
    with pytest.raises(SimletError, match="format v1"):
        verify_callback(headers(signature(body)), body, SECRET, now_s=AT_S)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_a"])
def test_a_malformed_secret_is_told_without_it(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and base64"):
        verify_callback(headers(), BODY, secret, now_s=AT_S)
