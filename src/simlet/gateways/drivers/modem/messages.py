"""What a PDU of a modem says, as a message to hand over."""

import hashlib
from typing import Final

from simlet.domain.inbound import Inbound, MessageKind, storable
from simlet.gateways.drivers.modem.equipment import Card
from simlet.wire.at import is_hex
from simlet.wire.sms_pdu import MalformedPdu, SmsDeliver, TpduKind, read_tpdu

_ID_DIGITS: Final = 32


def inbound_of(pdu: str, length: int | None, card: Card) -> Inbound | None:
    """The message of a PDU; None for a status report.

    What cannot be read is handed over as it is, in hex. It has no stamp to be known again by, so
    its own octets are its id.

    Args:
        pdu: in hex, as the modem gave it.
        length: the length that the modem announced, without the address of the SMSC.
        card: the SIM that it came to.
    """
    try:
        message = _read(pdu, length)
    except MalformedPdu:
        return _damaged(pdu, card)
    if message is TpduKind.STATUS_REPORT:
        return None
    if isinstance(message, TpduKind):
        return _damaged(pdu, card)  # nothing else lies among what came in
    return Inbound(
        MessageKind.SMS,
        card.number or "",
        storable(message.sender),
        # Half a surrogate pair at the end of a part has its other half in the next one.
        storable(message.text) if message.part is None else message.text,
        message.sent_at_ms,
        # Without a stamp it has nothing else to be known again by.
        None if message.sent_at_ms is not None else _id_of(pdu),
        part=message.part,
        iccid=card.iccid,
    )


def _read(pdu: str, length: int | None) -> SmsDeliver | TpduKind:
    if not is_hex(pdu):
        raise MalformedPdu("no octets in hex")
    octets = bytes.fromhex(pdu)
    # A modem that leaves out the address of the SMSC announces all of what it gives.
    return read_tpdu(octets, length, with_smsc=length != len(octets))


def _damaged(pdu: str, card: Card) -> Inbound:
    raw = pdu.upper() if is_hex(pdu) else pdu.encode().hex().upper()
    return Inbound(
        *(MessageKind.SMS, card.number or "", "", raw, None, _id_of(pdu)),
        iccid=card.iccid,
        damaged=True,
    )


def _id_of(pdu: str) -> str:
    return "pdu-" + hashlib.sha256(pdu.upper().encode()).hexdigest()[:_ID_DIGITS]
