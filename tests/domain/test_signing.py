import base64
import hashlib
import re
import time
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    format_gateway_secret,
    format_token,
    gateway_secret_is_well_formed,
    hash_secret,
    new_webhook_secret,
    read_reference,
    secrets_equal,
    sign_reference,
    sign_webhook,
    token_is_well_formed,
    webhook_headers,
)

KEY = b"k" * 32
SECRET = new_webhook_secret(bytes(range(32)))
AT_S = 1_795_000_000
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MANY_BYTES = bytes(range(256)) * 4

webhook_keys = st.binary(min_size=24, max_size=64)
message_ids = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True)
drawn = st.binary(min_size=300, max_size=300).filter(lambda raw: sum(b < 248 for b in raw) >= 30)


# --- webhooks


@given(key=webhook_keys, message_id=message_ids, at_s=st.integers(0, 2**32), text=st.text())
def test_a_signature_is_the_one_that_the_reference_library_makes(
    key: bytes, message_id: str, at_s: int, text: str
) -> None:
    secret = new_webhook_secret(key)
    expected = Webhook(secret).sign(message_id, datetime.fromtimestamp(at_s, UTC), text)
    assert sign_webhook(secret, message_id, at_s, text.encode()) == expected


def test_the_headers_pass_the_reference_library_s_verification() -> None:
    body = '{"data":{"status":1,"code":"012345","smsContent":"Mã của bạn"}}'
    headers = webhook_headers(SECRET, "msg_1", int(time.time()), body.encode())
    verified = Webhook(SECRET).verify(body, headers)
    assert verified == {"data": {"status": 1, "code": "012345", "smsContent": "Mã của bạn"}}


def test_a_changed_body_fails_the_reference_library_s_verification() -> None:
    headers = webhook_headers(SECRET, "msg_1", int(time.time()), b'{"code":"1234"}')
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify('{"code":"1235"}', headers)


def test_there_are_the_three_headers_of_the_standard() -> None:
    headers = webhook_headers(SECRET, "msg_1", AT_S, b"{}")
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1795000000",
        "webhook-signature": sign_webhook(SECRET, "msg_1", AT_S, b"{}"),
    }


