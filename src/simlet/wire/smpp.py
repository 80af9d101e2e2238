"""SMPP 3.4 on the wire: octets to frames, frames to PDUs, and back.

Source: SMPP Protocol Specification v3.4, issue 1.2: header 3.2, PDUs 4, parameters 5.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from types import MappingProxyType
from typing import Final, NamedTuple

HEADER_OCTETS: Final = 16
MAX_FRAME_OCTETS: Final = 128 * 1024
"""The longest PDU that is believed: a `message_payload` holds up to 64 KiB, the rest is small."""

_LENGTH = Struct(">I")
_HEADER = Struct(">IIII")
_TAG_AND_LENGTH = Struct(">HH")
_RESPONSE: Final = 0x80000000


class Command(IntEnum):
    """What a PDU is. Source: 5.1.2.1."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    ENQUIRE_LINK = 0x00000015
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103
    BIND_RECEIVER_RESP = 0x80000001
    DELIVER_SM_RESP = 0x80000005
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK_RESP = 0x80000015
    DATA_SM_RESP = 0x80000103


class Status(IntEnum):
    """How a request went; what is not listed is a number all the same. Source: 5.1.3."""

    ESME_ROK = 0x00
    ESME_RINVMSGLEN = 0x01
    ESME_RINVCMDLEN = 0x02
    ESME_RINVCMDID = 0x03
    ESME_RALYBND = 0x05
    ESME_RSYSERR = 0x08
    ESME_RINVDSTADR = 0x0B
    ESME_RBINDFAIL = 0x0D
    ESME_RINVPASWD = 0x0E
    ESME_RINVSYSID = 0x0F
    ESME_RMSGQFUL = 0x14
    ESME_RINVSYSTYP = 0x53
    ESME_RTHROTTLED = 0x58
    ESME_RX_T_APPN = 0x64
    ESME_RX_P_APPN = 0x65
    ESME_RX_R_APPN = 0x66
    ESME_RINVOPTPARSTREAM = 0xC0
    ESME_RINVPARLEN = 0xC2


class Tag(IntEnum):
    """Optional parameters that we read. Source: 5.3.2."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class MalformedPdu(ValueError):  # noqa: N818 - it says what the PDU is
    """A PDU does not fit its own lengths.

    Attributes:
        status: what to tell the other side.
    """

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Frame(NamedTuple):
    """One PDU, its body not looked at yet."""

    command: int
    status: int
    sequence: int
    body: bytes


class FrameFault(NamedTuple):
    """An announced length that no PDU has: where the next one begins cannot be known.

    Attributes:
        length: what was announced.
        sequence: the number of the PDU; 0 when its header is not known.
    """

    length: int
    sequence: int


class FrameReader:
    """Cuts what comes in into frames, however it was cut on its way.

    Attributes:
        fault: why nothing more can be read; None while all is well.
    """

    def __init__(self) -> None:
        self.fault: FrameFault | None = None
        self._buffer = bytearray()
        self._needed = _LENGTH.size

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with these octets, in order; none behind a fault."""
        if self.fault is not None:
            return []
        self._buffer += data
        # Asked before anything is copied: a long PDU may come octet by octet.
        if len(self._buffer) < self._needed:
            return []
        octets = bytes(self._buffer)
        frames: list[Frame] = []
        at = 0
        whole = len(octets) - HEADER_OCTETS
        while at <= whole:
            length, command, status, sequence = _HEADER.unpack_from(octets, at)
            end = at + length
            if end > len(octets) or not HEADER_OCTETS <= length <= MAX_FRAME_OCTETS:
                break
            frames.append(Frame(command, status, sequence, octets[at + HEADER_OCTETS : end]))
            at = end
        self._look_ahead(octets, at)
        del self._buffer[: len(octets) if self.fault else at]
        return frames

    def _look_ahead(self, octets: bytes, at: int) -> None:
        """What the octets behind the last whole frame say of the next one."""
        self._needed = _LENGTH.size
        if len(octets) - at < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack_from(octets, at)
        if HEADER_OCTETS <= length <= MAX_FRAME_OCTETS:
            self._needed = length
        else:
            self.fault = FrameFault(length, _sequence_at(octets, at, length))


def _sequence_at(octets: bytes, at: int, length: int) -> int:
    if length < HEADER_OCTETS or len(octets) - at < HEADER_OCTETS:
        return 0
    sequence: int = _HEADER.unpack_from(octets, at)[3]
    return sequence


def is_response(command: int) -> bool:
    """Whether a PDU answers one of ours; such a PDU is never answered itself."""
    return command & _RESPONSE != 0


