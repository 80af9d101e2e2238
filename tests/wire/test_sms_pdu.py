import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from simlet.domain.inbound import Part
from simlet.testing.sms_pdus import (
    Stamp,
    deliver_pdu,
    pack,
    tpdu_length,
    write_deliver,
    write_user_data,
)
from simlet.wire.gsm7 import ESCAPE, LOCKING_TABLES, NO_CHARACTER, SINGLE_SHIFT_TABLES
from simlet.wire.sms_pdu import (
    MalformedPdu,
    SmsDeliver,
    TpduKind,
    kind_of,
    read_deliver,
    read_tpdu,
)

RECORDED = json.loads(
    (Path(__file__).parents[1] / "contract" / "sms_pdu_cases.json").read_text(encoding="utf-8")
)
SENDER = "+84987654321"
TEXT = "OTP 123456"
STAMP = Stamp(1_772_694_429_000)
CODING_AT = 11  # where the data coding of a message from SENDER is, behind the SMSC's address
GSM7, BINARY, UCS2 = 0x00, 0x04, 0x08
WORDS = bytes(TEXT, "ascii")

SENDERS = st.one_of(
    st.from_regex(r"\A\+?[0-9]{1,15}\Z"),
    st.from_regex(r"\A[0-9*#abc]{1,20}\Z"),
    st.text("ABCXYZabcxyz.- @é1", min_size=1, max_size=11),
)
STAMPS = st.builds(
    Stamp, st.integers(946_800_000, 4_102_000_000).map(lambda s: s * 1000), st.integers(-48, 56)
)


def ms(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


def whole(
    body: bytes = WORDS, *, coding: int = GSM7, elements: str = "", sender: str = SENDER
) -> bytes:
    """A PDU with a body of septets or octets, as its coding says, behind a header."""
    header = bytes.fromhex(elements)
    in_septets = coding not in {BINARY, UCS2, 0x14, 0x18, 0xE0, 0xF4}
    user_data = write_user_data(header, body, in_septets=in_septets)
    return deliver_pdu(sender, STAMP, coding=coding, user_data=user_data, has_header=bool(elements))


def with_address(address: str) -> bytes:
    """A PDU whose sender's address is these octets."""
    pdu = whole()
    ours = bytes.fromhex("0B914889674523F1")
    assert ours in pdu
    return pdu.replace(ours, bytes.fromhex(address))


def with_stamp(stamp: str) -> bytes:
    """A PDU whose time stamp is these octets."""
    pdu = whole()
    ours = bytes.fromhex("62305041709082")
    assert ours in pdu
    return pdu.replace(ours, bytes.fromhex(stamp))


def refusal(pdu: bytes, length: int | None = None) -> str:
    with pytest.raises(MalformedPdu) as caught:
        read_deliver(pdu, length)
    return caught.value.reason


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["name"])
def test_a_recorded_pdu_is_read_right(case: dict[str, Any]) -> None:
    message = read_deliver(bytes.fromhex(case["pdu"]), case["tpdu_len"])
    part = Part(*case["concat"]) if case["concat"] else None
    wanted = SmsDeliver(case["sender"], case["text"], ms(case["ts"]), part, flash=message.flash)
    assert message == wanted


@pytest.mark.parametrize("name_and_pdu", RECORDED["malformed"], ids=lambda pair: pair[0])
def test_a_recorded_malformed_pdu_is_refused_with_a_reason(name_and_pdu: list[str]) -> None:
    assert refusal(bytes.fromhex(name_and_pdu[1]))


def test_a_pdu_can_come_without_the_address_of_the_smsc() -> None:
    pdu = whole()
    tpdu = pdu[1 + pdu[0] :]
    assert read_deliver(tpdu, len(tpdu), with_smsc=False) == read_deliver(pdu)


def test_the_address_of_the_smsc_can_be_empty() -> None:
    pdu = whole()
    assert read_deliver(b"\0" + pdu[1 + pdu[0] :]) == read_deliver(pdu)


def test_what_lies_behind_the_announced_length_is_cut_off() -> None:
    pdu = whole()
    assert read_deliver(pdu + b"\xff" * 20, tpdu_length(pdu)) == read_deliver(pdu)