def test_a_body_that_is_no_text_is_signed_as_it_is() -> None:
    assert sign_webhook(SECRET, "a", AT_S, b"\xff") != sign_webhook(SECRET, "a", AT_S, b"\xfe")


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "mã"])
def test_a_message_id_that_blurs_what_is_signed_is_a_fault(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        sign_webhook(SECRET, message_id, AT_S, b"")


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "AAAA", "whsec_***", "whsec_QUJD*REVG", "whsec_AAA", "WHSEC_AAAA", "whsec_mã"],
)
def test_a_malformed_webhook_secret_is_a_fault(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        sign_webhook(secret, "a", AT_S, b"")


def test_the_fault_of_a_malformed_webhook_secret_does_not_repeat_it() -> None:
    with pytest.raises(ValueError, match="webhook secret") as caught:
        sign_webhook("whsec_private!", "a", AT_S, b"")
    assert "private" not in str(caught.value)


def test_a_new_webhook_secret_holds_the_key_that_was_handed_in() -> None:
    assert new_webhook_secret(b"x" * 24) == "whsec_" + base64.b64encode(b"x" * 24).decode()


@pytest.mark.parametrize("count", [0, 23, 65])
def test_a_webhook_key_outside_the_standard_s_limits_is_a_fault(count: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        new_webhook_secret(b"x" * count)


# --- references


@given(number_id=st.integers(0, 2**64 - 1), expires_s=st.integers(1, 2**40), what=st.text("abc_"))
def test_a_reference_is_read_back_until_it_expires(
    number_id: int, expires_s: int, what: str
) -> None:
    text = sign_reference(KEY, what, number_id, expires_s)
    assert read_reference(KEY, what, text, expires_s - 1) == number_id
    assert read_reference(KEY, what, text, expires_s) is None


@given(st.integers(0, 2**64 - 1))
def test_a_reference_needs_no_escaping_in_an_address(number_id: int) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", sign_reference(KEY, "recording", number_id, AT_S))


def test_a_reference_shows_no_number() -> None:
    assert "901234567" not in sign_reference(KEY, "recording", 901234567, AT_S)


@given(place=st.integers(0, 63), sign=st.sampled_from(ALPHABET + "-_"))
def test_a_reference_with_any_character_changed_is_not_read(place: int, sign: str) -> None:
    text = sign_reference(KEY, "recording", 7, AT_S)
    forged = text[:place] + sign + text[place + 1 :]
    assert read_reference(KEY, "recording", forged, AT_S - 1) == (7 if forged == text else None)


@given(st.text() | st.text("AZaz09-_=", min_size=60, max_size=68))
def test_text_that_was_never_signed_is_not_read(text: str) -> None:
    assert read_reference(KEY, "recording", text, 0) is None


@pytest.mark.parametrize("tail", ["=", "\n", "A", " ", "===="])
def test_a_reference_with_something_behind_it_is_not_read(tail: str) -> None:
    text = sign_reference(KEY, "recording", 7, AT_S)
    assert read_reference(KEY, "recording", text + tail, 0) is None


def test_a_reference_serves_for_its_own_purpose_and_key_only() -> None:
    text = sign_reference(KEY, "recording", 7, AT_S)
    assert read_reference(KEY, "export", text, 0) is None
    assert read_reference(b"other key, 16 and more bytes", "recording", text, 0) is None


@pytest.mark.parametrize(("number_id", "expires_s"), [(-1, AT_S), (1, -1), (2**64, AT_S)])
def test_a_reference_to_an_impossible_number_is_a_fault(number_id: int, expires_s: int) -> None:
    with pytest.raises(ValueError, match="reference holds"):
        sign_reference(KEY, "recording", number_id, expires_s)


def test_a_short_reference_key_is_a_fault() -> None:
    text = sign_reference(KEY, "recording", 7, AT_S)
    with pytest.raises(ValueError, match="16 bytes"):
        sign_reference(b"k" * 15, "recording", 7, AT_S)
    with pytest.raises(ValueError, match="16 bytes"):
        read_reference(b"k" * 15, "recording", text, 0)


# --- tokens


@given(drawn)
def test_a_token_has_its_mark_and_36_base62_characters(random_bytes: bytes) -> None:
    assert re.fullmatch(r"simlet_[0-9A-Za-z]{36}", format_token(random_bytes))
    assert re.fullmatch(r"simlet_gw_[0-9A-Za-z]{36}", format_gateway_secret(random_bytes))


@given(drawn)
def test_a_token_ends_with_the_checksum_of_what_is_before(random_bytes: bytes) -> None:
    token = format_token(random_bytes)
    value = 0
    for sign in token[-6:]:
        value = value * 62 + ALPHABET.index(sign)
    assert value == zlib.crc32(token[:-6].encode())


@given(drawn)
def test_what_was_formatted_is_well_formed(random_bytes: bytes) -> None:
    assert token_is_well_formed(format_token(random_bytes))
    assert gateway_secret_is_well_formed(format_gateway_secret(random_bytes))


@given(place=st.integers(0, 42), sign=st.sampled_from(ALPHABET))
def test_a_token_with_one_wrong_character_is_not_well_formed(place: int, sign: str) -> None:
    token = format_token(MANY_BYTES)
    wrong = token[:place] + sign + token[place + 1 :]
    assert token_is_well_formed(wrong) == (wrong == token)


@given(st.text())
def test_any_other_text_is_not_well_formed(text: str) -> None:
    assert not token_is_well_formed(text)
    assert not token_is_well_formed("simlet_" + text)
    assert not gateway_secret_is_well_formed(text)


@pytest.mark.parametrize("tail", ["\n", " ", "0"])
def test_a_token_with_something_behind_it_is_not_well_formed(tail: str) -> None:
    assert not token_is_well_formed(format_token(MANY_BYTES) + tail)


def test_a_token_in_other_digits_than_ascii_is_not_well_formed() -> None:
    assert not token_is_well_formed("simlet_" + "٣" * 36)


def test_a_token_and_a_gateway_secret_are_not_taken_for_each_other() -> None:
    assert not token_is_well_formed(format_gateway_secret(MANY_BYTES))
    assert not gateway_secret_is_well_formed(format_token(MANY_BYTES))


def test_every_character_of_a_token_is_equally_likely() -> None:
    # All 256 values of a byte, spread over tokens in blocks of 30: what is drawn must hold each
    # character equally often, and the eight values too many must have no say.
    fair = [value for value in range(256) for _ in range(30)]
    tokens = [format_token(bytes(fair[start : start + 30])) for start in range(0, 248 * 30, 30)]
    counts = {sign: "".join(token[7:37] for token in tokens).count(sign) for sign in ALPHABET}
    assert set(counts.values()) == {4 * 30}


def test_bytes_that_would_favour_a_character_are_passed_over() -> None:
    assert format_token(bytes([255, 248] * 10 + [5] * 30)) == format_token(bytes([5] * 30))


@pytest.mark.parametrize("random_bytes", [b"", b"a" * 29, bytes([255]) * 200])
def test_too_few_random_bytes_are_a_fault(random_bytes: bytes) -> None:
    with pytest.raises(ValueError, match=f"{TOKEN_RANDOM_BYTES} random bytes"):
        format_token(random_bytes)


def test_a_secret_is_hashed_with_sha_256() -> None:
    assert hash_secret("simlet_x") == hashlib.sha256(b"simlet_x").digest()


@given(st.text(st.characters()))
def test_any_text_can_be_hashed(text: str) -> None:
    assert len(hash_secret(text)) == 32


def test_half_a_surrogate_pair_can_be_hashed() -> None:
    assert len(hash_secret("simlet_\ud800")) == 32


def test_only_equal_secrets_are_equal() -> None:
    assert secrets_equal(hash_secret("a"), hash_secret("a"))
    assert not secrets_equal(hash_secret("a"), hash_secret("b"))
    assert not secrets_equal(hash_secret("a"), hash_secret("a")[:31])
