import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlet.testing.sms_pdus import pack
from simlet.wire.gsm7 import (
    ESCAPE,
    LOCKING_TABLES,
    NO_CHARACTER,
    SINGLE_SHIFT_TABLES,
    decode_unpacked,
    unpack,
)

# Typed from 3GPP TS 23.038, 6.2.1; the escape at 0x1B is shown as a space.
DEFAULT_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TURKISH, SPANISH, PORTUGUESE, HINDI, KANNADA, TAMIL, URDU = 1, 2, 3, 6, 7, 11, 13
UNKNOWN_LANGUAGE = 14
A_SEPTET = st.integers(0, 0x7F)
SEPTETS = st.lists(A_SEPTET, max_size=200).map(bytes)


def test_packed_septets_come_apart() -> None:
    assert unpack(bytes.fromhex("E8329BFD4697D9EC37"), 10) == b"hellohello"


def test_no_septets_are_in_nothing() -> None:
    assert unpack(b"", 0) == b""


def test_a_last_octet_that_is_full_holds_no_eighth_septet_unless_it_is_asked_for() -> None:
    packed = bytes.fromhex("61F1985C369F01")
    assert (unpack(packed, 7), unpack(packed, 8)) == (b"abcdefg", b"abcdefg\0")


@pytest.mark.parametrize("count", [9, 160])
def test_more_septets_than_there_is_room_for_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="fewer octets"):
        unpack(bytes(7), count)


def test_fill_bits_take_room_too() -> None:
    with pytest.raises(ValueError, match="fewer octets"):
        unpack(bytes(7), 8, fill_bits=1)


def test_a_count_below_none_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer octets"):
        unpack(bytes(7), -1, fill_bits=6)


@given(septets=SEPTETS, fill_bits=st.integers(0, 6))
def test_septets_come_back_from_behind_any_fill_bits(septets: bytes, fill_bits: int) -> None:
    assert unpack(pack(septets, fill_bits), len(septets), fill_bits) == septets


@given(septets=SEPTETS, fill_bits=st.integers(0, 6), behind=st.binary(max_size=3))
def test_what_lies_behind_the_septets_and_in_the_fill_bits_is_not_looked_at(
    septets: bytes, fill_bits: int, behind: bytes
) -> None:
    packed = bytearray(pack(septets, fill_bits) or b"\0") + behind
    packed[0] |= (1 << fill_bits) - 1
    assert unpack(bytes(packed), len(septets), fill_bits) == septets


def test_the_default_alphabet_is_the_one_of_the_standard() -> None:
    assert "".join(LOCKING_TABLES[0]) == DEFAULT_ALPHABET
    without_escape = bytes(septet for septet in range(128) if septet != ESCAPE)
    assert decode_unpacked(without_escape) == DEFAULT_ALPHABET[:0x1B] + DEFAULT_ALPHABET[0x1C:]


def test_every_language_of_the_standard_is_there() -> None:
    assert set(SINGLE_SHIFT_TABLES) == set(range(14))
    assert set(LOCKING_TABLES) == set(range(14)) - {SPANISH}


@pytest.mark.parametrize("language", sorted(LOCKING_TABLES))
def test_no_alphabet_has_a_letter_in_two_places(language: int) -> None:
    letters = [letter for letter in LOCKING_TABLES[language] if letter not in f" {NO_CHARACTER}"]
    assert len(letters) == len(set(letters))


@pytest.mark.parametrize("language", sorted(LOCKING_TABLES))
def test_digits_mean_themselves_in_every_alphabet(language: int) -> None:
    assert decode_unpacked(b"0123456789", locking_shift=language) == "0123456789"


@pytest.mark.parametrize("language", sorted(LOCKING_TABLES))
def test_letters_and_marks_of_a_code_mean_themselves_in_every_alphabet(language: int) -> None:
    assert decode_unpacked(b"a.z, ?!", locking_shift=language) == "a.z, ?!"


