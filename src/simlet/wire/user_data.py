"""What the user data of a short message holds: a header, and a body in one of three codings.

Shared by everything that meets it: PDUs of modems, SMPP, gateways that hand over the raw header.
"""

from typing import Final, NamedTuple

from simlet.domain.inbound import Part

_CONCATENATION_8_BIT: Final = 0x00
_CONCATENATION_16_BIT: Final = 0x08
_SINGLE_SHIFT: Final = 0x24
_LOCKING_SHIFT: Final = 0x25


class MalformedHeader(ValueError):  # noqa: N818 - it says what the header is
    """The header does not fit its own lengths. The reason holds nothing of the message."""


class UserData(NamedTuple):
    """User data, taken apart.

    Attributes:
        part: which part of a long message it is; None for a whole one.
        single_shift: the national language of what follows an escape; 0 is the default.
        locking_shift: the national language of the alphabet; 0 is the default.
        body: the octets behind the header; packed septets begin there with
            `fill_bits(header_octets)` bits that stand for nothing.
        header_octets: how long the header is, its own length octet counted.
    """

    part: Part | None
    single_shift: int
    locking_shift: int
    body: bytes
    header_octets: int


def split_header(data: bytes) -> UserData:
    """Take the header off user data that begins with one.

    Elements that are unknown (application ports among them), of a wrong length, or that number
    the parts in a way that cannot be (none, or a part beyond the last) are passed over; of two
    that say the same thing the last one counts. "Part 1 of 1" is a whole message.

    Args:
        data: from the octet with the header's length on.

    Raises:
        MalformedHeader: the header, or an element of it, ends behind its place.

    Source: 3GPP TS 23.040, 9.2.3.24.
    """
    if not data:
        raise MalformedHeader("a header is announced and there is none")
    header_octets = 1 + data[0]
    if header_octets > len(data):
        raise MalformedHeader("the header is longer than the user data")
    part: Part | None = None
    single_shift = locking_shift = 0
    for element, value in _elements(data[1:header_octets]):
        if element == _CONCATENATION_8_BIT and len(value) == 3:
            part = _part(value[0], value[1], value[2]) or part
        elif element == _CONCATENATION_16_BIT and len(value) == 4:
            part = _part(value[0] << 8 | value[1], value[2], value[3]) or part
        elif element == _SINGLE_SHIFT and len(value) == 1:
            single_shift = value[0]
        elif element == _LOCKING_SHIFT and len(value) == 1:
            locking_shift = value[0]
    return UserData(part, single_shift, locking_shift, data[header_octets:], header_octets)


def fill_bits(header_octets: int) -> int:
    """How many bits stand between a header and the first packed septet behind it, 0 to 6.

    Septets are counted from the beginning of the user data, the header's octets included.
    Source: 3GPP TS 23.040, 9.2.3.24 (figure 9.2.3.24 (a)).
    """
    return -8 * header_octets % 7


def utf16_text(body: bytes) -> str:
    """The text of UCS-2 or UTF-16, most significant octet first.

    Half of a surrogate pair stays as it is: the other half may be in the next part.

    Raises:
        ValueError: the number of octets is odd.
    """
    if len(body) % 2:
        raise ValueError("an odd number of octets is no UCS-2")
    return body.decode("utf-16-be", "surrogatepass")


def binary_text(body: bytes) -> str:
    """A text for eight-bit data, whose meaning no standard tells.

    UTF-8 when every character of it can be shown, else Latin-1 when every character can, else
    the octets in hex: programs do send plain texts so, and a code in one is worth reading.
    None of the three drops or replaces anything.
    """
    for encoding in ("utf-8", "latin-1"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(letter.isprintable() or letter in "\n\r\t" for letter in text):
            return text
    return body.hex().upper()


def _elements(header: bytes) -> list[tuple[int, bytes]]:
    """The information elements: what each is, and what it holds."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(header):
        if at + 2 > len(header) or at + 2 + header[at + 1] > len(header):
            raise MalformedHeader("an element of the header is longer than the header")
        end = at + 2 + header[at + 1]
        found.append((header[at], header[at + 2 : end]))
        at = end
    return found


def _part(reference: int, total: int, number: int) -> Part | None:
    if total < 2 or not 1 <= number <= total:
        return None
    return Part(reference, total, number)
