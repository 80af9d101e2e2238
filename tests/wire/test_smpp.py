"""SMPP on the wire: frames and PDUs; the vectors of other encoders are in the tests with peers."""

import struct
from itertools import pairwise

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from simlet.wire.smpp import (
    MAX_FRAME_OCTETS,
    Bind,
    Command,
    Frame,
    FrameFault,
    FrameReader,
    MalformedPdu,
    ShortMessage,
    Status,
    Tag,
    decode_data_sm,
    decode_deliver_sm,
    encode,
    encode_answer,
    encode_data_sm,
    encode_deliver_sm,
    is_response,
)

words = st.integers(0, 2**32 - 1)
frames = st.builds(Frame, words, words, words, st.binary(max_size=80))
names = st.binary(max_size=20).map(lambda octets: octets.replace(b"\0", b"x"))
parameters = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=40), max_size=4)
messages = st.builds(
    ShortMessage,
    st.integers(0, 255),
    names,
    names,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=255),
    parameters,
)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """The octets in pieces, as a network may cut them."""
    at = sorted({0, len(octets), *(place % (len(octets) + 1) for place in places)})
    return [octets[begin:end] for begin, end in pairwise(at)]


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_are_read_however_they_were_cut(sent: list[Frame], places: list[int]) -> None:
    octets = b"".join(encode(one.command, one.status, one.sequence, one.body) for one in sent)
    reader = FrameReader()
    assert [one for piece in cut(octets, places) for one in reader.feed(piece)] == sent
    assert reader.fault is None


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_octets_give_frames_or_one_fault(octets: bytes, places: list[int]) -> None:
    whole, pieces = FrameReader(), FrameReader()
    read = whole.feed(octets)
    assert [one for piece in cut(octets, places) for one in pieces.feed(piece)] == read
    assert sum(16 + len(one.body) for one in read) <= len(octets)
    assert (whole.fault is None) == (pieces.fault is None)
    if whole.fault is not None:
        assert not 16 <= whole.fault.length <= MAX_FRAME_OCTETS
        assert whole.feed(encode(Command.ENQUIRE_LINK, 0, 1)) == []


@pytest.mark.parametrize(
    ("length", "is_fault"),
    [(0, True), (15, True), (16, False), (MAX_FRAME_OCTETS, False), (MAX_FRAME_OCTETS + 1, True)],
)
def test_a_length_is_believed_within_its_limits(length: int, is_fault: bool) -> None:
    reader = FrameReader()
    reader.feed(struct.pack(">IIII", length, 5, 0, 7))
    assert (reader.fault is not None) is is_fault


def test_frames_before_a_fault_are_read_and_the_fault_names_its_pdu() -> None:
    reader = FrameReader()
    good = encode(Command.ENQUIRE_LINK, 0, 1)
    assert len(reader.feed(good + good + struct.pack(">IIII", 10_000_000, 5, 0, 42))) == 2
    assert reader.fault == FrameFault(10_000_000, 42)


def test_the_longest_payload_fits_a_frame() -> None:
    message = ShortMessage(0, b"", b"1", 0, 0, b"", {Tag.MESSAGE_PAYLOAD: bytes(0xFFFF)})
    (frame,) = FrameReader().feed(encode_deliver_sm(message, 1))
    assert len(decode_deliver_sm(frame.body).parameters[Tag.MESSAGE_PAYLOAD]) == 0xFFFF


@given(messages, words)
def test_a_deliver_sm_that_was_written_is_read_again(message: ShortMessage, number: int) -> None:
    (frame,) = FrameReader().feed(encode_deliver_sm(message, number))
    assert frame[:3] == (Command.DELIVER_SM, 0, number)
    assert decode_deliver_sm(frame.body) == message


