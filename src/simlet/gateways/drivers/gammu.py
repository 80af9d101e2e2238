"""Gammu SMSD: the hook that it runs for each message, and its SQLite database.

With `database` set, messages are read from the table `inbox`: when the hook tells that one came,
and by a look every `poll_s` seconds for what a hook could not tell. A row is marked as processed
after the message is kept. Without `database`, what the hook posts is the message itself.

Source: gammu-smsd 1.42, manual page gammu-smsd-run(7). Seen with the real daemon: one that is
killed while the hook runs stores the same message again, under another ID.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timezone
from pathlib import Path

import msgspec
from msgspec import Struct

from simlet.domain.errors import Refused, invalid
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import Inbound, Part
from simlet.domain.phone import parse_number
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Result,
    Setting,
    Settings,
)
from simlet.gateways.gammu_inbox import (
    Inbox,
    Phone,
    Row,
    UnusableError,
    milliseconds,
    part_of,
    text_of,
)
from simlet.gateways.posted import (
    MAX_SENDER_CHARS,
    MAX_TEXT_CHARS,
    STATUS_OF,
    bearer_of,
    error_answer,
    inbound_sms,
    is_secret,
    read_numbers,
    read_zone,
    worst,
)
from simlet.log import get_log

LONGEST_PAUSE_S = 30.0
MAX_IDS = 255
MAX_KEY_CHARS = 100
_HOUR_MS = 3_600_000
# A file of the daemon's files service: the network's time, a serial number, the sender, the part.
_FILE_ID = re.compile(r"IN(\d{8})_(\d{6})_\d+_.*_\d+\.\w+", re.DOTALL)

_log = get_log("gammu")


class _Settings(Struct, frozen=True):
    database: str
    number: str
    numbers: str
    phone_id: str
    zone: str
    poll_s: float
    silent_s: int


class _Short(Struct):
    sender: str = msgspec.field(name="from", default="")
    text: str | None = None


class _Posted(Struct):
    """What `simlet.gammu_hook` posts."""

    ids: list[str] = []
    key: str = ""
    phone: str = ""
    messages: list[_Short] = []
    decoded: list[str] = []
    age_ms: int = 0


_posts = msgspec.json.Decoder(_Posted)


@dataclass(slots=True)
class Gammu:
    """One gateway: the phones of a Gammu SMSD, or of several that share a database.

    Attributes:
        inbox: the daemon's database; None when the hook alone tells of messages.
        zone: of the daemon's times; None for this machine's own.
        number: of the phones that are not in `number_of`; empty when it is not known.
        number_of: the numbers of phones, by PhoneID.
    """

    context: DriverContext
    settings: _Settings
    inbox: Inbox | None
    zone: timezone | None
    number: str
    number_of: dict[str, str]
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    _hours_off: int = 0
    _unknown: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Looks into the database until it is cancelled; without one there is nothing to do."""
        if self.inbox is None:
            return
        shortest_s = pause_s = self.settings.poll_s
        while True:
            fine = await self._look(self.inbox)
            pause_s = shortest_s if fine else min(pause_s * 2, max(LONGEST_PAUSE_S, shortest_s))
            await self.context.clock.sleep(pause_s)

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answers `messages`: the hook tells that a message came."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        try:
            posted = _posts.decode(request.body)
            if self.inbox is not None:
                return await self._answer_from_inbox(self.inbox, _row_ids(posted.ids))
            return await self._answer_from_hook(posted)
        except (msgspec.DecodeError, RecursionError):
            # Without what it says: that may hold what came.
            return error_answer(400, "body: expected what simlet-gammu posts")
        except Refused as refused:
            return error_answer(400, refused.sentence)

    def _refusal(self, request: HttpRequest) -> HttpAnswer | None:
        if request.route != "messages":
            return error_answer(404, "there is no such address")
        if request.method != "POST":
            return error_answer(405, "expected POST")
        if is_secret(bearer_of(request), self.context.secret_hash):
            return None
        return error_answer(401, "the secret is missing or wrong")

    async def _look(self, inbox: Inbox) -> bool:
        """Whether the database could be read, and all in it is kept."""
        try:
            kept = await self._take_all(inbox)
            phones = await asyncio.to_thread(inbox.phones)
        except UnusableError as error:
            self.context.report(
                GatewayReport(up=False, detail=f"its database cannot be used: {error}")
            )
            _log.warning("gammu_database", gateway=self.context.gateway, error=type(error).__name__)
            return False
        for line in [self._line(phone) for phone in phones]:
            self.context.report(line)
        self.context.report(GatewayReport(up=True, detail=self._remark()))
        return kept

    def _remark(self) -> str:
        if self._unknown:
            return "the number of a phone is not known: set `numbers`"
        if self._hours_off:
            return f"a message was stamped {self._hours_off} h away from the clock: see `zone`"
        return ""

    async def _take_all(self, inbox: Inbox) -> bool:
        """Hands over what is not marked yet; whether all of it was kept, or is not to be."""
        async with self._busy:
            while rows := await asyncio.to_thread(inbox.unread):
                results = await self.context.deliver([self._inbound(row) for row in rows])
                pairs = zip(rows, results, strict=True)
                done = [row.row_id for row, result in pairs if result is not Result.FAILED]
                await asyncio.to_thread(inbox.mark, done)
                if len(done) < len(rows):
                    return False
        return True

    async def _answer_from_inbox(self, inbox: Inbox, row_ids: list[int]) -> HttpAnswer:
        try:
            await self._take_all(inbox)
            count = await asyncio.to_thread(inbox.count_done, row_ids)
        except UnusableError:
            return error_answer(503, "the database cannot be used now")
        if count < len(set(row_ids)):
            return error_answer(503, "not kept: it cannot be now, or `database` is another one")
        return _kept(count)

    async def _answer_from_hook(self, posted: _Posted) -> HttpAnswer:
        messages = list(self._posted(posted))
        if not messages:
            raise invalid("messages", "expected at least one")
        result = worst(await self.context.deliver(messages))
        self.context.report(GatewayReport(up=True, detail=self._remark()))
        if STATUS_OF[result] == 200:
            return _kept(len(messages))
        return error_answer(
            STATUS_OF[result], "not kept" if result is Result.FAILED else "not its line"
        )

    def _inbound(self, row: Row) -> Inbound:
        sent_at_ms = milliseconds(row.stamp, self.zone)
        self._notice(sent_at_ms, milliseconds(row.stored_at, UTC))
        text, damaged = text_of(row)
        # An ID is the row's and not the message's: what was stored twice is one by its stamp.
        source_id = None if sent_at_ms is not None else f"{row.phone[:MAX_KEY_CHARS]}:{row.row_id}"
        part = None if damaged else part_of(row)
        return self._made(row.phone, row.sender, text, sent_at_ms, source_id, part, damaged=damaged)

    def _posted(self, posted: _Posted) -> Iterator[Inbound]:
        """One message where all parts are of one sender; else each by itself."""
        file = _FILE_ID.fullmatch(posted.ids[0]) if posted.ids else None
        sent_at_ms = _file_ms(file, self.zone) if file else None
        key: str | None = None
        if sent_at_ms is None:
            # Nothing tells when it was sent: not after the hook ran, whatever clock that one has.
            sent_at_ms = self.context.clock.now_ms() - max(posted.age_ms, 0)
            key = f"{posted.phone}:{posted.ids[0]}+{len(posted.ids)}" if posted.ids else posted.key
        shorts = posted.messages
        if any(posted.decoded) and len({one.sender for one in shorts}) == 1:
            shorts = [_Short(shorts[0].sender, "".join(posted.decoded))]
        for place, one in enumerate(shorts):
            yield self._made(
                posted.phone,
                one.sender,
                one.text or "",
                sent_at_ms,
                f"{key[:MAX_KEY_CHARS]}.{place}" if key else None,
                None,
                damaged=one.text is None,
            )

    def _made(
        self,
        phone: str,
        sender: str,
        text: str,
        sent_at_ms: int | None,
        source_id: str | None,
        part: Part | None,
        *,
        damaged: bool,
    ) -> Inbound:
        """A message that can be kept whatever came: one that could not would stop all behind it."""
        return inbound_sms(
            self._number(phone),
            sender[:MAX_SENDER_CHARS],
            text[:MAX_TEXT_CHARS],
            sent_at_ms,
            source_id,
            part=part,
            damaged=damaged,
        )

    def _number(self, phone: str) -> str:
        """The number of a phone: as it is set, or its PhoneID where that is one; else none."""
        known = self.number_of.get(phone) or self.number
        if known:
            return known
        try:
            return parse_number(phone)
        except Refused:
            self._unknown.add(phone)
            return ""

    def _notice(self, sent_at_ms: int | None, stored_at_ms: int | None) -> None:
        """Remembers how far a stamp is from the time of storing: the zone may be a wrong one."""
        if sent_at_ms is not None and stored_at_ms is not None:
            self._hours_off = round(abs(stored_at_ms - sent_at_ms) / _HOUR_MS)

    def _line(self, phone: Phone) -> LineReport:
        updated_at_ms = milliseconds(phone.updated_at, UTC) or 0
        age_ms = self.context.clock.now_ms() - updated_at_ms
        silent = self.settings.silent_s and age_ms > self.settings.silent_s * 1000
        return LineReport(
            port=phone.phone or self.context.gateway,
            reception=Reception.SILENT if silent else _reception(phone),
            number=self._number(phone.phone) or None,
            imsi=phone.imsi or None,
            signal_dbm=None if silent else _dbm(phone.signal_percent),
            operator=phone.network or None,
        )