@pytest.mark.parametrize("wrong", [-1, 1, 500])
def test_an_announced_length_that_is_not_that_of_the_message_is_refused(wrong: int) -> None:
    pdu = whole()
    assert refusal(pdu + b"\xff" * 20, tpdu_length(pdu) + wrong)


@pytest.mark.parametrize("length", [0, -3])
def test_an_announced_length_of_nothing_is_refused(length: int) -> None:
    assert refusal(whole(), length) == "announced as empty"


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (0x04, TpduKind.DELIVER),
        (0x64, TpduKind.DELIVER),
        (0x01, TpduKind.SUBMIT),
        (0x31, TpduKind.SUBMIT),
        (0x02, TpduKind.STATUS_REPORT),
        (0x26, TpduKind.STATUS_REPORT),
        (0x03, TpduKind.DELIVER),
    ],
)
def test_the_kind_of_a_pdu_is_told_from_its_first_octet(first: int, kind: TpduKind) -> None:
    assert kind_of(bytes([0, first])) is kind
    assert kind_of(bytes([first]), with_smsc=False) is kind


def test_a_status_report_is_told_apart_and_is_no_message() -> None:
    report = bytes.fromhex("07914889200030F006210B914889674523F1623050417090826230504170908200")
    assert read_tpdu(report, 25) is TpduKind.STATUS_REPORT
    assert refusal(report) == "no message that came in: status_report"


def test_a_message_that_came_in_is_read_by_either_way() -> None:
    assert read_tpdu(whole()) == read_deliver(whole())


@pytest.mark.parametrize("pdu", ["", "07", "07914889200030F0", "00"])
def test_what_ends_before_its_kind_has_none(pdu: str) -> None:
    with pytest.raises(MalformedPdu):
        kind_of(bytes.fromhex(pdu))


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("00 91", ""),
        ("00 D0", ""),
        ("03 A1 21 F3", "123"),
        ("03 81 21 F3", "123"),
        ("04 B1 21 43", "1234"),
        ("04 E1 21 43", "1234"),
        ("05 81 BA DC FE", "*#abc"),
        ("0C 91 48 89 67 45 23 F1", "+84987654321"),  # the filler counted
        ("14 91 10 32 54 76 98 10 32 54 76 98", "+01234567890123456789"),
        ("07 D0 CD 67 F3 09", "MOMO"),
        ("0D D0 D6 64 91 4A 2D 32 01", "VIETTEL"),
        ("0E D0 D6 64 91 4A 2D 32 01", "VIETTEL"),  # whole octets counted
        ("0E D0 54 A8 30 EC 5E BB 62", "TPBank.1"),
        ("14 D0 D6 74 99 3E 7E B7 C5 61 F7 1A", "Vietcombank"),
        ("02 D0 00", "@"),
        ("04 D0 9B 32", "€"),
    ],
)
def test_a_sender_is_read(address: str, sender: str) -> None:
    assert read_deliver(with_address(address)).sender == sender


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("15 91 10 32 54 76 98 10 32 54 76 98 10", "longer than an address can be"),
        ("04 91 F1 21", "has a gap"),
    ],
)
def test_a_sender_that_no_network_writes_is_refused(address: str, reason: str) -> None:
    assert reason in refusal(with_address(address))


@pytest.mark.parametrize(
    ("stamp", "iso"),
    [
        ("62 30 50 41 70 90 82", "2026-03-05T14:07:09+07:00"),
        ("62 30 50 41 70 90 0A", "2026-03-05T14:07:09-05:00"),
        ("62 30 50 41 70 90 00", "2026-03-05T14:07:09+00:00"),
        ("62 30 50 41 70 90 22", "2026-03-05T14:07:09+05:30"),
        ("62 30 50 41 70 90 32", "2026-03-05T14:07:09+05:45"),
        ("62 30 50 41 70 90 65", "2026-03-05T14:07:09+14:00"),
        ("62 30 50 41 70 90 8C", "2026-03-05T14:07:09-12:00"),
        ("42 20 92 32 95 95 82", "2024-02-29T23:59:59+07:00"),
    ],
)
def test_the_time_stamp_counts_with_its_zone(stamp: str, iso: str) -> None:
    assert read_deliver(with_stamp(stamp)).sent_at_ms == ms(iso)