@given(messages, words)
def test_a_data_sm_that_was_written_is_read_again(message: ShortMessage, number: int) -> None:
    (frame,) = FrameReader().feed(encode_data_sm(message, number))
    read = decode_data_sm(frame.body)
    assert (read.source, read.destination, read.parameters) == (
        message.source,
        message.destination,
        message.parameters,
    )
    assert (read.esm_class, read.data_coding) == (message.esm_class, message.data_coding)


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    st.binary(max_size=200),
    st.integers(0, 255),
    st.integers(0, 255),
    parameters,
)
def test_what_another_encoder_writes_is_read(
    source: str, text: bytes, esm_class: int, coding: int, more: dict[int, bytes]
) -> None:
    written = smpp34.DeliverSm(
        source,
        "84912345678",
        text,
        service_type="CMT",
        source_addr_ton=5,
        esm_class=esm_class,
        data_coding=coding,
        schedule_delivery_time="261123112233428+",
        tlvs=[smpp34.Tlv(tag, value) for tag, value in more.items()],
        sequence_number=7,
    )
    (frame,) = FrameReader().feed(written.encode())
    assert decode_deliver_sm(frame.body) == ShortMessage(
        5, source.encode(), b"84912345678", esm_class, coding, text, more
    )


@given(messages, st.integers(1, 300))
def test_a_pdu_that_is_cut_is_malformed_or_whole(message: ShortMessage, lost: int) -> None:
    body = encode_deliver_sm(message, 1)[16:]
    assert _status_of(body[: max(len(body) - lost, 0)]) in {
        None,
        Status.ESME_RINVMSGLEN,
        Status.ESME_RINVPARLEN,
        Status.ESME_RINVOPTPARSTREAM,
    }


@given(st.binary(max_size=120))
def test_any_body_is_read_or_is_malformed(body: bytes) -> None:
    _status_of(body)


def _status_of(body: bytes) -> Status | None:
    """What the other side is told of a body; None for one that can be read."""
    try:
        decode_deliver_sm(body)
        decode_data_sm(body)
    except MalformedPdu as error:
        return error.status
    return None


def _texts_of(place: int, octets: int) -> bytes:
    """A `deliver_sm` with a text so long at one of its five places."""
    texts = [b"", b"GRAB", b"84912345678", b"", b""]
    texts[place] = b"1" * octets
    service_type, source, destination, schedule, validity = (text + b"\0" for text in texts)
    addresses = service_type + b"\5\0" + source + b"\1\1" + destination
    return addresses + b"\0\0\0" + schedule + validity + b"\0\0\0\0\2Ma"


@pytest.mark.parametrize("place", range(5))
def test_a_text_has_64_octets_at_most(place: int) -> None:
    assert decode_deliver_sm(_texts_of(place, 64)).content == b"Ma"
    assert _status_of(_texts_of(place, 65)) is Status.ESME_RINVPARLEN


def test_octets_of_nothing_behind_the_last_parameter_are_passed_over() -> None:
    message = ShortMessage(0, b"GRAB", b"84912345678", 0, 0, b"Ma 1", {Tag.MESSAGE_STATE: b"\2"})
    body = encode_deliver_sm(message, 1)[16:]
    assert decode_deliver_sm(body + b"\0\0") == message
    with pytest.raises(MalformedPdu) as malformed:
        decode_deliver_sm(body + b"\0\1")
    assert malformed.value.status is Status.ESME_RINVOPTPARSTREAM


def test_an_answer_has_an_empty_id() -> None:
    assert encode_answer(Command.DELIVER_SM, Status.ESME_RX_T_APPN, 9) == bytes.fromhex(
        "00000011 80000005 00000064 00000009 00"
    )
    assert encode_answer(Command.DATA_SM, 0, 9)[4:8] == bytes.fromhex("80000103")


def test_a_bind_holds_what_the_client_says_of_itself() -> None:
    bind = Bind("simlet", "Qu1et", "VMS", 0x34, 1, 2, "^84")
    assert bind.encode(Command.BIND_RECEIVER, 3) == (
        bytes.fromhex("00000028 00000001 00000000 00000003")
        + b"simlet\0Qu1et\0VMS\0\x34\x01\x02^84\0"
    )


def test_responses_are_told_from_requests() -> None:
    assert is_response(Command.GENERIC_NACK)
    assert is_response(Command.DELIVER_SM_RESP)
    assert not is_response(Command.DELIVER_SM)
