"""What comes in on a line: a text message or a voice call, as a gateway hands it over."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum


class MessageKind(Enum):
    """How the message came."""

    SMS = "sms"
    CALL = "call"


class Quarantine(Enum):
    """Why a message has no owner; such a message is never shown to a dealer."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_RENTAL = "no_rental"
    NO_RULE_FITS = "no_rule_fits"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came.

    Attributes:
        to: the number it came to, E.164.
        sender: name or number, as the network gave it.
        text: the text; of a call its transcript, empty when there is none.
        sent_at_ms: when the network says it was sent, UTC milliseconds; None when it did not say.
        source_id: the gateway's own id of it; None when it has none.
        recording: of a call, the WAV file; None when there is none.
    """

    kind: MessageKind
    to: str
    sender: str
    text: str
    sent_at_ms: int | None
    source_id: str | None = None
    recording: bytes | None = None


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


def dedupe_key(message: Inbound) -> str | None:
    """What makes two deliveries the same message; None when nothing can tell.

    The gateway's own id counts together with what the message says: a gateway that starts its
    ids again after a reset must not make a new message look like an old one. Without an id it is
    the line, the sender, the text and the time at which the network says it was sent; without
    that time two deliveries are two messages.
    """
    content = [message.kind.value, message.to, message.sender, message.text]
    if message.source_id is not None:
        return "id:" + _digest([message.source_id, *content])
    if message.sent_at_ms is not None:
        return "fp:" + _digest([str(message.sent_at_ms), *content])
    return None


def _digest(parts: list[str]) -> str:
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode("utf-8", "surrogatepass")).hexdigest()


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """A text that every database can keep: what no character is becomes U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)
