"""The data coding scheme of a short message: which alphabet its body is in, and its class."""

from dataclasses import dataclass
from enum import Enum


class Alphabet(Enum):
    """How the octets of a body become text."""

    SEPTETS = "septets"
    BINARY = "binary"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class DataCoding:
    """What a data coding octet says.

    Attributes:
        alphabet: the alphabet of the body.
        message_class: 0 to 3 (0 is shown at once and not stored: "flash"); None when not given.
        compressed: the body is compressed (3GPP TS 23.042).
    """

    alphabet: Alphabet
    message_class: int | None = None
    compressed: bool = False


_BY_BITS = (Alphabet.SEPTETS, Alphabet.BINARY, Alphabet.UCS2, Alphabet.SEPTETS)


def read_data_coding(octet: int) -> DataCoding:
    """Read a TP-Data-Coding-Scheme octet, 0 to 255.

    What is reserved is read as the default alphabet, as the standard asks.

    Source: 3GPP TS 23.038, 4.
    """
    group = octet >> 4
    if group <= 0x7:  # general, and marked for automatic deletion
        message_class = octet & 0x3 if octet & 0x10 else None
        return DataCoding(_BY_BITS[octet >> 2 & 0x3], message_class, bool(octet & 0x20))
    if group == 0xE:  # a message is waiting, in UCS-2; groups 0xC and 0xD are in septets
        return DataCoding(Alphabet.UCS2)
    if group == 0xF:
        return DataCoding(Alphabet.BINARY if octet & 0x4 else Alphabet.SEPTETS, octet & 0x3)
    return DataCoding(Alphabet.SEPTETS)
