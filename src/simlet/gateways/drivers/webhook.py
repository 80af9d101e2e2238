"""Whatever posts messages in a form of its own: its fields are found by a map that is set.

A template gives the map of a known gateway, and each setting overrides it: `kannel` for the
sms-service of Kannel, `simbank` for SIM banks that push lists (Dinstar's names; Ejoin and others by
settings), `plain` for everything else.
Source: Kannel user guide, "sms-service" and its escape codes.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timezone

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport
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
from simlet.gateways.field_map import (
    CHARSETS,
    TEXT_FORMS,
    PostedRecord,
    read_form,
    read_name,
    read_part,
    read_records,
    read_text,
)
from simlet.gateways.posted import (
    NOT_ITS_LINE,
    NOT_KEPT,
    RFC3339,
    UNIX_S,
    check_time_form,
    error_answer,
    inbound_sms,
    is_secret,
    read_numbers,
    read_stamp,
    read_zone,
    required,
    worst,
)
from simlet.gateways.unset_ports import UnsetPorts

NOTHING = "-"
HEADER, QUERY, BODY, BASIC = "header", "query", "body", "basic"

_METHODS = {"GET", "POST", "PUT"}
_ICCID_DIGITS = range(18, 23)

_PLAIN = {
    "to": "to",
    "from": "from",
    "text": "text",
    "id": "id",
    "sent_at": "sent_at",
    "sent_at_form": RFC3339,
    "secret_in": HEADER,
    "secret_name": "authorization",
    "answer": "OK",
    "charset": "utf-8",
    "text_form": "text",
    "refused_status": "403",
}
TEMPLATES: dict[str, dict[str, str]] = {
    "plain": _PLAIN,
    "kannel": _PLAIN
    | {
        "sent_at": "ts",
        "sent_at_form": UNIX_S,
        "charset_field": "charset",
        "coding_field": "coding",
        "udh_field": "udh",
        "secret_in": QUERY,
        "secret_name": "secret",
        "answer": "",
        "refused_status": "200",  # whatever is no 2xx is asked again, 403 and 404 too
    },
    "simbank": _PLAIN
    | {
        "items": "sms",
        "to": "",
        "port": "port",
        "from": "number",
        "id": "incoming_sms_id",
        "sent_at": "timestamp",
        "sent_at_form": "%Y-%m-%d %H:%M:%S",
        "secret_in": QUERY,
        "secret_name": "secret",
    },
}


@dataclass(frozen=True, slots=True)
class _Map:
    """Where things stand in what is posted: the settings, over those of the template."""

    fields: Mapping[str, str]
    zone: timezone
    number: str
    numbers: Mapping[str, str]
    refused_status: int

    @classmethod
    def of(cls, settings: Settings) -> "_Map":
        template = TEMPLATES[str(settings["template"])]
        fields: dict[str, str] = {}
        for name, value in settings.items():
            set_text = value if isinstance(value, str) else ""
            fields[name] = "" if set_text == NOTHING else set_text or template.get(name, "")
        check_time_form(fields["sent_at_form"], "sent_at_form")
        for name in ("from", "text"):
            if not fields[name]:
                raise invalid(name, "expected the name of a field")
        number = parse_destination(fields["number"]) if fields["number"] else ""
        numbers = read_numbers(fields["numbers"], "numbers")
        if not (fields["to"] or number or fields["port"] or fields["iccid"]):
            raise invalid("to", "expected a field, or number, port or iccid, to tell the line by")
        status = int(settings["refused_status"]) or int(template["refused_status"])
        if status < 200:
            raise invalid("refused_status", "expected 200 to 499, or 0")
        return cls(fields, read_zone(fields["zone"], "zone"), number, numbers, status)


@dataclass(frozen=True, slots=True)
class WebhookDriver:
    """One gateway that posts in a form of its own."""

    context: DriverContext
    map: _Map
    _unset: UnsetPorts = field(default_factory=UnsetPorts)

    async def run(self) -> None:
        """Has nothing to do by itself: the other side comes to us."""

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Takes messages at the gateway's own address, by GET, POST or PUT.

        What was set when all is kept; 400 for what cannot be read, 401 for a wrong secret, 403 (or
        what was set) for what is another gateway's, 503 for what is to come again.
        """
        if request.route not in {"", "messages"}:
            return error_answer(404, "there is no such address")
        if request.method not in _METHODS:
            return error_answer(405, "expected GET or POST")
        try:
            records = self._known_records(request)
            if records is None:
                return error_answer(401, "the secret is missing or wrong")
            return await self._take(records)
        except Refused as refused:
            return error_answer(400, refused.sentence)

    def _known_records(self, request: HttpRequest) -> list[PostedRecord] | None:
        """The records, when the secret is right; a body without it is not looked into first."""
        fields = self.map.fields
        if fields["secret_in"] != BODY:
            shown = _shown(request, fields["secret_in"], fields["secret_name"])
            return self._read(request) if self._is_secret(shown) else None
        records = read_records(request, fields["items"])
        # The query is the last place of each record; what stands there is no body.
        bodies = [PostedRecord(one.places[:-1]) for one in records]
        texts = [one.text(fields["secret_name"]) or "" for one in bodies]
        return records if texts and all(map(self._is_secret, texts)) else None

    def _read(self, request: HttpRequest) -> list[PostedRecord]:
        try:
            return read_records(request, self.map.fields["items"])
        except Refused as refused:
            self._tell(refused.sentence)
            raise

    def _tell(self, wrong: str | None) -> None:
        """Reports that the other side was here, and what of it the operator has to mend."""
        clauses = ["not read: " + wrong.rstrip(".") if wrong else "", self._unset.clause()]
        self.context.report(GatewayReport(up=True, detail="; ".join(filter(None, clauses))))

    def _is_secret(self, shown: str) -> bool:
        return is_secret(shown, self.context.secret_hash)

    async def _take(self, records: list[PostedRecord]) -> HttpAnswer:
        messages: list[Inbound] = []
        wrong: str | None = None
        for place, record in enumerate(records):
            try:
                messages.append(self._message(record))
            except Refused as refused:
                first = refused.sentence if len(records) == 1 else f"{place}: {refused.sentence}"
                wrong = wrong or first
        result = worst(await self.context.deliver(messages)) if messages else Result.DUPLICATE
        self._tell(wrong)
        if result is Result.FAILED:
            return error_answer(503, NOT_KEPT)
        if wrong is not None:
            return error_answer(400, wrong)
        if result is Result.REFUSED:
            return error_answer(self.map.refused_status, NOT_ITS_LINE)
        body = self.map.fields["answer"].encode("utf-8", "replace")
        return HttpAnswer(
            int(self.context.settings["answer_status"]), body, self.map.fields["answer_type"]
        )

    def _message(self, record: PostedRecord) -> Inbound:
        fields = self.map.fields
        hint = record.text(fields["charset_field"]) or ""
        charsets = (*record.charsets, fields["charset"])
        sender = read_name(
            record.find(fields["from"]), fields["from"], charsets=charsets, hint=hint
        )
        found = record.find(fields["text"])
        there = {fields["from"]: sender, fields["text"]: None if found is None else ""}
        required(there, fields["from"], fields["text"])
        text, damaged = read_text(
            found,
            fields["text"],
            form=fields["text_form"],
            charsets=charsets,
            hint=hint,
            coding=record.text(fields["coding_field"]) or "",
        )
        iccid = self._iccid(record)
        return inbound_sms(
            self._number(record, iccid),
            sender or "",
            text,
            self._sent_at_ms(record),
            record.text(fields["id"]),
            part=None if damaged else read_part(record.find(fields["udh_field"])),
            iccid=iccid,
            damaged=damaged,
        )

    def _sent_at_ms(self, record: PostedRecord) -> int | None:
        name, form = self.map.fields["sent_at"], self.map.fields["sent_at_form"]
        return read_stamp(record.find(name), form, self.map.zone, name, self.context.gateway)

    def _iccid(self, record: PostedRecord) -> str | None:
        """The SIM that it came to; what is no ICCID (ITU-T E.118) is as good as none."""
        iccid = (record.text(self.map.fields["iccid"]) or "").strip().rstrip("fF")
        digits = iccid.isascii() and iccid.isdecimal() and len(iccid) in _ICCID_DIGITS
        return iccid if digits else None

    def _number(self, record: PostedRecord, iccid: str | None) -> str:
        """The number that it came to, as it is told, else by the port, else the only one."""
        fields = self.map.fields
        told = (record.text(fields["to"]) or "").strip()
        port = record.text(fields["port"])
        number = told or self.map.numbers.get(port or "") or self.map.number
        if not number and port:
            # It is kept for the operator: whose it is cannot be told.
            self._unset.note(f"port {port[:20]!r}")
        elif not number and iccid is None:
            required({}, " or ".join(filter(None, (fields["to"], fields["port"], fields["iccid"]))))
        return number


