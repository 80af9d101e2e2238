"""The plain HTTP gateway: messages and calls are posted to us as JSON, or as a form.

`POST /gateways/NAME/messages` takes one object or an array of up to 1,000 of
`{"id", "to", "from", "text", "sent_at"}`; `POST /gateways/NAME/calls` takes
`{"id", "to", "from", "started_at", "transcript"}` with the recording as a file of the form. The
answer comes after the commit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound, MessageKind, storable
from simlet.domain.phone import parse_number
from simlet.domain.signing import hash_secret, secrets_equal
from simlet.gateways.contract import (
    DriverKind,
    Fate,
    HttpAnswer,
    HttpRequest,
    Tools,
)

MAX_BATCH = 1000
MAX_TEXT_CHARS = 40_000
MAX_SENDER_CHARS = 64
MAX_ID_CHARS = 200
_NUMBER = re.compile(r"\+?\d{3,15}", re.ASCII)
_BETWEEN_DIGITS = re.compile("[ .()\u00a0-]")
# An escape of JSON; the group takes one that is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_NO_SECRET = bytes(32)
_FAILURES = {
    Fate.FAILED: "it could not be kept now; send it again",
    Fate.REFUSED: "its line is another gateway's; do not send it again",
}
_STATUS_OF = {Fate.KEPT: 200, Fate.DUPLICATE: 200, Fate.FAILED: 503, Fate.REFUSED: 403}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)

When = Annotated[datetime, Meta(tz=True)]


class _Message(Struct):
    to: str
    sender: str = msgspec.field(name="from")
    text: str = msgspec.field()
    id: str | int | None = None
    sent_at: When | None = None


class _Call(Struct):
    to: str
    sender: str = msgspec.field(name="from")
    id: str | int | None = None
    started_at: When | None = None
    transcript: str | None = None


_messages = msgspec.json.Decoder(_Message)
_calls = msgspec.json.Decoder(_Call)
_raws = msgspec.json.Decoder(list[Raw])
_anything = msgspec.json.Decoder()


def _answer(status: int, *, error: str) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode({"error": error}), reason=error)


@dataclass(frozen=True, slots=True)
class HttpDriver:
    """One HTTP gateway."""

    tools: Tools

    async def run(self) -> None:
        """Has nothing to do by itself: the other side comes to us."""
        self.tools.report(GatewayReport(up=True))

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answers `messages` and `calls`; see `docs/gateways.md` for statuses."""
        if request.route not in {"messages", "calls"}:
            return _answer(404, error="there is no such address")
        if request.method != "POST":
            return _answer(405, error="expected POST")
        if not self._is_known(request):
            return _answer(401, error="the secret is missing or wrong")
        try:
            if request.route == "calls":
                return await self._take_call(request)
            return await self._take_messages(request.body)
        except Refused as refused:
            return _answer(400, error=refused.sentence)

    def _is_known(self, request: HttpRequest) -> bool:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        shown = hash_secret(secret.strip())
        # Both are looked at whatever the first says, so that the time tells nothing.
        equal = secrets_equal(shown, self.tools.secret_hash or _NO_SECRET)
        return equal and self.tools.secret_hash is not None and scheme.lower() == "bearer"

    async def _take_messages(self, body: bytes) -> HttpAnswer:
        single = body.lstrip()[:1] != b"["
        parsed = [_parsed(raw) for raw in _split(body, single=single)]
        good = [one for one in parsed if isinstance(one, Inbound)]
        fates = iter(await self.tools.deliver(good) if good else [])
        outcomes = [next(fates) if isinstance(one, Inbound) else one for one in parsed]
        status = _status_of(outcomes[0]) if single else 200
        return _results(status, outcomes)

    async def _take_call(self, request: HttpRequest) -> HttpAnswer:
        call = _parse_call(request)
        wav = request.files[0] if request.files else None
        if wav is not None:
            if len(wav) > self.tools.recording_limit_bytes:
                limit = self.tools.recording_limit_bytes
                return _answer(413, error=f"recording: expected at most {limit} bytes")
            if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
                raise invalid("recording", "expected a WAV file")
        at_ms = _milliseconds(call.started_at, "started_at")
        transcript = call.transcript or ""
        inbound = _inbound(MessageKind.CALL, call.to, call.sender, transcript, at_ms, call.id)
        (fate,) = await self.tools.deliver([inbound._replace(recording=wav)])
        return _results(_status_of(fate), [fate])