@pytest.mark.parametrize(
    "stamp",
    [
        "00 00 00 00 00 00 00",
        "62 31 50 41 70 90 82",  # month 13
        "62 20 03 41 70 90 82",  # 30 February
        "62 30 50 42 70 90 82",  # 24 o'clock
        "62 30 50 41 06 90 82",  # 60 minutes
        "62 30 50 41 70 90 75",  # 57 quarters of an hour
        "62 30 50 41 70 90 9C",  # 49 to the west
        "62 30 50 41 70 90 F0",  # no digit in the zone
        "62 30 50 41 70 90 FF",
    ],
)
def test_a_time_stamp_that_is_no_date_is_none_and_the_message_is_read(stamp: str) -> None:
    message = read_deliver(with_stamp(stamp))
    assert (message.text, message.sent_at_ms) == (TEXT, None)


@pytest.mark.parametrize("place", range(12))
def test_a_digit_above_nine_in_the_date_means_that_the_pdu_is_damaged(place: int) -> None:
    stamp = "62305041709082"
    damaged = f"{stamp[:place]}A{stamp[place + 1 :]}"
    assert refusal(with_stamp(damaged)) == "the time stamp has digits above nine"


@pytest.mark.parametrize(
    ("coding", "body", "text"),
    [
        (0x00, WORDS, TEXT),
        (0x0C, WORDS, TEXT),  # a reserved alphabet
        (0x11, WORDS, TEXT),
        (0x40, WORDS, TEXT),
        (0x80, WORDS, TEXT),  # a reserved group
        (0xC0, WORDS, TEXT),
        (0xD8, WORDS, TEXT),
        (0xF2, WORDS, TEXT),
        (0x08, "Mã".encode("utf-16-be"), "Mã"),
        (0x18, "Mã".encode("utf-16-be"), "Mã"),
        (0xE0, "Mã".encode("utf-16-be"), "Mã"),
    ],
)
def test_a_text_is_read_in_the_alphabet_that_its_coding_names(
    coding: int, body: bytes, text: str
) -> None:
    message = read_deliver(whole(body, coding=coding))
    assert (message.text, message.data) == (text, None)


@pytest.mark.parametrize(
    ("coding", "flash"),
    [(0x00, False), (0x10, True), (0x18, True), (0x11, False), (0xF0, True), (0xF4, True)],
)
def test_message_class_0_is_a_flash(coding: int, flash: bool) -> None:
    assert read_deliver(whole(bytes(4), coding=coding)).flash is flash


@pytest.mark.parametrize("coding", [0x20, 0x24, 0x28, 0x3A, 0x60])
def test_compressed_text_is_refused(coding: int) -> None:
    assert refusal(whole(coding=coding)) == "compressed"


@pytest.mark.parametrize("coding", [0x04, 0x14, 0xF4])
def test_eight_bit_data_is_kept_as_it_came_beside_its_text(coding: int) -> None:
    message = read_deliver(whole("Mã 1".encode(), coding=coding))
    assert (message.text, message.data) == ("Mã 1", "Mã 1".encode())


def test_eight_bit_data_that_is_no_text_is_hex_without_its_header() -> None:
    message = read_deliver(whole(b"\x01\x06\x01", coding=BINARY, elements="05040B8423F0"))
    assert (message.text, message.data) == ("010601", b"\x01\x06\x01")


@pytest.mark.parametrize(
    "elements",
    [
        "0003A70402",  # a reference of one octet
        "0804BEEF0402",  # of two
        "05040B8423F0 0003A70402",  # ports of two octets before it
        "0003A70402 04020B84",  # ports of one octet behind it
        "7002 0000 0003A70402",
    ],
)
def test_a_part_is_told_and_read_behind_any_header(elements: str) -> None:
    message = read_deliver(whole(elements=elements))
    assert message.text == TEXT
    assert message.part in {Part(0xA7, 4, 2), Part(0xBEEF, 4, 2)}