def _shown(request: HttpRequest, where: str, name: str) -> str:
    """The secret that a request shows; empty for none."""
    if where == QUERY:
        return PostedRecord([read_form(request.query)]).text(name) or ""
    header = request.headers.get("authorization" if where == BASIC else name.lower(), "").strip()
    scheme, _, rest = header.partition(" ")
    if where == HEADER:
        return rest.strip() if scheme.lower() == "bearer" else header
    try:
        decoded = base64.b64decode(rest.strip().encode("ascii"), validate=True).decode("utf-8")
    except ValueError:
        return ""
    return decoded.partition(":")[2] if scheme.lower() == "basic" else ""


def _check(settings: Settings) -> None:
    _Map.of(settings)
    for name in ("secret_name", "answer_type"):
        text = str(settings[name])
        if not (text.isascii() and text.isprintable()):
            raise invalid(name, "expected plain letters, digits and signs")


def _make(context: DriverContext) -> WebhookDriver:
    return WebhookDriver(context, _Map.of(context.settings))


def _name(name: str, meaning: str) -> Setting:
    return Setting(name, f"{meaning}; a name, or a path as payload.from or sms.0.text", "")


def _choice(name: str, meaning: str, choices: tuple[str, ...]) -> Setting:
    return Setting(name, meaning, "", choices=("", *choices))


