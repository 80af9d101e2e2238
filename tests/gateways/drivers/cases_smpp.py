"""What an SMSC sends, octet by octet, and what is handed over for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from gateways.drivers.smsc import NUMBER, PASSWORD, SETTINGS, Link, bound, deliver_sm, pdu, tlv
from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.gateways.drivers.smpp import KIND
from simlet.testing.driver_kit import Case, FakeSupervisor, Peer, Reaction, UnderTest
from simlet.wire.smpp import Command, Status

SESSION = f"smpp-{Random(1).randrange(2**62):x}"
"""What ids of ours begin with in the first session of an `FakeSupervisor`."""

_AGAIN = {Status.ESME_RX_T_APPN, Status.ESME_RMSGQFUL, Status.ESME_RTHROTTLED}


@dataclass(frozen=True, slots=True)
class Sending:
    link: Link

    async def send(self, sent: bytes) -> Reaction:
        """Sends one request; the status of its answer is what a client is told."""
        await self.link.send(sent)
        status = (await self.link.read()).status
        if status == Status.ESME_ROK:
            return Reaction.TAKEN
        return Reaction.AGAIN if status in _AGAIN else Reaction.REJECTED


@asynccontextmanager
async def connect(supervisor: FakeSupervisor) -> AsyncIterator[Peer]:
    async with bound(supervisor) as (_, link):
        yield Sending(link)


def _said(
    sender: str,
    text: str,
    source_id: str = f"{SESSION}-1",
    *,
    to: str = NUMBER,
    part: Part | None = None,
    damaged: bool = False,
) -> tuple[Inbound]:
    return (
        Inbound(MessageKind.SMS, to, sender, text, None, source_id, part=part, damaged=damaged),
    )


_HEADER_8 = b"\x05\x00\x03\xa7\x03\x02"
_HEADER_16 = b"\x06\x08\x04\x12\x34\x03\x01"
_LONG = "Mã xác nhận 483920. " * 40
_SEGMENTS = tlv(0x020C, b"\x01\x02") + tlv(0x020E, b"\x02") + tlv(0x020F, b"\x01")

UNDER_TEST = UnderTest(
    KIND,
    (
        Case("gsm7", deliver_sm(b"Ma OTP 059809 \x1b\x65"), _said("SHOPEE", "Ma OTP 059809 €")),
        Case(
            "ascii_from_a_number",
            deliver_sm(b"code 1234", source=b"84987654321", ton=1, coding=1, to=b"0912345678"),
            _said("+84987654321", "code 1234"),
        ),
        Case(
            "latin1_from_a_short_code",
            deliver_sm("Hé 1234".encode("latin-1"), source=b"8077", ton=3, coding=3),
            _said("8077", "Hé 1234"),
        ),
        Case("octets", deliver_sm(b"code 77", coding=4), _said("SHOPEE", "code 77")),
        Case("octets_in_hex", deliver_sm(b"\x00\x01\xfe", coding=4), _said("SHOPEE", "0001FE")),
        Case(
            "ucs2",
            deliver_sm("Mã số 4821 😀".encode("utf-16-be"), coding=8),
            _said("SHOPEE", "Mã số 4821 😀"),
        ),
        Case(
            "message_payload",
            deliver_sm(b"", coding=8, parameters=tlv(0x0424, _LONG.encode("utf-16-be"))),
            _said("SHOPEE", _LONG),
        ),
        Case(
            "a_part_by_its_header",
            deliver_sm(_HEADER_8 + b"so 48", esm_class=0x40),
            _said("SHOPEE", "so 48", part=Part(0xA7, 3, 2)),
        ),
        Case(
            "a_part_that_ends_within_a_letter",
            deliver_sm(_HEADER_16 + b"\0A\xd8\x3d", esm_class=0x40, coding=8),
            _said("SHOPEE", "A\ud83d", part=Part(0x1234, 3, 1)),
        ),
        Case(
            "a_part_by_parameters",
            deliver_sm(b"Ma 1", parameters=_SEGMENTS),
            _said("SHOPEE", "Ma 1", part=Part(0x0102, 2, 1)),
        ),
        Case(
            "an_id_of_the_smsc",
            deliver_sm(b"Ma 1", parameters=tlv(0x001E, b"7F3A\0")),
            _said("SHOPEE", "Ma 1", "7F3A"),
        ),
        Case(
            "data_sm",
            pdu(
                Command.DATA_SM,
                9,
                b"\0\x05\0SHOPEE\0\x01\x0184912345678\0\0\0\x01" + tlv(0x0424, b"Ma 22"),
            ),
            _said("SHOPEE", "Ma 22"),
        ),
        Case(
            "a_header_that_is_cut",
            deliver_sm(b"\x20\x00\x03\x01", esm_class=0x40),
            _said("SHOPEE", "20000301", damaged=True),
        ),
        Case(
            "half_a_ucs2_letter",
            deliver_sm(b"\0A\1", coding=8),
            _said("SHOPEE", "004101", damaged=True),
        ),
        Case(
            "a_number_of_another_sort",
            deliver_sm(b"Ma 3", to=b"8055"),
            _said("SHOPEE", "Ma 3", to="8055"),
        ),
        Case(
            "a_receipt",
            deliver_sm(b"id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:", esm_class=0x04),
            (),
        ),
        Case(
            "a_receipt_by_its_parameters",
            deliver_sm(b"", parameters=tlv(0x001E, b"1\0") + tlv(0x0427, b"\x02")),
            (),
        ),
        Case("an_unknown_pdu", pdu(0x0000_0777, 4, b"what"), (), Reaction.REJECTED),
        Case("too_short", pdu(Command.DELIVER_SM, 4, b"\0\x05\0SHOP"), (), Reaction.REJECTED),
        Case("no_number", deliver_sm(b"Ma 4", to=b"nobody"), _said("SHOPEE", "Ma 4", to="")),
    ),
    connect,
    secrets=(PASSWORD,),
    settings=SETTINGS,
)