def encode(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """A PDU as it is sent."""
    return _HEADER.pack(HEADER_OCTETS + len(body), command, status, sequence) + body


_ANSWER = Struct(">IIIIx")


def encode_answer(command: int, status: int, sequence: int) -> bytes:
    """The answer to a `deliver_sm` or a `data_sm`: its `message_id` is not used, and empty.

    Source: 4.6.2 and 4.7.2.
    """
    return _ANSWER.pack(_ANSWER.size, command | _RESPONSE, status, sequence)


@dataclass(frozen=True, slots=True)
class Bind:
    """What a client says of itself. Source: 4.1.3 and 4.1.5.

    Attributes:
        interface_version: 0x34 for 3.4.
    """

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    def encode(self, command: Command, sequence: int) -> bytes:
        """The PDU.

        Raises:
            UnicodeEncodeError: a text is beyond Latin-1.
        """
        numbers = bytes([self.interface_version, self.addr_ton, self.addr_npi])
        names = _c_octets(self.system_id) + _c_octets(self.password) + _c_octets(self.system_type)
        return encode(command, 0, sequence, names + numbers + _c_octets(self.address_range))


def _c_octets(text: str) -> bytes:
    return text.encode("latin-1") + b"\0"


_NO_PARAMETERS: Final[Mapping[int, bytes]] = MappingProxyType({})


class ShortMessage(NamedTuple):
    """What is read of a `deliver_sm` or a `data_sm`.

    Attributes:
        source_ton: the type of number of the source: 1 international, 5 alphanumeric (5.2.5).
        content: `short_message`; empty in a `data_sm`.
        parameters: the optional ones, by tag; of two with one tag the last.
    """

    source_ton: int
    source: bytes
    destination: bytes
    esm_class: int
    data_coding: int
    content: bytes = b""
    parameters: Mapping[int, bytes] = _NO_PARAMETERS


# A text has 64 octets and its NUL at most; so long are the addresses of data_sm alone: 4.7.1.
_ADDRESSES: Final = rb"""
    [^\0]{0,64}\0          # service_type
    (.) . ([^\0]{0,64})\0  # of the source: type of number, numbering plan, address
    .   . ([^\0]{0,64})\0  # of the destination, likewise
    (.)                    # esm_class
"""


_DELIVER_SM: Final = re.compile(
    _ADDRESSES
    + rb"""
    . .                    # protocol_id, priority_flag
    [^\0]{0,64}\0          # schedule_delivery_time
    [^\0]{0,64}\0          # validity_period
    . . (.) .              # registered_delivery, replace_if_present_flag, data_coding, default id
    (.)                    # sm_length
    """,
    re.DOTALL | re.VERBOSE,
)
_DATA_SM: Final = re.compile(
    _ADDRESSES
    + rb"""
    . (.)                  # registered_delivery, data_coding
    """,
    re.DOTALL | re.VERBOSE,
)


def decode_deliver_sm(body: bytes) -> ShortMessage:
    """A `deliver_sm`. Source: 4.6.1.

    Raises:
        MalformedPdu: it ends too early.
    """
    found = _DELIVER_SM.match(body)
    if found is None:
        raise _too_short()
    source_ton, source, destination, esm_class, data_coding, sm_length = found.groups()
    begin = found.end()
    end = begin + sm_length[0]
    if end > len(body):
        raise MalformedPdu(Status.ESME_RINVMSGLEN, "sm_length is longer than the PDU")
    parameters = _parameters(body, end) if end < len(body) else _NO_PARAMETERS
    content = body[begin:end]
    return ShortMessage(
        source_ton[0], source, destination, esm_class[0], data_coding[0], content, parameters
    )


def decode_data_sm(body: bytes) -> ShortMessage:
    """A `data_sm`. Source: 4.7.1.

    Raises:
        MalformedPdu: it ends too early.
    """
    found = _DATA_SM.match(body)
    if found is None:
        raise _too_short()
    source_ton, source, destination, esm_class, data_coding = found.groups()
    parameters = _parameters(body, found.end())
    return ShortMessage(
        source_ton[0], source, destination, esm_class[0], data_coding[0], b"", parameters
    )


def encode_deliver_sm(message: ShortMessage, sequence: int) -> bytes:
    """A `deliver_sm` as an SMSC sends it; what we do not read is 0 or empty.

    Raises:
        ValueError: the content is longer than 255 octets.
    """
    body = (
        b"\0"
        + _encode_addresses(message)
        + bytes([message.esm_class, 0, 0, 0, 0, 0, 0, message.data_coding, 0, len(message.content)])
        + message.content
        + encode_parameters(message.parameters)
    )
    return encode(Command.DELIVER_SM, 0, sequence, body)


def encode_data_sm(message: ShortMessage, sequence: int) -> bytes:
    """A `data_sm` as an SMSC sends it; its content is among the parameters."""
    coded = bytes([message.esm_class, 0, message.data_coding])
    body = b"\0" + _encode_addresses(message) + coded + encode_parameters(message.parameters)
    return encode(Command.DATA_SM, 0, sequence, body)


def encode_parameters(parameters: Mapping[int, bytes]) -> bytes:
    """Optional parameters, in their order. Source: 3.2.4.1."""
    return b"".join(
        _TAG_AND_LENGTH.pack(tag, len(value)) + value for tag, value in parameters.items()
    )


def _encode_addresses(message: ShortMessage) -> bytes:
    source = bytes([message.source_ton, 0]) + message.source + b"\0"
    return source + b"\x01\x01" + message.destination + b"\0"


def _too_short() -> MalformedPdu:
    return MalformedPdu(Status.ESME_RINVPARLEN, "a field ends behind the PDU, or never")


def _parameters(body: bytes, at: int) -> dict[int, bytes]:
    parameters: dict[int, bytes] = {}
    while at + _TAG_AND_LENGTH.size <= len(body):
        tag, length = _TAG_AND_LENGTH.unpack_from(body, at)
        begin = at + _TAG_AND_LENGTH.size
        at = begin + length
        if at > len(body):
            raise MalformedPdu(Status.ESME_RINVOPTPARSTREAM, "a parameter is longer than the PDU")
        parameters[tag] = body[begin:at]
    # Some SMSCs end a PDU with a NUL or two that belong to nothing.
    if body[at:].strip(b"\0"):
        raise MalformedPdu(Status.ESME_RINVOPTPARSTREAM, "octets behind the last parameter")
    return parameters
