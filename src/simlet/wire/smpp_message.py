"""What a short message of SMPP says: its text, its sender, which part of a long one it is.

Source: SMPP Protocol Specification v3.4, issue 1.2, the sections named at each function.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound, MessageKind, Part, storable
from simlet.domain.phone import parse_destination
from simlet.wire.gsm7 import decode_unpacked
from simlet.wire.smpp import ShortMessage, Tag
from simlet.wire.user_data import UserData, binary_text, split_header, utf16_text

ALPHABETS: Final = ("gsm7", "latin1", "utf8")
"""What `data_coding` 0, "the SMSC's default alphabet", can stand for."""

IDS: Final = ("all", "receipted_message_id", "none")
"""Which parameters tell one message from another: some SMSCs give each message the same."""

MAX_ID_CHARS: Final = 200

_HAS_HEADER: Final = 0x40
_MESSAGE_TYPE: Final = 0x3C
# A receipt of the SMSC, an acknowledgement of a handset or its user, the end of a conversation,
# a notice on the way.
_RECEIPTS: Final = frozenset({0x04, 0x08, 0x10, 0x18, 0x20})
_INTERNATIONAL: Final = 1
_ALPHANUMERIC: Final = 5
# What is the same letter in GSM-7 as in ASCII, so that most texts need no table.
_SAME_AS_ASCII: Final = bytes(
    octet for octet in range(0x7F) if decode_unpacked(bytes([octet])) == chr(octet)
)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# Codings in which those octets are those letters, whatever the SMSC's default alphabet is.
_LIKE_ASCII: Final = frozenset({0, 1, 3})
# The spelling that nearly all of them have; `parse_destination` reads it likewise, and others too.
_MOBILE: Final = re.compile(rb"84[35789][0-9]{8}")
_ISO_8859: Final = {1: "latin-1", 3: "latin-1", 6: "iso8859-5", 7: "iso8859-8"}


def is_receipt(message: ShortMessage) -> bool:
    """Whether it tells of a message that somebody sent, and is none itself.

    The type in `esm_class` says so; some SMSCs leave it 0 and give the state of that message.
    Source: 5.2.12, 5.3.2.35.
    """
    kind = message.esm_class & _MESSAGE_TYPE
    if kind == 0:
        return Tag.MESSAGE_STATE in message.parameters
    return kind in _RECEIPTS


@dataclass(frozen=True, slots=True)
class Reading:
    """How the messages of one SMSC are read, where the standard leaves it open.

    Attributes:
        alphabet: what `data_coding` 0 stands for, one of `ALPHABETS`.
        ids: what counts as an id of the SMSC's, one of `IDS`.
    """

    alphabet: str = "gsm7"
    ids: str = "all"


def read_message(message: ShortMessage, reading: Reading, own_id: str | None = None) -> Inbound:
    """The message, with the other side's own id where it gives one.

    A text that cannot be read, for its header or its length, gives a damaged message; where it was
    sent to what is no number, whose line it is is not known.

    Args:
        message: one that is no receipt.
        reading: how it is read.
        own_id: the id of a message that the other side gives none.
    """
    source_ton, source, destination, esm_class, data_coding, octets, parameters = message
    to = _destination(destination)
    sender = read_sender(source_ton, source)
    if not octets and parameters:
        octets = parameters.get(Tag.MESSAGE_PAYLOAD, b"")
    damaged = False
    try:
        user_data = _user_data(esm_class, octets)
        part = user_data.part
        text = read_text(data_coding, user_data, reading.alphabet)
    except ValueError:
        damaged, part, text = True, None, octets.hex().upper()
    source_id = own_id
    if parameters:
        part = part or read_segment(parameters)
        source_id = read_id(parameters, part, reading.ids) or own_id
    # A part may end within a character, which the next one brings to its end.
    whole = text.replace("\0", "\ufffd") if part else storable(text)
    return Inbound(MessageKind.SMS, to, sender, whole, None, source_id, part=part, damaged=damaged)


def _user_data(esm_class: int, octets: bytes) -> UserData:
    if esm_class & _HAS_HEADER:
        return split_header(octets)
    return UserData(None, 0, 0, octets, 0)


def read_text(data_coding: int, user_data: UserData, alphabet: str) -> str:
    """The text of a body in the coding that `data_coding` tells.

    Codings of SMPP are 0 to 15; above, SMSCs pass on what the network used (3GPP TS 23.038, 4).
    What no table knows is read as `binary_text` does.

    Source: 5.2.19.

    Raises:
        ValueError: it is no whole number of UCS-2 characters.
    """
    coding = data_coding if data_coding < 0x10 else _of_the_network(data_coding)
    body = user_data.body
    if coding in _LIKE_ASCII and _is_ascii(user_data):
        return body.decode("ascii")
    if coding == 8:
        # Some SMSCs end each text with a NUL of one octet, whatever its alphabet is.
        return utf16_text(body.removesuffix(b"\0") if len(body) % 2 else body)
    if coding == 0:
        return _default_text(body, user_data, alphabet)
    if coding == 1 and _is_gsm7(user_data):
        return _default_text(body, user_data, "gsm7")
    known = _ISO_8859.get(coding)
    return body.decode(known, "replace") if known else binary_text(body)


def _of_the_network(data_coding: int) -> int:
    """The coding of SMPP, 0, 4 or 8, that says the same as one of GSM."""
    group = data_coding >> 4
    if group == 0xF:
        return data_coding & 0x04
    if group >= 0xC:
        return 8 if group == 0xE else 0
    return data_coding & 0x0C if group < 0x8 else 4


def _is_ascii(user_data: UserData) -> bool:
    """Whether each octet is the same letter in all alphabets that begin as ASCII does."""
    return not user_data.locking_shift and not user_data.body.translate(None, _SAME_AS_ASCII)


def _is_gsm7(user_data: UserData) -> bool:
    """Whether what is called ASCII is none: some SMSCs say so of GSM-7 (npm `smpp` among them).

    A header with a national table tells, and letters that would be control codes.
    """
    national = user_data.locking_shift or user_data.single_shift
    return bool(national) or _CONTROLS.search(user_data.body) is not None


def _default_text(body: bytes, user_data: UserData, alphabet: str) -> str:
    # A national table in the header speaks of GSM-7, whatever the SMSC's default is.
    if alphabet == "gsm7" or user_data.locking_shift or user_data.single_shift:
        return decode_unpacked(
            body, locking_shift=user_data.locking_shift, single_shift=user_data.single_shift
        )
    if alphabet == "utf8":
        return body.decode("utf-8", "replace")
    return body.decode("latin-1")


def _destination(octets: bytes) -> str:
    if _MOBILE.fullmatch(octets):
        return "+" + octets.decode("ascii")
    text = octets.decode("latin-1")
    try:
        return parse_destination(text)
    except Refused:
        return ""  # a name, or nothing: the message is kept all the same, for the operator


@lru_cache(maxsize=4096)
def read_sender(ton: int, octets: bytes) -> str:
    """The sender as people write it: a name, a short code, a number with its plus sign.

    Names come in ASCII, in GSM-7 (whose letters below the blank no name in ASCII has), or in
    whatever the SMSC is used to.

    Source: 5.2.5, 5.2.8.
    """
    if ton == _INTERNATIONAL and octets.isdigit():
        return "+" + octets.decode("ascii")
    if ton == _ALPHANUMERIC and any(octet < 0x20 for octet in octets) and octets.isascii():
        return storable(decode_unpacked(octets))
    try:
        return storable(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return storable(octets.decode("latin-1"))


def read_segment(parameters: Mapping[int, bytes]) -> Part | None:
    """Which part of a long message it is, where the SMSC took the header apart.

    Source: 5.3.2.22 to 5.3.2.24.
    """
    total = int.from_bytes(parameters.get(Tag.SAR_TOTAL_SEGMENTS, b""), "big")
    number = int.from_bytes(parameters.get(Tag.SAR_SEGMENT_SEQNUM, b""), "big")
    if not 2 <= total <= 255 or not 1 <= number <= total:
        return None
    reference = int.from_bytes(parameters.get(Tag.SAR_MSG_REF_NUM, b"")[-2:], "big")
    return Part(reference, total, number)


def read_id(parameters: Mapping[int, bytes], part: Part | None, ids: str) -> str | None:
    """The other side's own id of a message; None when it gives none.

    It is `receipted_message_id`, or else a `user_message_reference` that is not 0. The parts of
    a long message have one id between them, so the number of the part is added.

    Source: 5.3.2.12, 5.3.2.17.
    """
    given = parameters.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")
    reference = int.from_bytes(parameters.get(Tag.USER_MESSAGE_REFERENCE, b"")[:2], "big")
    if given and ids != "none":
        source_id = storable(given.decode("latin-1"))[:MAX_ID_CHARS]
    elif reference and ids == "all":
        source_id = f"reference {reference}"
    else:
        return None
    return f"{source_id} part {part.number}" if part else source_id
