"""The seven-bit alphabets of GSM: septets in, text out.

The tables are those of `gsmcodecs` (all the national ones of 3GPP TS 23.038, release 18). Its
decoder is not used: at an escape that it does not know it stops, or puts a question mark, where
the standard has the letter shown. Three slips of the tables are put right in
`_corrected_locking` and `_corrected_single_shift`.
"""

from typing import Final

from gsmcodecs.charmaps import GSMCHARMAPS  # type: ignore[import-untyped]

ESCAPE: Final = 0x1B
NO_CHARACTER: Final = "\ufffd"

_SEPTETS: Final = range(128)
_BENGALI: Final = 4
_KANNADA: Final = 7
_TELUGU: Final = 12
_KANNADA_DDA: Final = 0x0CA1


def _corrected_locking(language: int, codes: dict[int, int]) -> dict[int, int]:
    """A table with its slips put right.

    From Bengali on all alphabets have the comma at its place of ASCII, where the tables have an
    apostrophe. The standard prints the letter pa of Kannada twice, and dda nowhere: phones read
    the first one as dda, which stands in that place in every alphabet of this family.
    """
    corrected = dict(codes)
    if language >= _BENGALI:
        corrected[0x2C] = ord(",")
    if language == _KANNADA:
        corrected[0x24] = _KANNADA_DDA
    return corrected


def _corrected_single_shift(language: int, codes: dict[int, int]) -> dict[int, int]:
    """A table with its slip put right: that of Telugu has the euro sign, like all others."""
    return codes | {0x65: ord("€")} if language == _TELUGU else codes


def _alphabet(codes: dict[int, int]) -> tuple[str, ...]:
    return tuple(chr(codes[septet]) if septet in codes else NO_CHARACTER for septet in _SEPTETS)


LOCKING_TABLES: Final[dict[int, tuple[str, ...]]] = {
    language: _alphabet(_corrected_locking(language, tables["locking"]["decode"]))
    for language, tables in GSMCHARMAPS.items()
    if "locking" in tables
}
"""What each septet stands for, by the number of a national language; 0 is the default alphabet."""

SINGLE_SHIFT_TABLES: Final[dict[int, dict[int, str]]] = {
    language: {
        septet: chr(code)
        for septet, code in _corrected_single_shift(
            language, tables["singleShift"]["decode"]
        ).items()
    }
    for language, tables in GSMCHARMAPS.items()
}
"""What a septet behind an escape stands for, by language; 0 is the default extension table."""


def unpack(data: bytes, count: int, fill_bits: int = 0) -> bytes:
    """The septets that lie packed in octets, one in each octet of the result.

    Args:
        data: the octets, of which those behind the last septet are not looked at.
        count: how many septets there are.
        fill_bits: how many bits stand before the first one, 0 to 6, as behind a header.

    Raises:
        ValueError: there are fewer bits than that.

    Source: 3GPP TS 23.038, 6.1.2.1.1; TS 23.040, 9.2.3.24.
    """
    bits = fill_bits + 7 * count
    if count < 0 or bits > 8 * len(data):
        raise ValueError("fewer octets than the septets need")
    packed = int.from_bytes(data, "little")
    return bytes([packed >> at & 0x7F for at in range(fill_bits, bits, 7)])


def decode_unpacked(data: bytes, *, locking_shift: int = 0, single_shift: int = 0) -> str:
    """The text of septets that lie one in an octet.

    A language that the standard does not know, or that has no such table, leaves the default
    alphabet in force. A septet behind an escape that the table does not hold is read as if there
    were no escape; two escapes, or one at the end, are a space. What stands for nothing, an octet
    above 0x7F among it, becomes U+FFFD.

    Args:
        data: the septets.
        locking_shift: the national language of the alphabet; 0 is the default one.
        single_shift: the national language of what follows an escape.

    Source: 3GPP TS 23.038, 6.2.1, 6.2.1.1 and annex A.
    """
    alphabet = LOCKING_TABLES.get(locking_shift, LOCKING_TABLES[0])
    if not data.isascii():
        alphabet = alphabet + (NO_CHARACTER,) * 128
    if ESCAPE not in data:
        return "".join([alphabet[septet] for septet in data])
    extension = SINGLE_SHIFT_TABLES.get(single_shift, SINGLE_SHIFT_TABLES[0])
    letters: list[str] = []
    septets = iter(data)
    for septet in septets:
        if septet != ESCAPE:
            letters.append(alphabet[septet])
            continue
        shifted = next(septets, ESCAPE)
        letters.append(extension.get(shifted) or alphabet[shifted])
    return "".join(letters)