@pytest.mark.parametrize("filler", range(8))
def test_septets_behind_a_header_of_any_length_begin_where_they_begin(filler: int) -> None:
    elements = f"70{filler:02X}" + "00" * filler
    message = read_deliver(whole(elements=elements))
    assert (message.text, message.part) == (TEXT, None)


def test_a_header_alone_is_an_empty_text() -> None:
    assert read_deliver(whole(b"", elements="0003A70402")).text == ""


def test_no_user_data_is_an_empty_text() -> None:
    assert read_deliver(whole(b"")).text == ""


def test_national_languages_are_read_together() -> None:
    message = read_deliver(whole(b"\x1c1\x1b\x69", elements="240102250101"))
    assert message.text == "Ş1í"


def test_half_a_surrogate_pair_at_the_edge_of_a_part_stays_half() -> None:
    body = "1\U0001f510".encode("utf-16-be")[:4]
    assert read_deliver(whole(body, coding=UCS2, elements="0003090201")).text == "1\ud83d"


def test_half_a_letter_of_ucs2_is_refused() -> None:
    assert "odd" in refusal(whole(b"\x00M\x00", coding=UCS2))


@pytest.mark.parametrize("coding", [GSM7, BINARY, UCS2])
@pytest.mark.parametrize("data", ["05 00 03 A7 04", "FF 00", "01 00 00 00", "02 FF FF 10"])
def test_a_header_that_lies_about_its_length_is_refused(coding: int, data: str) -> None:
    octets = bytes.fromhex(data)
    length = len(octets) * 8 // 7 if coding == GSM7 else len(octets)
    user_data = bytes([length]) + octets
    pdu = deliver_pdu(SENDER, STAMP, coding=coding, user_data=user_data, has_header=True)
    assert "header" in refusal(pdu)


def test_a_header_is_not_longer_than_the_septets_that_hold_it() -> None:
    # Six septets have room in six octets; a header of six octets takes seven septets.
    user_data = bytes([6]) + bytes.fromhex("050003A70402")
    pdu = deliver_pdu(SENDER, STAMP, coding=GSM7, user_data=user_data, has_header=True)
    assert "header" in refusal(pdu)


def test_a_header_that_is_announced_and_missing_is_refused() -> None:
    pdu = deliver_pdu(SENDER, STAMP, coding=GSM7, user_data=b"\0", has_header=True)
    assert "header" in refusal(pdu)


@pytest.mark.parametrize("pdu", [whole(), whole("Mã".encode("utf-16-be"), coding=UCS2)])
def test_a_pdu_that_ends_early_or_late_is_refused_wherever_it_does(pdu: bytes) -> None:
    for end in range(len(pdu)):
        refusal(pdu[:end])
        if end > pdu[0]:
            refusal(pdu[:end], max(1, end - 1 - pdu[0]))
            refusal(pdu[:end], tpdu_length(pdu))
    refusal(pdu + b"\0")


@given(at=st.integers(0, 60), octet=st.integers(0, 255))
def test_a_reason_holds_nothing_of_the_message(at: int, octet: int) -> None:
    pdu = bytearray(whole(b"Code 059809 for Vietcombank", elements="0003A70402"))
    pdu[at % len(pdu)] = octet
    try:
        read_deliver(bytes(pdu))
    except MalformedPdu as damage:
        words = f"{damage!r} {damage.__cause__!r} {damage.__context__!r}"
        assert not any(secret in words for secret in ("059809", "Code", "84987", "3938", "\\x"))


@given(st.binary(max_size=200), st.none() | st.integers(-1, 300), st.booleans())
def test_any_octets_are_a_value_or_malformed(
    pdu: bytes, length: int | None, with_smsc: bool
) -> None:
    try:
        message = read_tpdu(pdu, length, with_smsc=with_smsc)
    except MalformedPdu:
        return
    assert isinstance(message, SmsDeliver | TpduKind)


