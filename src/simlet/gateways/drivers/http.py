"""The plain HTTP gateway: messages and calls are posted to us as JSON, or as a form.

`POST /gateways/NAME/messages` takes one object or an array of up to 1,000 of
`{"id", "to", "from", "text", "sent_at"}`; `POST /gateways/NAME/calls` takes
`{"id", "to", "from", "started_at", "transcript"}` with the recording as a file of the form. The
answer comes after the commit.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

import msgspec
from msgspec import Raw, Struct

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.phone import parse_destination
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Result,
)
from simlet.gateways.posted import (
    MAX_MESSAGES,
    NOT_ITS_LINE,
    NOT_KEPT,
    RFC3339,
    STATUS_OF,
    bearer_of,
    error_answer,
    inbound_sms,
    is_secret,
    read_time,
)

# RFC 3339, and without seconds, as some clocks tell it.
_WHEN = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII
)
# An escape of JSON; the group takes one that is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_FAILURES = {Result.FAILED: NOT_KEPT, Result.REFUSED: NOT_ITS_LINE}


class _Message(Struct):
    to: str
    sender: str = msgspec.field(name="from")
    text: str = msgspec.field()
    id: str | int | None = None
    sent_at: str | None = None


class _Call(Struct):
    to: str
    sender: str = msgspec.field(name="from")
    id: str | int | None = None
    started_at: str | None = None
    transcript: str | None = None


_messages = msgspec.json.Decoder(_Message)
_calls = msgspec.json.Decoder(_Call)
_raws = msgspec.json.Decoder(list[Raw])
_anything = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class HttpDriver:
    """One HTTP gateway."""

    context: DriverContext

    async def run(self) -> None:
        """Has nothing to do by itself: the other side comes to us."""
        self.context.report(GatewayReport(up=True))

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answers `messages` and `calls`; see `docs/gateways.md` for statuses."""
        if request.route not in {"messages", "calls"}:
            return error_answer(404, "there is no such address")
        if request.method != "POST":
            return error_answer(405, "expected POST")
        if not is_secret(bearer_of(request), self.context.secret_hash):
            return error_answer(401, "the secret is missing or wrong")
        try:
            if request.route == "calls":
                return await self._take_call(request)
            return await self._take_messages(request.body)
        except Refused as refused:
            return error_answer(400, refused.sentence)

    async def _take_messages(self, body: bytes) -> HttpAnswer:
        body = body.removeprefix(codecs.BOM_UTF8)
        single = body.lstrip()[:1] != b"["
        parsed = [_parsed(raw) for raw in _split(body, single=single)]
        good = [one for one in parsed if isinstance(one, Inbound)]
        results = iter(await self.context.deliver(good) if good else [])
        outcomes = [next(results) if isinstance(one, Inbound) else one for one in parsed]
        status = _status_of(outcomes[0]) if single else 200
        return _results(status, outcomes)

    async def _take_call(self, request: HttpRequest) -> HttpAnswer:
        call = _parse_call(request)
        wav = request.files[0] if request.files else None
        if wav is not None:
            if len(wav) > self.context.recording_limit_bytes:
                limit = self.context.recording_limit_bytes
                return error_answer(413, f"recording: expected at most {limit} bytes")
            if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
                raise invalid("recording", "expected a WAV file")
        at_ms = _when(call.started_at, "started_at")
        inbound = _inbound(call.to, call.sender, call.transcript or "", at_ms, call.id)
        inbound = inbound._replace(kind=MessageKind.CALL, recording=wav)
        (result,) = await self.context.deliver([inbound])
        return _results(_status_of(result), [result])


def _split(body: bytes, *, single: bool) -> list[Raw]:
    body = _readable(body)
    try:
        raws = [Raw(body)] if single else _raws.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json() from error
    if len(raws) > MAX_MESSAGES:
        raise invalid("body", f"expected at most {MAX_MESSAGES} messages")
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
        return _inbound(one.to, one.sender, one.text, _when(one.sent_at, "sent_at"), one.id)
    except msgspec.DecodeError as error:
        return f"{error}".replace("`", "'")
    except Refused as refused:
        return refused.sentence


def _inbound(
    to: str, sender: str, text: str, sent_at_ms: int | None, source_id: str | int | None
) -> Inbound:
    if source_id == "":
        raise invalid("id", "expected at least one character")
    told_id = None if source_id is None else str(source_id)
    return inbound_sms(parse_destination(to), sender, text, sent_at_ms, told_id)


def _when(told: str | None, name: str) -> int | None:
    if told is None:
        return None
    if _WHEN.fullmatch(told) is None:
        raise invalid(name, "expected a time as 2026-01-31T08:00:00+07:00")
    return read_time(told, RFC3339, UTC, name)


def _parse_call(request: HttpRequest) -> _Call:
    """A call from a form's fields, from its field `call` as JSON, or from a JSON body."""
    fields = {name: text for name, text in request.fields.items() if text}
    try:
        if "call" not in fields and (fields or request.files):
            return msgspec.convert(fields, _Call)
        body = fields["call"].encode() if fields else request.body.removeprefix(codecs.BOM_UTF8)
        return _calls.decode(_readable(body))
    except msgspec.DecodeError as error:
        raise invalid("call", f"{error}".replace("`", "'")) from error


def _results(status: int, outcomes: Sequence[Result | str]) -> HttpAnswer:
    results = [_result(one) for one in outcomes]
    reason = "" if status == 200 else results[0].get("error", "")
    return HttpAnswer(status, msgspec.json.encode({"results": results}), reason=reason)


def _result(outcome: Result | str) -> dict[str, str]:
    """A result, or the sentence that says what is wrong with a message, as it is answered."""
    if isinstance(outcome, Result):
        failure = _FAILURES.get(outcome)
        if failure is None:
            return {"result": outcome.value}
        outcome = failure
    return {"result": "error", "error": outcome}


def _status_of(outcome: Result | str) -> int:
    return STATUS_OF[outcome] if isinstance(outcome, Result) else 400


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
