"""What a short message of SMPP says."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.domain.inbound import Inbound, Part
from simlet.domain.phone import parse_destination
from simlet.wire.smpp import ShortMessage, Tag
from simlet.wire.smpp_message import (
    ALPHABETS,
    IDS,
    MAX_ID_CHARS,
    Reading,
    is_receipt,
    read_message,
    read_sender,
)


def read(
    content: bytes = b"Ma 1",
    coding: int = 0,
    *,
    esm_class: int = 0,
    to: bytes = b"84912345678",
    parameters: Mapping[Any, bytes] | None = None,
    reading: Reading | None = None,
) -> Inbound:
    message = ShortMessage(5, b"GRAB", to, esm_class, coding, content, parameters or {})
    return read_message(message, reading or Reading(), "own")


@pytest.mark.parametrize(
    ("coding", "content", "text"),
    [
        (0, b"a\0\x1b\x65\x11", "a@€_"),
        (1, b"code {4821}", "code {4821}"),
        (1, b"a\0b", "a@b"),  # no ASCII has such a letter
        (1, b"a\r\n\tb", "a\r\n\tb"),
        (2, b"plain 1", "plain 1"),
        (3, b"Caf\xe9", "Café"),
        (4, "Mã 1".encode(), "Mã 1"),
        (4, b"\x00\xff", "00FF"),
        (6, "Код 1".encode("iso8859-5"), "Код 1"),
        (7, "קוד".encode("iso8859-8"), "קוד"),
        (8, "Mã 😀".encode("utf-16-be"), "Mã 😀"),
        (14, b"plain", "plain"),
        (0x10, b"flash \0", "flash @"),
        (0x18, "Mã".encode("utf-16-be"), "Mã"),
        (0x14, b"octets", "octets"),
        (0x48, "Mã".encode("utf-16-be"), "Mã"),
        (0x90, b"reserved", "reserved"),
        (0xC8, b"waits \0", "waits @"),
        (0xD0, b"waits \0", "waits @"),
        (0xE0, "Mã".encode("utf-16-be"), "Mã"),
        (0xF0, b"flash \0", "flash @"),
        (0xF6, b"octets", "octets"),
    ],
)
def test_each_data_coding_is_read(coding: int, content: bytes, text: str) -> None:
    assert read(content, coding).text == text


@pytest.mark.parametrize(
    ("alphabet", "content", "text"),
    [
        ("gsm7", b"\x05\x07", "éì"),
        ("latin1", b"\xe9 {1}", "é {1}"),
        ("utf8", "Mã 1".encode(), "Mã 1"),
        ("utf8", b"M\xc3", "M\ufffd"),
    ],
)
@pytest.mark.parametrize("coding", [0, 0xF0])
def test_the_default_alphabet_is_what_was_set(
    alphabet: str, content: bytes, text: str, coding: int
) -> None:
    assert read(content, coding, reading=Reading(alphabet)).text == text


def test_a_national_alphabet_of_the_header_goes_before_what_was_set() -> None:
    turkish = b"\x03\x25\x01\x01\x1d"
    for coding in (0, 1):
        message = read(turkish, coding, esm_class=0x40, reading=Reading("latin1"))
        assert message.text == "ş"
    shifted = b"\x03\x24\x01\x01\x1bs"
    assert read(shifted, esm_class=0x40, reading=Reading("latin1")).text == "ş"


def test_the_payload_is_read_where_there_is_no_short_message() -> None:
    payload = {Tag.MESSAGE_PAYLOAD: b"\x05\x00\x03\x07\x02\x01Ma 2"}
    message = read(b"", esm_class=0x40, parameters=payload)
    assert (message.text, message.part) == ("Ma 2", Part(7, 2, 1))
    assert read(b"Ma 1", parameters={Tag.MESSAGE_PAYLOAD: b"Ma 2"}).text == "Ma 1"


@pytest.mark.parametrize(
    ("reference", "total", "number", "part"),
    [
        (b"\1\2", b"\2", b"\1", Part(0x102, 2, 1)),
        (b"\7", b"\xff", b"\xff", Part(7, 255, 255)),
        (b"\1\2", b"\1", b"\1", None),
        (b"\1\2", b"\2", b"\0", None),
        (b"\1\2", b"\2", b"\3", None),
        (b"", b"", b"", None),
    ],
)
def test_parts_are_numbered_by_parameters(
    reference: bytes, total: bytes, number: bytes, part: Part | None
) -> None:
    segments = {
        Tag.SAR_MSG_REF_NUM: reference,
        Tag.SAR_TOTAL_SEGMENTS: total,
        Tag.SAR_SEGMENT_SEQNUM: number,
    }
    assert read(parameters=segments).part == part


def test_the_header_goes_before_parameters() -> None:
    segments = {Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\2"}
    header = b"\x05\x00\x03\x07\x03\x01Ma"
    assert read(header, esm_class=0x40, parameters=segments).part == Part(7, 3, 1)


def test_half_of_a_letter_stays_in_a_part_and_no_whole_message_has_one() -> None:
    half = "A\ud83d".encode("utf-16-be", "surrogatepass")
    segments = {Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"}
    assert read(half, 8, parameters=segments).text == "A\ud83d"
    assert read(half, 8).text == "A\ufffd"


@pytest.mark.parametrize(
    ("content", "coding", "esm_class"),
    [(b"", 0, 0x40), (b"\x09\x00", 0, 0x40), (b"\0A\1", 8, 0), (b"\x03\0\x03\1text", 0, 0x40)],
)
def test_what_cannot_be_read_is_kept_in_hex(content: bytes, coding: int, esm_class: int) -> None:
    message = read(content, coding, esm_class=esm_class)
    assert message.damaged
    assert bytes.fromhex(message.text) == content
    assert message.source_id == "own"


@pytest.mark.parametrize(
    ("given_to", "to"),
    [
        (b"84912345678", "+84912345678"),
        (b"+84912345678", "+84912345678"),
        (b"0912345678", "+84912345678"),
        (b"912345678", "+84912345678"),
        (b"0084912345678", "+84912345678"),
        (b"+840912345678", "+84912345678"),
        (b"8055", "8055"),
        (b"66812345678", "66812345678"),
    ],
)
def test_a_destination_is_read_in_any_spelling(given_to: bytes, to: str) -> None:
    assert read(to=given_to).to == to


@pytest.mark.parametrize("to", [b"", b"SHOPEE", b"12", b"\xff\xfe", b"1" * 16])
def test_a_message_to_what_is_no_number_is_read_and_has_no_line(to: bytes) -> None:
    message = read(b"Ma 486460", to=to)
    assert (message.to, message.text) == ("", "Ma 486460")


def test_one_nul_behind_ucs2_does_not_cost_the_text() -> None:
    assert read("Mã 4".encode("utf-16-be") + b"\0", 8).text == "Mã 4"


@pytest.mark.parametrize(
    ("ton", "octets", "sender"),
    [
        (1, b"84987654321", "+84987654321"),
        (1, b"+84987654321", "+84987654321"),
        (1, b"GRAB", "GRAB"),
        (2, b"0987654321", "0987654321"),
        (3, b"8077", "8077"),
        (0, b"8077", "8077"),
        (5, b"VietTel-CSKH", "VietTel-CSKH"),
        (5, b"Caf\x05", "Café"),
        (5, b"A_B@C$", "A_B@C$"),
        (5, "Ngân".encode(), "Ngân"),
        (5, b"Caf\xe9", "Café"),
        (5, b"", ""),
    ],
)
def test_senders_are_read_as_people_write_them(ton: int, octets: bytes, sender: str) -> None:
    assert read_sender(ton, octets) == sender


@pytest.mark.parametrize(
    ("parameters", "ids", "source_id"),
    [
        ({}, "all", "own"),
        ({Tag.RECEIPTED_MESSAGE_ID: b"7F3A\0"}, "all", "7F3A"),
        ({Tag.RECEIPTED_MESSAGE_ID: b"\0"}, "all", "own"),
        ({Tag.USER_MESSAGE_REFERENCE: b"\1\2"}, "all", "reference 258"),
        ({Tag.USER_MESSAGE_REFERENCE: b"\0\0"}, "all", "own"),
        (
            {Tag.RECEIPTED_MESSAGE_ID: b"7F3A\0", Tag.USER_MESSAGE_REFERENCE: b"\1\2"},
            "all",
            "7F3A",
        ),
        ({Tag.USER_MESSAGE_REFERENCE: b"\1\2"}, "receipted_message_id", "own"),
        ({Tag.RECEIPTED_MESSAGE_ID: b"7F3A"}, "receipted_message_id", "7F3A"),
        ({Tag.RECEIPTED_MESSAGE_ID: b"7F3A"}, "none", "own"),
        ({Tag.RECEIPTED_MESSAGE_ID: b"x" * 999}, "all", "x" * MAX_ID_CHARS),
    ],
)
def test_the_id_is_the_smscs_where_it_gives_one(
    parameters: dict[int, bytes], ids: str, source_id: str
) -> None:
    assert read(parameters=parameters, reading=Reading(ids=ids)).source_id == source_id


def test_parts_that_share_an_id_have_ids_of_their_own() -> None:
    segments: dict[int, bytes] = {Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.RECEIPTED_MESSAGE_ID: b"7F3A"}
    ids = {
        read(parameters={**segments, Tag.SAR_SEGMENT_SEQNUM: bytes([n])}).source_id for n in (1, 2)
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("esm_class", "parameters", "receipt"),
    [
        (0x00, {}, False),
        (0x04, {}, True),
        (0x08, {}, True),
        (0x10, {}, True),
        (0x18, {}, True),
        (0x20, {}, True),
        (0x44, {}, True),
        (0x40, {}, False),
        (0x03, {}, False),
        (0x80, {}, False),
        (0x0C, {}, False),
        (0x00, {Tag.MESSAGE_STATE: b"\2"}, True),
        (0x00, {Tag.RECEIPTED_MESSAGE_ID: b"1"}, False),
    ],
)
def test_receipts_are_told_from_messages(
    esm_class: int, parameters: dict[int, bytes], receipt: bool
) -> None:
    message = ShortMessage(5, b"GRAB", b"84912345678", esm_class, 0, b"Ma", parameters)
    assert is_receipt(message) is receipt


@given(
    st.binary(max_size=160),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=20),
    st.dictionaries(st.sampled_from(list(Tag)), st.binary(max_size=20)),
    st.builds(Reading, st.sampled_from(ALPHABETS), st.sampled_from(IDS)),
)
def test_any_message_is_read_and_can_be_kept(
    content: bytes,
    coding: int,
    esm_class: int,
    source: bytes,
    parameters: dict[int, bytes],
    reading: Reading,
) -> None:
    message = ShortMessage(5, source, b"84912345678", esm_class, coding, content, parameters)
    one = read_message(message, reading, "own")
    assert "\0" not in one.text + one.sender + str(one.source_id)
    assert one.source_id
    if one.part is None:
        (one.text + one.sender).encode()  # which no lone half of a pair would bear


@given(st.from_regex(r"\+?(84|0)?[0-9]{9,10}", fullmatch=True, alphabet="+0123456789"))
def test_the_usual_spelling_of_a_number_is_read_as_any_other(to: str) -> None:
    expected = parse_destination(to)
    assert read(to=to.encode()).to == expected