KIND = DriverKind(
    name="webhook",
    title="Whatever posts messages in a form of its own: Kannel, SIM banks, programs of yours.",
    settings=(
        Setting(
            "template",
            "what holds where nothing is set; - sets a field to nothing",
            "plain",
            choices=tuple(TEMPLATES),
        ),
        _name("to", "the field with the number that it came to"),
        _name("from", "the field with the sender"),
        _name("text", "the field with the text"),
        _name("id", "the field with the other side's own id of it"),
        _name("sent_at", "the field with the time at which it was sent"),
        _name("port", "the field with the port that it came to, for `numbers`"),
        _name("iccid", "the field with the ICCID of the SIM that it came to"),
        _name("udh_field", "the field with the user data header, raw or in hex"),
        _name("coding_field", "the field with 0, 1 or 2 for GSM, eight bits or UCS-2"),
        _name("charset_field", "the field with the charset of the text"),
        _name("items", "the list of messages in JSON"),
        Setting("number", "the number of the only line, where no field tells it", ""),
        Setting("numbers", "which number is in which port: PORT=NUMBER, with commas", ""),
        Setting("sent_at_form", "rfc3339, unix_s, unix_ms, or a pattern as %Y-%m-%d %H:%M:%S", ""),
        Setting("zone", "the zone of times that tell none: +07:00", "+07:00"),
        _choice("charset", "the charset of forms, where they do not tell it", CHARSETS),
        _choice("text_form", "how the text is written", TEXT_FORMS),
        _choice("secret_in", "where the secret is shown", (HEADER, QUERY, BODY, BASIC)),
        Setting("secret_name", "the name of the header or the field with the secret", ""),
        Setting("answer", "the body of the answer when all is kept; - for none", ""),
        Setting("answer_type", "the answer's type", "text/plain; charset=utf-8"),
        Setting("answer_status", "its status; 204 and 205 have no body", 200, least=200, most=299),
        Setting(
            "refused_status",
            "the status for a message of another gateway's line; 0 for the template's",
            0,
            least=0,
            most=499,
        ),
    ),
    setup="""\
The template of this gateway is {template}. SECRET is what was shown when it was added.

plain: post a form or JSON to {address}, or call it by GET, with the fields to, from, text, and if
they are known id and sent_at (RFC 3339), and the header `Authorization: Bearer SECRET`. Other
names, paths into JSON, other forms of times and other places of the secret are settings.

kannel: in Kannel's file, with SECRET put in (the get-url is one line, without blanks),

    group = core
    sms-combine-concatenated-mo = false

    group = smsbox
    mo-recode = false
    http-request-retry = 8640
    http-queue-delay = 10

    group = sms-service
    keyword = default
    catch-all = true
    max-messages = 0
    get-url = "{address}?to=%P&from=%p&text=%b&ts=%T&coding=%c&charset=%C
               &udh=%u&id=%I&secret=SECRET"

Without http-request-retry smsbox forgets a message that we could not keep at that moment; with
these two it asks for a day. Parts of long messages are joined here, each safe as it comes: Kannel
holds them in its memory, and mo-recode loses a character that two parts share. If the SMSC does
not tell to which number a message came, set to=- and number=0912345678, one gateway for a line.

simbank: enter {address}?secret=SECRET as the address that received SMS are pushed to, as JSON, and
say which number is in which port: numbers=1=0912345678,2=0987654321. The names are those that
Dinstar documents (sms, port, number, text, timestamp, incoming_sms_id); times are in the zone
{zone}. For lists without names use places: for [flag, port, time, sender, receiver, base64] set
items=sms port=1 sent_at=2 sent_at_form=unix_s from=3 text=5 text_form=base64 id=-

An answer of {answer_status} means that all messages are on disk. After 503, or none, send again.
""",
    make=_make,
    takes_secret=True,
    check=_check,
)
