"""A second opinion on the codec: `node-pdu`, which other people wrote, in both directions."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import NODE_MODULES, needs_peer, program
from simlet.domain.inbound import Part
from simlet.testing.sms_pdus import Stamp, write_deliver
from simlet.wire.sms_pdu import SmsDeliver, read_deliver

pytestmark = [needs_peer("node-pdu")]

RECORDED = json.loads(
    (Path(__file__).parents[1] / "contract" / "sms_pdu_cases.json").read_text(encoding="utf-8")
)["cases"]
OTHERWISE = {
    # What it reads in another way than the standard has it.
    "alnum_len_octets_VIETTEL": "shows the padding behind seven letters as @",
    "sender_star": "shows * and # as the digits A and B",
    "tr_lock": "knows no national languages",
    "es_single": "knows no national languages",
    "pt_lock": "knows no national languages",
    "concat_plus_natl": "knows no national languages",
    "ext_unknown": "has a sign of its own for an unknown extension",
}
STAMP = Stamp(1_772_694_429_000)
# Letters of the default alphabet and its extension, of UCS-2, and a pair of surrogates. Left out
# are "§", which it has no place for, and the empty text, of which it writes nothing.
TEXTS = st.one_of(
    st.text("Ma OTP 0123456789 @£$Δ_èéùìòÇñ¿ [{}]^~|\\€\n", min_size=1, max_size=600),
    st.text("Mã của bạn là 0123456789 \U0001f510漢", min_size=1, max_size=300),
)
SENDERS = st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z") | st.from_regex(r"\A[A-Z][A-Za-z]{2,10}\Z")

# One line of JSON in, one out: {read: hex} or {sender, text, atMs, minutes}.
SCRIPT = """
const { Deliver, parse, utils } = require('node-pdu');
const read = (hex) => {
  const message = parse(hex);
  const header = message.data.parts[0].header;
  return {
    sender: (message.address.type.type === 1 ? '+' : '') + (message.address.phone ?? ''),
    text: message.data.getText(),
    sentMs: message.serviceCenterTimeStamp.time * 1000,
    part: header && [header.getPointer(), header.getSegments(), header.getCurrent()],
  };
};
const write = ({ sender, text, atMs, minutes }) => {
  const stamp = new utils.SCTS(new Date(atMs), minutes);
  const message = new Deliver(sender, text, { serviceCenterTimeStamp: stamp });
  return message.data.parts.map((part) => part.toString(message));
};
const answer = (line) => {
  const asked = JSON.parse(line);
  try { return asked.read ? read(asked.read) : write(asked); }
  catch (fault) { return { fault: String(fault) }; }
};
require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => process.stdout.write(JSON.stringify(answer(line)) + '\\n'));
"""


class Node:
    """node-pdu, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._questions, self._answers = process.stdin, process.stdout

    def ask(self, question: dict[str, Any]) -> Any:
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        return json.loads(self._answers.readline())

    def read(self, pdu: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask({"read": pdu.hex().upper()})
        return answer

    def write(self, sender: str, text: str, stamp: Stamp) -> list[bytes]:
        minutes = stamp.zone_quarters * 15
        question = {"sender": sender, "text": text, "atMs": stamp.at_ms, "minutes": minutes}
        return [bytes.fromhex(pdu) for pdu in self.ask(question)]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    command = [program("node"), "-e", SCRIPT]
    environment = os.environ | {"NODE_PATH": str(NODE_MODULES)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Node(process)


def shown(message: SmsDeliver) -> tuple[object, ...]:
    return message.sender, message.text, message.sent_at_ms, message.part


def shown_by_node(seen: dict[str, Any]) -> tuple[object, ...]:
    part = Part(*seen["part"]) if seen["part"] else None
    return seen["sender"], seen["text"], seen["sentMs"], part


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_both_read_a_recorded_pdu_alike_but_for_what_the_other_is_known_to_miss(
    node: Node, case: dict[str, Any]
) -> None:
    pdu = bytes.fromhex(case["pdu"])
    alike = shown(read_deliver(pdu, case["tpdu_len"])) == shown_by_node(node.read(pdu))
    assert alike is (case["name"] not in OTHERWISE)


@given(sender=SENDERS, text=TEXTS, zone=st.integers(-48, 56), reference=st.integers(0, 65535))
def test_both_read_what_we_write_alike(
    node: Node, sender: str, text: str, zone: int, reference: int
) -> None:
    stamp = Stamp(STAMP.at_ms, zone)
    wide = reference > 255
    for pdu in write_deliver(sender, text, stamp, reference=reference, wide_reference=wide):
        assert shown(read_deliver(pdu)) == shown_by_node(node.read(pdu))


@given(sender=SENDERS, text=TEXTS, zone=st.integers(-48, 56))
def test_we_read_what_the_other_writes(node: Node, sender: str, text: str, zone: int) -> None:
    messages = [read_deliver(pdu) for pdu in node.write(sender, text, Stamp(STAMP.at_ms, zone))]
    units = b"".join(message.text.encode("utf-16-be", "surrogatepass") for message in messages)
    assert units.decode("utf-16-be") == text
    assert {(message.sender, message.sent_at_ms) for message in messages} == {(sender, STAMP.at_ms)}
    total = len(messages)
    numbers = [message.part and (message.part.total, message.part.number) for message in messages]
    assert numbers == ([None] if total == 1 else [(total, at + 1) for at in range(total)])
    assert len({message.part and message.part.reference for message in messages}) == 1
