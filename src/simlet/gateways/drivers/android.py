"""SMS Gateway for Android (capcom6): phones whose app posts what they receive, signed.

Source: the app's documentation, "Webhooks" (events and payloads, signing, retries: anything but a
2xx within 30 s comes again, 14 times over two days). Older versions say `phoneNumber` where newer
ones say `sender`, and newer ones tell the SIM's number as `recipient`. Seen in its source: of what
the phone hands to the app, `receivedAt` is the network's stamp, which has whole seconds; of what
the app finds in the phone's inbox it is the phone's own clock, in milliseconds. `X-Timestamp` is
the phone's clock at each sending, also of what was sent before.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import msgspec

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound
from simlet.domain.phone import parse_destination
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Result,
    Setting,
    Settings,
)
from simlet.gateways.posted import (
    MAX_MESSAGES,
    NOT_KEPT,
    RFC3339,
    inbound_sms,
    read_json,
    read_numbers,
    read_stamp,
    required,
    text_of,
    worst,
)
from simlet.gateways.unset_ports import UnsetPorts

ROUTE = "events"
CLOCK_LEEWAY_S = 300
CLOCK_RIGHT_WITHIN_MS = 2_000
"""Nearer to ours a phone's clock is right: so long a request may take."""
_MAX_DEVICE_CHARS = 64
_TEXTS = {"sms:received", "sms:batch:received"}
_MMS = {"mms:downloaded", "mms:batch:downloaded"}
_DATA = {"sms:data-received", "sms:batch:data-received"}
_SIGNS_OF_LIFE = {"system:ping", "app:started"}
_SLOT = re.compile(r"\d{1,3}", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
# A status that is not 2xx would make the app send again what is not wanted.
_STATUS_OF = {
    Result.KEPT: 200,
    Result.DUPLICATE: 200,
    Result.FAILED: 503,
    Result.REFUSED: 200,
}


def _answer(status: int, **body: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode(body), reason=body.get("error", ""))


@dataclass(frozen=True, slots=True)
class AndroidDriver:
    """Phones that share one signing key.

    Attributes:
        numbers: the number behind `DEVICE/SIM`, `DEVICE`, or `SIM` of whatever device.
    """

    context: DriverContext
    key: bytes
    numbers: Mapping[str, str]
    _unset: UnsetPorts = field(default_factory=UnsetPorts)

    async def run(self) -> None:
        """Has nothing to do by itself: the phones come to us."""

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Takes an event at `events`: 200 when what it tells is kept, or is nothing to keep.

        401 when it is not signed, 400 when it cannot be read, 503 when it is to come again.
        """
        if request.route != ROUTE:
            return _answer(404, error="there is no such address")
        if request.method != "POST":
            return _answer(405, error="expected POST")
        wrong = self._wrong_with_signature(request)
        if wrong is not None:
            return _answer(401, error=wrong)
        try:
            event = _Event.read(request.body)
            return await self._take(event, self._behind_ms(request))
        except Refused as refused:
            return _answer(400, error=refused.sentence)

    def _wrong_with_signature(self, request: HttpRequest) -> str | None:
        stamp = request.headers.get("x-timestamp", "")
        shown = request.headers.get("x-signature", "").strip().lower()
        mac = hmac.new(self.key, request.body, "sha256")
        mac.update(stamp.encode("latin-1", "replace"))
        if not hmac.compare_digest(mac.hexdigest().encode(), shown.encode("utf-8", "replace")):
            return "the signature is missing or wrong"
        if _SECONDS.fullmatch(stamp) is None:
            return "X-Timestamp: expected seconds since 1970"
        if abs(int(stamp) - self.context.clock.now_ms() // 1000) > CLOCK_LEEWAY_S:
            return "X-Timestamp is too far from our clock: set the phone's clock"
        return None

    def _behind_ms(self, request: HttpRequest) -> int:
        """How far the phone's clock is behind ours, by the signed stamp; 0 where it is right."""
        told_ms = int(request.headers["x-timestamp"]) * 1000
        behind_ms = self.context.clock.now_ms() - told_ms
        return behind_ms if abs(behind_ms) > CLOCK_RIGHT_WITHIN_MS else 0

    async def _take(self, event: "_Event", behind_ms: int) -> HttpAnswer:
        if event.kind in _SIGNS_OF_LIFE:
            self._tell_of(event.device)
            return _answer(200, result="seen")
        if event.kind not in _TEXTS | _MMS | _DATA:
            return _answer(200, result="ignored")
        messages, wrong = self._messages(event, behind_ms)
        result = worst(await self.context.deliver(messages)) if messages else Result.DUPLICATE
        self.context.report(GatewayReport(up=True, detail=self._unset.clause()))
        if result is Result.FAILED:
            return _answer(503, error=NOT_KEPT)
        if wrong is not None:
            return _answer(400, error=wrong)
        return _answer(_STATUS_OF[result], result=result.value)

    def _messages(self, event: "_Event", behind_ms: int) -> tuple[list[Inbound], str | None]:
        """The messages of an event, and a sentence about the first one that cannot be read."""
        messages: list[Inbound] = []
        wrong: str | None = None
        for place, payload in enumerate(event.payloads):
            source_id = event.id if event.single else f"{event.id}:{place}"
            try:
                messages.append(self._message(event, payload, source_id, behind_ms))
            except Refused as refused:
                wrong = wrong or refused.sentence
        return messages, wrong

    def _message(
        self, event: "_Event", payload: dict[str, Any], source_id: str, behind_ms: int
    ) -> Inbound:
        names = ("sender", "phoneNumber", "recipient", "message", "body", "data")
        fields = {name: text_of(payload.get(name), name) for name in names}
        sender = fields["sender"] if fields["sender"] is not None else fields["phoneNumber"]
        text_name = "data" if event.kind in _DATA else "body" if event.kind in _MMS else "message"
        text = fields[text_name]
        if event.kind in _MMS:
            text = text or text_of(payload.get("subject"), "subject") or ""
        required({"sender": sender, text_name: text}, "sender", text_name)
        damaged = event.kind in _DATA
        return inbound_sms(
            self._number(event.device, payload.get("simNumber"), fields["recipient"]),
            sender or "",
            _hex_of(text or "") if damaged else text or "",
            self._received_at_ms(payload.get("receivedAt"), behind_ms),
            source_id,
            damaged=damaged,
        )

    def _received_at_ms(self, stamp: object, behind_ms: int) -> int | None:
        at_ms = read_stamp(stamp, RFC3339, UTC, "receivedAt", self.context.gateway)
        if at_ms is None or at_ms % 1000 == 0:
            return at_ms  # whole seconds are the network's, whatever the phone's clock shows
        return min(at_ms + behind_ms, self.context.clock.now_ms()) if behind_ms else at_ms

    def _number(self, device: str, sim: object, recipient: str | None) -> str:
        """The line's number: as it is set, else as the phone tells it; empty when neither does."""
        slot = _slot(sim)
        port = f"{device}/{slot}" if slot else device
        number = self.numbers.get(port) or self.numbers.get(device) or self.numbers.get(slot)
        if number is None and recipient:
            number = _as_number(recipient)
        if number is None:
            self._unset.note(f"SIM {slot or '?'} of device {device}")
            return ""
        self.context.report(LineReport(port, Reception.READY, number=number))
        return number

    def _tell_of(self, device: str) -> None:
        self.context.report(GatewayReport(up=True, detail=self._unset.clause()))
        for port, number in self.numbers.items():
            if "/" not in port and port != device and port.isdecimal():
                port = f"{device}/{port}"  # noqa: PLW2901 - of whatever device, so of this one
            if port == device or port.startswith(device + "/"):
                self.context.report(LineReport(port, Reception.READY, number=number))


@dataclass(frozen=True, slots=True)
class _Event:
    """What the app tells: one thing, or several of one kind at a time."""

    id: str
    kind: str
    device: str
    payloads: list[dict[str, Any]]
    single: bool

    @classmethod
    def read(cls, body: bytes) -> "_Event":
        """The event in a body.

        Raises:
            Refused: INVALID.
        """
        event = read_json(body)
        if not isinstance(event, dict):
            raise invalid("body", "expected an object")
        fields = {name: text_of(event.get(name), name) for name in ("id", "event", "deviceId")}
        required(fields, "event")
        kind, device = fields["event"] or "", fields["deviceId"] or ""
        payload = event.get("payload")
        if not isinstance(payload, dict):
            raise invalid("payload", "expected an object")
        if len(device) > _MAX_DEVICE_CHARS or not device.isprintable():
            raise invalid("deviceId", f"expected at most {_MAX_DEVICE_CHARS} characters")
        single = ":batch:" not in kind
        if kind in _TEXTS | _MMS | _DATA:
            # `messageId` stands for the content, and comes again with every equal text.
            required({"id": fields["id"] or None}, "id")
        payloads = [payload] if single else _many(payload)
        return cls(fields["id"] or "", kind, device, payloads, single)


def _many(payload: dict[str, Any]) -> list[dict[str, Any]]:
    messages = payload.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise invalid("payload.messages", "expected a list of objects")
    if len(messages) > MAX_MESSAGES:
        raise invalid("payload.messages", f"expected at most {MAX_MESSAGES}")
    return messages


def _hex_of(data: str) -> str:
    """Data of an application, which no rental waits for: in hex, for the operator."""
    try:
        return base64.b64decode(data, validate=True).hex().upper()
    except ValueError:
        raise invalid("data", "expected base64") from None


def _slot(sim: object) -> str:
    """The number of a SIM's slot, which may be written as a text; empty when it is none."""
    text = str(sim) if isinstance(sim, int | str) and not isinstance(sim, bool) else ""
    return text if _SLOT.fullmatch(text) else ""


def _as_number(text: str) -> str | None:
    """What the phone takes for its own number, if it is one."""
    try:
        return parse_destination(text)
    except Refused:
        return None


def _check(settings: Settings) -> None:
    read_numbers(str(settings["numbers"]), "numbers")


def _make(context: DriverContext) -> AndroidDriver:
    key = str(context.settings["signing_key"]).encode("utf-8", "surrogatepass")
    return AndroidDriver(context, key, read_numbers(str(context.settings["numbers"]), "numbers"))


KIND = DriverKind(
    name="android",
    title="Phones with the app SMS Gateway for Android: it posts what they receive, signed.",
    settings=(
        Setting(
            "signing_key",
            "the key in the app under Settings, Webhooks, Signing Key",
            "",
            required=True,
            secret=True,
        ),
        Setting(
            "numbers",
            "which number is in which SIM slot: SLOT=NUMBER or DEVICEID/SLOT=NUMBER, with commas",
            "",
        ),
    ),
    setup="""\
In the app: Settings, Webhooks, Signing Key: the key that was given here as signing_key. With
several phones on one gateway enter the same key in each.

Then register one webhook for each of these events, at the phone itself (local mode) or at
api.sms-gate.app/3rdparty/v1 (cloud mode), with the user and password that the app shows:

    curl -u USER:PASSWORD -H "Content-Type: application/json" \\
      -d '{{"url": "{address}/events", "event": "sms:received"}}' \\
      http://PHONE:8080/webhooks

The same again with "event": "system:ping" (switch Ping on in the app's settings: it is how a
silent phone is told from a dead one), and if you want them "mms:downloaded" and
"sms:data-received". The app takes https addresses alone, but for 127.0.0.1.

Say which number is in which slot: numbers=1=0912345678,2=0987654321 with one phone, and
numbers=DEVICEID/1=0912345678,OTHERID/1=0987654321 with several (the app shows its device id under
Home). A SIM without an entry is known by the number that the phone reads from it, if it can; else
its messages are kept in quarantine. The phone's clock must be right to five minutes; what it is
wrong by less is allowed for.

An answer of 200 means that the message is on disk; after any other one the app sends it again for
two days. Do not use "Export inbox" with webhooks: it gives old messages new ids.
""",
    make=_make,
    check=_check,
)
