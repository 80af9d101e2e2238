"""Short messages as modems hand them over in PDU mode: SMS-DELIVER, and what is none.

Source: 3GPP TS 23.040, 9.2 (the fields), TS 27.005, 3.1 (the SMSC's address in front).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from simlet.domain.inbound import Part
from simlet.wire import gsm7
from simlet.wire.sms_coding import Alphabet, read_data_coding
from simlet.wire.user_data import (
    MalformedHeader,
    UserData,
    binary_text,
    fill_bits,
    split_header,
    utf16_text,
)

_HEADER_INDICATOR: Final = 0x40
_TYPE_INTERNATIONAL: Final = 1
_TYPE_ALPHANUMERIC: Final = 5
_MOST_SEMI_OCTETS: Final = 20
_DIGITS: Final = "0123456789*#abc"
_FILLER: Final = 0xF
_FLASH_CLASS: Final = 0
_QUARTER_HOUR: Final = timedelta(minutes=15)
_ZONES: Final = range(-48, 57)
"""Quarters of an hour: from UTC-12 to UTC+14, there are no others."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class MalformedPdu(ValueError):  # noqa: N818 - it says what the PDU is
    """It cannot be read. The reason says what is wrong, and holds nothing of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TpduKind(Enum):
    """What a TPDU is, as its first octet says."""

    DELIVER = "deliver"
    SUBMIT = "submit"
    """A message of the SIM's own that lies in its storage, or the network's answer to one."""
    STATUS_REPORT = "status_report"


@dataclass(frozen=True, slots=True)
class SmsDeliver:
    """A short message that came in, or one part of a long one.

    Attributes:
        sender: a number, with "+" where it is marked as international, or a name; may be empty.
        text: the text, of a part its own alone; it may begin or end with half of a surrogate
            pair then. Eight-bit data is UTF-8, Latin-1 or hex (see `user_data.binary_text`).
        sent_at_ms: the SMSC's time stamp in UTC milliseconds; None when it is no date.
        part: which part of a long message it is; None for a whole one.
        flash: it was to be shown at once and not stored (message class 0).
        data: of eight-bit data the octets behind the header; None of a text.
    """

    sender: str
    text: str
    sent_at_ms: int | None
    part: Part | None = None
    flash: bool = False
    data: bytes | None = None


def kind_of(pdu: bytes, *, with_smsc: bool = True) -> TpduKind:
    """What a PDU is, so that all but a message that came in can be let go.

    Args:
        pdu: the octets that a modem gave in hex.
        with_smsc: the SMSC's address stands in front, as modems have it.

    Raises:
        MalformedPdu: it ends before it says so.
    """
    return _kind(_tpdu(pdu, None, with_smsc).octet("the first octet"))


def read_tpdu(
    pdu: bytes, tpdu_length: int | None = None, *, with_smsc: bool = True
) -> SmsDeliver | TpduKind:
    """Read a message that came in; of anything else only its kind.

    Args and errors are those of `read_deliver`, which refuses anything else.
    """
    octets = _tpdu(pdu, tpdu_length, with_smsc)
    first = octets.octet("the first octet")
    kind = _kind(first)
    if kind is not TpduKind.DELIVER:
        return kind
    return _deliver(octets, has_header=bool(first & _HEADER_INDICATOR))


def read_deliver(
    pdu: bytes, tpdu_length: int | None = None, *, with_smsc: bool = True
) -> SmsDeliver:
    """Read an SMS-DELIVER.

    A PDU whose lengths do not agree with one another to the octet is refused, never guessed at.

    Args:
        pdu: the octets that a modem gave in hex.
        tpdu_length: the length that the modem announced, in octets, which leaves out the SMSC's
            address; what lies behind it is no part of the PDU. None when none was announced.
        with_smsc: the SMSC's address stands in front, as modems have it.

    Raises:
        MalformedPdu: it is damaged, compressed, or no SMS-DELIVER.

    Source: 3GPP TS 23.040, 9.2.2.1.
    """
    message = read_tpdu(pdu, tpdu_length, with_smsc=with_smsc)
    if isinstance(message, TpduKind):
        raise MalformedPdu(f"no message that came in: {message.value}")
    return message


class _Octets:
    """A PDU, read from its beginning to its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octet(self, what: str) -> int:
        return self.take(1, what)[0]

    def take(self, count: int, what: str) -> bytes:
        """The next octets; `what` they are is for the reason when there are too few."""
        end = self._at + count
        if end > len(self._data):
            raise MalformedPdu(f"ends within {what}")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken


def _tpdu(pdu: bytes, tpdu_length: int | None, with_smsc: bool) -> _Octets:
    octets = _Octets(pdu)
    if with_smsc:
        octets.take(octets.octet("the SMSC's address"), "the SMSC's address")
    if tpdu_length is None:
        return octets
    tpdu = octets.rest()
    if not 0 < tpdu_length <= len(tpdu):
        raise MalformedPdu("shorter than announced" if tpdu_length > 0 else "announced as empty")
    return _Octets(tpdu[:tpdu_length])