def _file_ms(file: re.Match[str], zone: timezone | None) -> int | None:
    day, time = file[1], file[2]
    stamp = f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
    return milliseconds(stamp, zone)


def _row_ids(ids: Sequence[str]) -> list[int]:
    if not 1 <= len(ids) <= MAX_IDS or not all(one.isdecimal() and len(one) < 19 for one in ids):
        raise invalid("ids", f"expected 1 to {MAX_IDS} IDs of rows")
    return [int(one) for one in ids]


def _reception(phone: Phone) -> Reception:
    if not phone.receives:
        return Reception.DENIED
    # Without `CheckNetwork` there is no code; without registration there is no signal either.
    unheard = not phone.network_code and phone.signal_percent <= 0
    return Reception.SEARCHING if unheard else Reception.READY


def _dbm(percent: int) -> int | None:
    """The signal strength from gammu's percent: three for each step of +CSQ, 100 at most.

    Source: 3GPP TS 27.007, 8.5; the factor was seen with gammu 1.42 and a modem of ours.
    """
    return -113 + 2 * min(round(percent / 3), 31) if 0 <= percent <= 100 else None


def _kept(count: int) -> HttpAnswer:
    return HttpAnswer(200, msgspec.json.encode({"result": "kept", "count": count}))


def _check(settings: Settings) -> None:
    checked = msgspec.convert(dict(settings), _Settings)
    if checked.database and not Path(checked.database).is_absolute():
        raise invalid("database", "expected an absolute path")
    if checked.number:
        parse_number(checked.number, "number")
    read_numbers(checked.numbers, "numbers")
    if checked.zone:
        read_zone(checked.zone, "zone")