@pytest.mark.parametrize("language", sorted(SINGLE_SHIFT_TABLES))
def test_every_extension_table_has_what_the_default_one_has(language: int) -> None:
    default = SINGLE_SHIFT_TABLES[0].items()
    assert {**SINGLE_SHIFT_TABLES[language], **dict(default)} == SINGLE_SHIFT_TABLES[language]


def test_the_misprint_in_the_alphabet_of_kannada_is_put_right() -> None:
    assert decode_unpacked(b"\x24\x3d", locking_shift=KANNADA) == "\u0ca1\u0caa"


def test_what_follows_an_escape_is_of_the_extension_table() -> None:
    septets = bytes.fromhex("1B0A 1B14 1B28 1B29 1B2F 1B3C 1B3D 1B3E 1B40 1B65")
    assert decode_unpacked(septets) == "\f^{}\\[~]|€"


def test_an_escape_before_what_the_table_lacks_is_passed_over() -> None:
    assert decode_unpacked(b"A\x1bB1") == "AB1"


def test_an_escape_before_what_the_table_lacks_shows_the_letter_of_the_alphabet_in_force() -> None:
    assert decode_unpacked(b"\x1b\x0b", locking_shift=TURKISH) == "Ğ"


def test_two_escapes_are_a_space_and_what_follows_is_plain() -> None:
    assert decode_unpacked(b"\x1b\x1b\x28") == " ("


@pytest.mark.parametrize("language", [0, HINDI])
def test_an_escape_at_the_end_is_a_space(language: int) -> None:
    assert decode_unpacked(b"1\x1b", single_shift=language) == "1 "


@pytest.mark.parametrize(
    ("language", "septets", "text"),
    [(TURKISH, b"\x1c\x1d\x40\x07\x04", "Şşİı€"), (PORTUGUESE, b"\x7b\x08\x5f", "ãó§")],
)
def test_a_locking_shift_exchanges_the_alphabet(language: int, septets: bytes, text: str) -> None:
    assert decode_unpacked(septets, locking_shift=language) == text


@pytest.mark.parametrize(
    ("language", "septet", "letter"),
    [
        (TURKISH, 0x53, "Ş"),
        (SPANISH, 0x75, "ú"),
        (PORTUGUESE, 0x7B, "ã"),
        (HINDI, 0x1C, "०"),
        (URDU, 0x25, "۹"),
    ],
)
def test_a_single_shift_exchanges_the_extension_table(
    language: int, septet: int, letter: str
) -> None:
    assert decode_unpacked(bytes([ESCAPE, septet]), single_shift=language) == letter


def test_a_single_shift_leaves_the_alphabet_alone() -> None:
    assert decode_unpacked(b"\x1c\x1b\x53", single_shift=TURKISH) == "ÆŞ"


def test_a_locking_shift_leaves_the_extension_table_alone() -> None:
    assert decode_unpacked(b"\x1c\x1b\x65", locking_shift=TURKISH) == "Ş€"


@pytest.mark.parametrize("language", [SPANISH, UNKNOWN_LANGUAGE, 255])
def test_a_language_without_an_alphabet_leaves_the_default_one(language: int) -> None:
    assert decode_unpacked(b"\x00A", locking_shift=language) == "@A"


def test_an_unknown_language_leaves_the_default_extension_table() -> None:
    assert decode_unpacked(b"\x1b\x65", single_shift=UNKNOWN_LANGUAGE) == "€"


def test_a_place_without_a_letter_becomes_the_sign_for_one() -> None:
    assert decode_unpacked(b"1\x002", locking_shift=TAMIL) == f"1{NO_CHARACTER}2"


def test_an_octet_that_is_no_septet_becomes_the_sign_for_one() -> None:
    assert decode_unpacked(b"1\xe9\x1b\xff2") == f"1{NO_CHARACTER}{NO_CHARACTER}2"


@given(data=st.binary(), locking=st.integers(0, 255), single=st.integers(0, 255))
def test_anything_becomes_a_text_of_a_letter_at_most_for_each_octet(
    data: bytes, locking: int, single: int
) -> None:
    text = decode_unpacked(data, locking_shift=locking, single_shift=single)
    assert len(data) / 2 <= len(text) <= len(data)
