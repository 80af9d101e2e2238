"""What comes in on a line: a text message or a voice call, as a gateway hands it over."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class MessageKind(Enum):
    """How the message came."""

    SMS = "sms"
    CALL = "call"


class Quarantine(Enum):
    """Why a message has no owner; such a message is never shown to a dealer."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_RENTAL = "no_rental"
    NO_RULE_FITS = "no_rule_fits"
    OTHER_GATEWAY = "other_gateway"
    INCOMPLETE = "incomplete"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a long message it is.

    Source: 3GPP TS 23.040, 9.2.3.24.1 and 9.2.3.24.8; SMPP 3.4, 5.3.2.22 to 24.

    Attributes:
        reference: what the parts of one message have in common, 0 to 65535.
        total: how many parts there are, 2 to 255.
        number: which one this is, 1 to `total`.
    """

    reference: int
    total: int
    number: int


class Inbound(NamedTuple):
    """A message as it came.

    Attributes:
        to: the number it came to, E.164; empty where the equipment knows its SIM's ICCID alone.
        sender: name or number, as the network gave it.
        text: the text; of a call its transcript, empty when there is none.
        sent_at_ms: when the network says it was sent, UTC milliseconds; None when it did not say.
        source_id: the gateway's own id of it; None when it has none.
        recording: of a call, the WAV file; None when there is none.
        part: which part of a long message it is; None for a whole one. `text` is that part's alone
            then, and may begin or end with half of a surrogate pair: parts are joined as UTF-16.
        iccid: the SIM that it came to, where the equipment knows it: this tells the line, before
            `to` does.
        has_sim: the equipment that hands it over holds that SIM itself, which proves whose it is.
        damaged: it could not be read; `text` is what came, in hex, for the operator alone.
    """

    kind: MessageKind
    to: str
    sender: str
    text: str
    sent_at_ms: int | None
    source_id: str | None = None
    recording: bytes | None = None
    part: Part | None = None
    iccid: str | None = None
    damaged: bool = False
    has_sim: bool = False


def source_key(message: Inbound) -> str | None:
    """A digest of the gateway's own id of a message; None when it has none."""
    return None if message.source_id is None else _digest([message.source_id])


_KEY_DIGITS = 40
_OWN_ID = re.compile(r"simlet:([0-9a-f]{12}):[0-9a-f]{32}")
_JOINT = " […] "
_SEPARATED = r"(?:[ ]?-[ ]?|[ .,])"
# What a gap may have cut in two: the word that touches it, and short groups of digits beside it.
_AT_GAP = re.compile(
    rf"""
    (?<![0-9A-Za-z-])(?:\d{{1,4}}{_SEPARATED}){{0,8}}[\dA-Za-z-]*
    (?:[ ]|\A)\[…\](?:[ ]|\Z)
    [\dA-Za-z-]*(?:{_SEPARATED}\d{{1,4}}(?![\dA-Za-z])){{0,8}}
    """,
    re.VERBOSE,
)


def sent_between(sent_at_ms: int | None, now_ms: int) -> tuple[int, int]:
    """The first and the last moment at which a message may have been sent, UTC milliseconds.

    Networks stamp whole seconds (3GPP TS 23.040, 9.2.3.11), so a whole second stands for all of
    it. A stamp that lies ahead of us is a clock that runs fast: the message was sent by now.
    """
    if sent_at_ms is None or sent_at_ms >= now_ms:
        return now_ms, now_ms
    if sent_at_ms % 1000:
        return sent_at_ms, sent_at_ms
    return sent_at_ms, min(sent_at_ms + 999, now_ms)


def own_id(came_at_ms: int, random: bytes) -> str:
    """An id for a message that came without any; `random` are 16 bytes."""
    return f"simlet:{came_at_ms:012x}:{random.hex()}"


def dedupe_key(message: Inbound) -> str | None:
    """What makes two deliveries the same message; None when nothing can tell.

    The gateway's own id counts together with what the message says: a gateway that starts its
    ids again after a reset must not make a new message look like an old one. Without an id it is
    the line, the sender, the text and the time at which the network says it was sent; without
    that time two deliveries are two messages. A key of an `own_id` begins with the time in it: what
    comes one after the other stands side by side in the index, and not each on a page of its own.
    """
    content = [message.kind.value, message.iccid or message.to, message.sender, message.text]
    if message.source_id is not None:
        own = _OWN_ID.fullmatch(message.source_id)
        return f"id:{own[1] if own else ''}" + _digest([message.source_id, *content])
    if message.sent_at_ms is not None:
        return "fp:" + _digest([str(message.sent_at_ms), *content])
    return None


def _digest(parts: list[str]) -> str:
    framed = "".join([f"{len(part)}:{part}" for part in parts])
    digest = hashlib.sha256(framed.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_KEY_DIGITS]


def part_to_bytes(text: str) -> bytes:
    """A part's text as it is kept: UTF-16, so that halves of a surrogate pair are joined again."""
    return text.encode("utf-16-be", "surrogatepass")


def join_parts(bodies: Mapping[int, bytes], total: int) -> str:
    """The text of a long message from the parts that are there, by their numbers.

    Where parts are missing stands ` […] `; half of a character whose other half is missing becomes
    U+FFFD.
    """
    text, missing = b"", False
    pieces: list[str] = []
    for number in range(1, total + 1):
        body = bodies.get(number)
        if body is None and not missing:
            pieces.append(text.decode("utf-16-be", "replace"))
            text = b""
        missing = body is None
        text += body or b""
    pieces.append(text.decode("utf-16-be", "replace"))
    return storable(_JOINT.join(pieces).strip() if len(pieces) > 1 else pieces[0])


def has_gap(text: str) -> bool:
    """Whether parts of a text are missing, as `join_parts` marks it."""
    return _JOINT.strip() in text


def without_cut_words(text: str) -> str:
    """A text with gaps without what touches them: it may be a piece of a word, or of a code."""
    return _AT_GAP.sub(_JOINT, text)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """A text that every database can keep: what no character is becomes U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def with_storable_text(message: Inbound) -> Inbound:
    """A message whose sender and text every database can keep; mostly the same one."""
    sender, text = storable(message.sender), storable(message.text)
    if sender == message.sender and text == message.text:
        return message
    return message._replace(sender=sender, text=text)