def _split(body: bytes, *, single: bool) -> list[Raw]:
    body = _readable(body)
    try:
        raws = [Raw(body)] if single else _raws.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json() from error
    if len(raws) > MAX_BATCH:
        raise invalid("body", f"expected at most {MAX_BATCH} messages")
    return raws


def _readable(body: bytes) -> bytes:
    """The body as a decoder takes it, if it is JSON in UTF-8.

    Gateways cut long texts between two halves of a character and write half an escape: it is
    mended, as the message must not be lost for it.

    Raises:
        Refused: INVALID.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid("body", "expected UTF-8") from error
    if _is_json(body):
        return body
    mended = _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], body)
    if not _is_json(mended):
        raise _not_json()
    return mended


def _is_json(body: bytes) -> bool:
    try:
        _anything.decode(body)
    except msgspec.ValidationError:
        return True  # a number out of range: the message that holds it is told
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _not_json() -> Refused:
    return invalid("body", "expected JSON: an object, or an array of objects")


def _parsed(raw: Raw) -> Inbound | str:
    """The message, or a sentence that says what is wrong with it."""
    try:
        one = _messages.decode(raw)
        at_ms = _milliseconds(one.sent_at, "sent_at")
        return _inbound(MessageKind.SMS, one.to, one.sender, one.text, at_ms, one.id)
    except msgspec.DecodeError as error:
        return f"{error}".replace("`", "'")
    except Refused as refused:
        return refused.sentence


def _inbound(
    kind: MessageKind,
    to: str,
    sender: str,
    text: str,
    sent_at_ms: int | None,
    source_id: str | int | None,
) -> Inbound:
    if len(text) > MAX_TEXT_CHARS:
        raise invalid("text", f"expected at most {MAX_TEXT_CHARS} characters")
    if len(sender) > MAX_SENDER_CHARS:
        raise invalid("from", f"expected at most {MAX_SENDER_CHARS} characters")
    if source_id is not None and not 1 <= len(str(source_id)) <= MAX_ID_CHARS:
        raise invalid("id", f"expected 1 to {MAX_ID_CHARS} characters")
    return Inbound(
        kind,
        _number(to),
        storable(sender),
        storable(text),
        sent_at_ms,
        None if source_id is None else storable(str(source_id)),
    )


def _number(to: str) -> str:
    """E.164 for our own sort of numbers; the digits of others, for the operator to see."""
    try:
        return parse_number(to, "to")
    except Refused:
        digits = _BETWEEN_DIGITS.sub("", to)
        if _NUMBER.fullmatch(digits) is None:
            raise
        return digits


def _milliseconds(at: datetime | None, name: str) -> int | None:
    if at is None:
        return None
    if not _EARLIEST <= at < _LATEST:
        raise invalid(name, "expected a time between 2000 and 2200")
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def _parse_call(request: HttpRequest) -> _Call:
    """A call from a form's fields, from its field `call` as JSON, or from a JSON body."""
    fields = {name: text for name, text in request.fields.items() if text}
    try:
        if "call" not in fields and (fields or request.files):
            return msgspec.convert(fields, _Call)
        body = fields["call"].encode() if fields else request.body
        return _calls.decode(_readable(body))
    except msgspec.DecodeError as error:
        raise invalid("call", f"{error}".replace("`", "'")) from error


def _results(status: int, outcomes: Sequence[Fate | str]) -> HttpAnswer:
    results = [_result(one) for one in outcomes]
    reason = "" if status == 200 else results[0].get("error", "")
    return HttpAnswer(status, msgspec.json.encode({"results": results}), reason=reason)


def _result(outcome: Fate | str) -> dict[str, str]:
    """A fate, or the sentence that says what is wrong with a message, as it is answered."""
    if isinstance(outcome, Fate):
        failure = _FAILURES.get(outcome)
        if failure is None:
            return {"result": outcome.value}
        outcome = failure
    return {"result": "error", "error": outcome}


def _status_of(outcome: Fate | str) -> int:
    return _STATUS_OF[outcome] if isinstance(outcome, Fate) else 400


KIND = DriverKind(
    name="http",
    title="Messages and calls are posted to an address of ours, as JSON.",
    settings=(),
    setup="""\
Post each message to {address}/messages, and each call to {address}/calls, with the header
`Authorization: Bearer SECRET` (the secret was shown when the gateway was added):

    {{"id": "17", "to": "0912345678", "from": "SHOPEE", "text": "…",
      "sent_at": "2026-01-31T08:00:00+07:00"}}

An answer of 200 means that the message is on disk. After any other one, post it again.
""",
    make=HttpDriver,
    takes_secret=True,
)