@given(
    sender=st.binary(min_size=10, max_size=10),
    sender_length=st.integers(0, 20),
    coding=st.integers(0, 255),
    stamp=st.lists(st.integers(0, 9).map(lambda d: d * 16 + d), min_size=7, max_size=7),
    data=st.binary(max_size=140),
    spare=st.integers(0, 7),
    has_header=st.booleans(),
)
def test_whatever_stands_in_the_fields_is_a_value_or_malformed(
    sender: bytes,
    sender_length: int,
    coding: int,
    stamp: list[int],
    data: bytes,
    spare: int,
    has_header: bool,
) -> None:
    length = max(0, len(data) * 8 - spare) // 7 if spare else len(data)
    tpdu = bytes([0x40 if has_header else 0, sender_length, sender[0]])
    tpdu += sender[: (sender_length + 1) // 2] + bytes([0, coding, *stamp, length]) + data
    try:
        message = read_tpdu(tpdu, with_smsc=False)
    except MalformedPdu:
        return
    assert isinstance(message, SmsDeliver)
    assert message.part is None or 1 <= message.part.number <= message.part.total
    assert len(message.sender) <= 21


@given(
    sender=SENDERS,
    text=st.text(max_size=300) | st.text("Code 1234 {[€]}\\^|~é\n", max_size=700),
    stamp=STAMPS,
    reference=st.integers(0, 255),
    wide=st.booleans(),
    flash=st.booleans(),
)
@example(SENDER, "\U0001f510" * 100, STAMP, 7, True, False)
@example(SENDER, "{" * 200, STAMP, 7, False, False)
def test_a_message_that_was_written_is_read_as_it_was(
    sender: str, text: str, stamp: Stamp, reference: int, wide: bool, flash: bool
) -> None:
    # Seven letters and an "@" cannot be told from seven letters with padding.
    assume(not (len(sender) == 8 and sender.endswith("@")))
    number = reference * (257 if wide else 1)
    pdus = write_deliver(sender, text, stamp, reference=number, wide_reference=wide, flash=flash)
    assert all(tpdu_length(pdu) <= 164 for pdu in pdus)
    messages = [read_deliver(pdu + b"\xff", tpdu_length(pdu)) for pdu in pdus]
    assert joined(messages) == text
    numbers = [Part(number, len(pdus), place + 1) for place in range(len(pdus))]
    parts = numbers if len(pdus) > 1 else [None]
    wanted = SmsDeliver(sender, "", stamp.at_ms, None, flash)
    assert [replace(message, text="") for message in messages] == [
        replace(wanted, part=part) for part in parts
    ]


@given(data=st.data(), locking=st.sampled_from(sorted(LOCKING_TABLES)), single=st.integers(0, 13))
def test_a_text_in_any_national_language_is_read_as_it_was_written(
    data: st.DataObject, locking: int, single: int
) -> None:
    letters = {letter for at, letter in enumerate(LOCKING_TABLES[locking]) if at != ESCAPE}
    letters |= {letter for at, letter in SINGLE_SHIFT_TABLES[single].items() if at != ESCAPE}
    text = data.draw(st.text(sorted(letters - {NO_CHARACTER}), max_size=400))
    pdus = write_deliver(SENDER, text, STAMP, locking_shift=locking, single_shift=single)
    assert joined([read_deliver(pdu) for pdu in pdus]) == text
    assert {pdu[CODING_AT + pdu[0]] for pdu in pdus} == {GSM7}


def joined(messages: list[SmsDeliver]) -> str:
    units = b"".join(message.text.encode("utf-16-be", "surrogatepass") for message in messages)
    return units.decode("utf-16-be", "surrogatepass")


def test_a_message_of_160_septets_is_one_part_and_of_161_two() -> None:
    assert [len(write_deliver(SENDER, "a" * count, STAMP)) for count in (160, 161)] == [1, 2]


def test_a_message_of_70_units_is_one_part_and_of_71_two() -> None:
    assert [len(write_deliver(SENDER, "ế" * count, STAMP)) for count in (70, 71)] == [1, 2]


def test_a_message_has_up_to_255_parts() -> None:
    assert len(write_deliver(SENDER, "a" * 255 * 153, STAMP)) == 255
    with pytest.raises(ValueError, match="255"):
        write_deliver(SENDER, "a" * 255 * 153 + "a", STAMP)


def test_septets_are_packed_as_the_standard_has_it() -> None:
    assert pack(b"hellohello").hex().upper() == "E8329BFD4697D9EC37"
