"""SMS-DELIVER PDUs as a network writes them: for tests, and for the pretend modem.

The other way round of `wire.sms_pdu`, in a file that no server loads.
Source: 3GPP TS 23.040, 9.2.2.1 and 9.2.3.24; TS 23.038, 4 and 6.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from simlet.wire import gsm7

SMSC: Final = "+84980200030"
VIETNAM_QUARTERS: Final = 28
"""The zone of Vietnam, in quarters of an hour."""

_CODING_UCS2: Final = 0x08
_CODING_FLASH: Final = 0x10
_MOST_OCTETS: Final = 140
_DIGITS: Final = "0123456789*#abc"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a network says of the time: when it was, UTC milliseconds, and in which zone."""

    at_ms: int
    zone_quarters: int = VIETNAM_QUARTERS


def write_deliver(
    sender: str,
    text: str,
    stamp: Stamp,
    *,
    reference: int = 0,
    wide_reference: bool = False,
    locking_shift: int = 0,
    single_shift: int = 0,
    flash: bool = False,
    smsc: str = SMSC,
) -> list[bytes]:
    """The PDUs of a message, one for each part, in order.

    In septets where the alphabet has all of the text, else in UCS-2, which is cut without regard
    to surrogate pairs, as networks do.

    Args:
        sender: a number (digits, with "+" when international), or a name of up to 11 letters.
        text: what it says.
        stamp: when, to the second.
        reference: what the parts of a long message share, one octet or two.
        wide_reference: it is a reference of two octets.
        locking_shift: the national language whose alphabet to use.
        single_shift: the national language whose extension table to use.
        flash: message class 0.
        smsc: the number of the SMSC, written in front.

    Raises:
        ValueError: more than 255 parts, or a sender that no address can hold.
    """
    letters = _encode(text, locking_shift, single_shift)
    in_septets = letters is not None
    languages = _language_elements(locking_shift, single_shift) if in_septets else b""
    coding = (_CODING_FLASH if flash else 0) | (0 if in_septets else _CODING_UCS2)
    parts = _parts(
        letters if letters is not None else _utf16_units(text),
        languages,
        in_septets=in_septets,
        reference=reference.to_bytes(2 if wide_reference else 1, "big"),
    )
    return [
        deliver_pdu(
            sender,
            stamp,
            coding=coding,
            user_data=write_user_data(elements, body, in_septets=in_septets),
            has_header=bool(elements),
            smsc=smsc,
        )
        for elements, body in parts
    ]


def deliver_pdu(
    sender: str,
    stamp: Stamp,
    *,
    coding: int,
    user_data: bytes,
    has_header: bool = False,
    smsc: str = SMSC,
) -> bytes:
    """One PDU of any data coding.

    Args:
        sender: a number or a name.
        stamp: when, to the second.
        coding: the data coding octet.
        user_data: what `write_user_data` gives: its length first.
        has_header: the user data begins with a header.
        smsc: the number of the SMSC, written in front; empty for none.
    """
    center = _address(smsc)[1:] if smsc else b""
    first = 0x44 if has_header else 0x04  # no more messages are waiting
    return b"".join(
        (
            bytes([len(center)]) + center,
            bytes([first]) + _address(sender),
            bytes([0, coding]),
            _stamp(stamp),
            user_data,
        )
    )


def tpdu_length(pdu: bytes) -> int:
    """The length that a modem announces for a PDU: without the address of the SMSC."""
    return len(pdu) - 1 - pdu[0]