def _kind(first: int) -> TpduKind:
    # The fourth value is reserved, and to be treated as a message (TS 23.040, 9.2.3.1).
    kinds = (TpduKind.DELIVER, TpduKind.SUBMIT, TpduKind.STATUS_REPORT, TpduKind.DELIVER)
    return kinds[first & 0x3]


def _deliver(octets: _Octets, *, has_header: bool) -> SmsDeliver:
    sender = _sender(octets)
    octets.octet("the protocol identifier")
    coding = read_data_coding(octets.octet("the data coding"))
    sent_at_ms = _sent_at_ms(octets.take(7, "the time stamp"))
    length = octets.octet("the length of the user data")
    data = octets.rest()
    if coding.compressed:
        raise MalformedPdu("compressed")
    in_septets = coding.alphabet is Alphabet.SEPTETS
    if len(data) != ((length * 7 + 7) // 8 if in_septets else length):
        raise MalformedPdu("the length of the user data is not the one that it says")
    user_data = _split(data) if has_header else UserData(None, 0, 0, data, 0)
    return SmsDeliver(
        sender=sender,
        text=_text(user_data, coding.alphabet, length),
        sent_at_ms=sent_at_ms,
        part=user_data.part,
        flash=coding.message_class == _FLASH_CLASS,
        data=user_data.body if coding.alphabet is Alphabet.BINARY else None,
    )


def _split(data: bytes) -> UserData:
    try:
        return split_header(data)
    except MalformedHeader as damage:
        raise MalformedPdu(str(damage)) from None


def _text(user_data: UserData, alphabet: Alphabet, length: int) -> str:
    """The text of a body; `length` counts the header, in septets or octets as the alphabet."""
    if alphabet is Alphabet.BINARY:
        return binary_text(user_data.body)
    if alphabet is Alphabet.UCS2:
        if len(user_data.body) % 2:
            raise MalformedPdu("UCS-2 of an odd number of octets")
        return utf16_text(user_data.body)
    fill = fill_bits(user_data.header_octets)
    count = length - (8 * user_data.header_octets + fill) // 7
    if count < 0:
        raise MalformedPdu("the header is longer than the user data")
    return gsm7.decode_unpacked(
        gsm7.unpack(user_data.body, count, fill),
        locking_shift=user_data.locking_shift,
        single_shift=user_data.single_shift,
    )


def _sender(octets: _Octets) -> str:
    """The address of who sent it. Source: 3GPP TS 23.040, 9.1.2.5."""
    semi_octets = octets.octet("the sender's length")
    if semi_octets > _MOST_SEMI_OCTETS:
        raise MalformedPdu("the sender is longer than an address can be")
    number_type = octets.octet("the sender's type") >> 4 & 0x7
    value = octets.take((semi_octets + 1) // 2, "the sender")
    if number_type == _TYPE_ALPHANUMERIC:
        return _name(value, semi_octets)
    digits = [digit for octet in value for digit in (octet & 0xF, octet >> 4)][:semi_octets]
    if digits and digits[-1] == _FILLER:
        digits.pop()
    if _FILLER in digits:
        raise MalformedPdu("the sender's number has a gap")
    number = "".join([_DIGITS[digit] for digit in digits])
    return f"+{number}" if number and number_type == _TYPE_INTERNATIONAL else number


def _name(value: bytes, semi_octets: int) -> str:
    """The name of a sender, packed.

    The length says half octets, which is too coarse for septets in one place: seven letters
    may be announced as 14, which is eight septets. The eighth is padding then, and would be "@".
    """
    count = semi_octets * 4 // 7
    septets = gsm7.unpack(value, count)
    if count == 8 and septets[-1] == 0:
        septets = septets[:-1]
    return gsm7.decode_unpacked(septets)


def _sent_at_ms(stamp: bytes) -> int | None:
    """The service centre's time stamp, in UTC milliseconds; None when it is no date.

    Raises:
        MalformedPdu: a digit of it is above nine: something else stands in its place.

    Source: 3GPP TS 23.040, 9.2.3.11.
    """
    if any(octet & 0xF > 9 or octet >> 4 > 9 for octet in stamp[:6]):
        raise MalformedPdu("the time stamp has digits above nine")
    year, month, day, hour, minute, second = ((o & 0xF) * 10 + (o >> 4) for o in stamp[:6])
    zone = stamp[6]
    # The first digit of the zone has three bits; the fourth is the sign.
    quarters = (zone & 0x7) * 10 + (zone >> 4)
    if zone & 0x8:
        quarters = -quarters
    if zone >> 4 > 9 or quarters not in _ZONES:
        return None
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (local - quarters * _QUARTER_HOUR - _EPOCH) // _MILLISECOND