def _make(context: DriverContext) -> Gammu:
    settings = msgspec.convert(dict(context.settings), _Settings)
    zone = read_zone(settings.zone, "zone") if settings.zone else None
    inbox = Inbox(settings.database, settings.phone_id) if settings.database else None
    number = parse_number(settings.number, "number") if settings.number else ""
    return Gammu(context, settings, inbox, zone, number, read_numbers(settings.numbers, "numbers"))


KIND = DriverKind(
    name="gammu",
    title="The phones and modems of a Gammu SMSD, through its hook and its SQLite database.",
    settings=(
        Setting("database", "the absolute path of the daemon's SQLite database; empty: none", ""),
        Setting("number", "the number of the line, if there is one phone", ""),
        Setting("numbers", "PHONEID=NUMBER,… of several phones; not of those named by numbers", ""),
        Setting("phone_id", "the one PhoneID whose messages are read; empty: all", ""),
        Setting(
            "zone",
            "where the daemon tells times, for example +07:00; empty: where this server is",
            "",
        ),
        Setting("poll_s", "seconds between two looks into the database", 2.0, least=0.1, most=3600),
        Setting(
            "silent_s",
            "seconds without a sign after which a phone is silent; 0: never",
            180,
            least=0,
            most=86_400,
        ),
    ),
    setup="""\
Write the secret (it was shown when the gateway was added) into a file that only the user of
gammu-smsd can read, and name the hook in the section [smsd] of gammu-smsdrc:

    PhoneID = SIM1
    RunOnReceive = simlet-gammu --address {address} --secret-file /etc/simlet-gammu.secret

With the daemon's SQLite database in the setting `database`, its directory and file must be
writable for simlet: what a hook could not tell is found there. With any other service of the
daemon (MySQL, PostgreSQL, files, null) add `--spool DIRECTORY` to the hook, and run the same
command every minute: it sends what is left in there.
""",
    make=_make,
    takes_secret=True,
    check=_check,
)