def write_user_data(elements: bytes, body: bytes, *, in_septets: bool) -> bytes:
    """The length of user data, and the user data.

    Args:
        elements: the information elements of its header; empty for no header.
        body: one septet in each octet, or the octets themselves.
        in_septets: which of the two the body is.
    """
    header = bytes([len(elements)]) + elements if elements else b""
    if not in_septets:
        return bytes([len(header) + len(body)]) + header + body
    header_septets = (len(header) * 8 + 6) // 7
    fill = header_septets * 7 - len(header) * 8
    return bytes([header_septets + len(body)]) + header + pack(body, fill)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets, packed in octets behind as many bits as `fill_bits` says."""
    packed = 0
    for at, septet in enumerate(septets):
        packed |= septet << (fill_bits + 7 * at)
    return packed.to_bytes((fill_bits + 7 * len(septets) + 7) // 8, "little")


def _parts(
    letters: list[bytes], languages: bytes, *, in_septets: bool, reference: bytes
) -> list[tuple[bytes, bytes]]:
    """The elements of the header, and the body, of each part; of one alone without a number."""
    room = _MOST_OCTETS * 8 // 7 if in_septets else _MOST_OCTETS
    whole = b"".join(letters)
    if len(whole) + _header_room(languages, in_septets=in_septets) <= room:
        return [(languages, whole)]
    longest = _part_element(reference, 255, 255) + languages
    bodies = list(_cut(letters, room - _header_room(longest, in_septets=in_septets)))
    if len(bodies) > 255:
        raise ValueError("a message has up to 255 parts")
    return [
        (_part_element(reference, len(bodies), number) + languages, body)
        for number, body in enumerate(bodies, start=1)
    ]


def _cut(letters: list[bytes], room: int) -> Iterator[bytes]:
    """Bodies of up to `room` octets or septets; an escape stays with what it shifts."""
    body = bytearray()
    for letter in letters:
        if len(body) + len(letter) > room:
            yield bytes(body)
            body.clear()
        body += letter
    yield bytes(body)


def _header_room(elements: bytes, *, in_septets: bool) -> int:
    octets = 1 + len(elements) if elements else 0
    return (octets * 8 + 6) // 7 if in_septets else octets


def _part_element(reference: bytes, total: int, number: int) -> bytes:
    value = reference + bytes([total, number])
    return bytes([0x00 if len(reference) == 1 else 0x08, len(value)]) + value


def _language_elements(locking_shift: int, single_shift: int) -> bytes:
    single = bytes([0x24, 1, single_shift]) if single_shift else b""
    locking = bytes([0x25, 1, locking_shift]) if locking_shift else b""
    return single + locking


def _encode(text: str, locking_shift: int = 0, single_shift: int = 0) -> list[bytes] | None:
    """The septets of each letter; None when the alphabet lacks one."""
    septets = {
        letter: bytes([gsm7.ESCAPE, septet])
        for septet, letter in gsm7.SINGLE_SHIFT_TABLES[single_shift].items()
        if septet != gsm7.ESCAPE
    }
    septets |= {
        letter: bytes([septet])
        for septet, letter in enumerate(gsm7.LOCKING_TABLES[locking_shift])
        if septet != gsm7.ESCAPE and letter != gsm7.NO_CHARACTER
    }
    if not set(text) <= septets.keys():
        return None
    return [septets[letter] for letter in text]


def _utf16_units(text: str) -> list[bytes]:
    octets = text.encode("utf-16-be", "surrogatepass")
    return [octets[at : at + 2] for at in range(0, len(octets), 2)]


def _address(sender: str) -> bytes:
    """The length in half octets, the type, the number or the name."""
    digits = sender.removeprefix("+")
    if set(digits) <= set(_DIGITS):
        halves = [_DIGITS.index(digit) for digit in digits]
        value, length = _swapped(halves), len(halves)
        number_type = 0x91 if sender.startswith("+") else 0x81
    else:
        septets = _encode(sender)
        if septets is None:
            raise ValueError("a name is of the default alphabet")
        packed = b"".join(septets)
        value, length, number_type = pack(packed), (len(packed) * 7 + 3) // 4, 0xD0
    if length > 20:
        raise ValueError("an address holds 20 digits or 11 letters")
    return bytes([length, number_type]) + value


def _swapped(halves: list[int]) -> bytes:
    if len(halves) % 2:
        halves = [*halves, 0xF]
    return bytes([low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True)])


def _stamp(stamp: Stamp) -> bytes:
    zone = timedelta(minutes=15 * stamp.zone_quarters)
    moment = datetime.fromtimestamp(stamp.at_ms // 1000, UTC) + zone
    quarters = abs(stamp.zone_quarters)
    values = [moment.year % 100, moment.month, moment.day, moment.hour, moment.minute]
    octets = bytearray(v % 10 << 4 | v // 10 for v in [*values, moment.second, quarters])
    if stamp.zone_quarters < 0:
        octets[-1] |= 0x8
    return bytes(octets)
