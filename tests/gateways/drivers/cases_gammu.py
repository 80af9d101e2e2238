"""What a gammu-smsd 1.42 with its dummy driver told its hook, and wrote into its database."""

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.gateways.contract import HttpRequest, Value
from simlet.gateways.drivers.gammu import KIND
from simlet.testing.clock import START_MS
from simlet.testing.driver_kit import (
    SECRET,
    Case,
    FakeSupervisor,
    Peer,
    Poster,
    Reaction,
    UnderTest,
    over_http,
    running,
)

NUMBER = "+84912345678"
SETTINGS: dict[str, Value] = {"numbers": "SIM1=0912345678", "zone": "+07:00"}
STAMP, STAMP_MS = "2026-11-23 16:00:00", 1_795_424_400_000
CAME_MS = START_MS - 1500

# The columns that a driver reads, as the daemon's own script for SQLite has them.
SCHEMA = """
CREATE TABLE inbox (UpdatedInDB NUMERIC NOT NULL DEFAULT (datetime('now')),
ReceivingDateTime NUMERIC NOT NULL, Text TEXT NOT NULL, SenderNumber TEXT NOT NULL,
Coding TEXT NOT NULL, UDH TEXT NOT NULL, Class INTEGER NOT NULL DEFAULT -1, TextDecoded TEXT,
ID INTEGER PRIMARY KEY AUTOINCREMENT, RecipientID TEXT NOT NULL,
Processed TEXT NOT NULL DEFAULT 'false');
CREATE TABLE phones (ID TEXT NOT NULL, UpdatedInDB NUMERIC NOT NULL, Receive TEXT NOT NULL,
IMEI TEXT PRIMARY KEY NOT NULL, IMSI TEXT NOT NULL, NetCode TEXT, NetName TEXT, Signal INTEGER);
"""


@dataclass(frozen=True)
class Stored:
    """A row of `inbox`."""

    text_hex: str
    sender: str = "+84987654321"
    coding: str = "Unicode_No_Compression"
    header: str = ""
    stamp: str = STAMP
    phone: str = "SIM1"
    message_class: int = -1


def hex_of(text: str) -> str:
    return text.encode("utf-16-be", "surrogatepass").hex().upper()


def store(database: Path, *rows: Stored) -> list[int]:
    """The IDs of the new rows."""
    with closing(sqlite3.connect(database)) as connection, connection:
        return [
            connection.execute(
                "INSERT INTO inbox (ReceivingDateTime, Text, SenderNumber, Coding, UDH, Class,"
                " TextDecoded, RecipientID) VALUES (?, ?, ?, ?, ?, ?, '', ?) RETURNING ID",
                (row.stamp, row.text_hex, row.sender, row.coding, row.header, row.message_class,
                 row.phone),
            ).fetchone()[0]
            for row in rows
        ]  # fmt: skip


def make_database(folder: Path) -> Path:
    path = folder / "smsd.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


def post(body: Any, secret: str = SECRET) -> HttpRequest:
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    return HttpRequest("POST", "messages", headers, msgspec.json.encode(body))


def _told(*messages: Mapping[str, str | None], ids: list[str], **more: object) -> HttpRequest:
    body = {"ids": ids, "key": "1795426736131074231-812", "phone": "SIM1", "messages": messages}
    return post(body | {"decoded": [], "age_ms": 1500} | more)


def _sms(
    sender: str, text: str, sent_at_ms: int, source_id: str | None = None, **more: Any
) -> Inbound:
    return Inbound(MessageKind.SMS, NUMBER, sender, text, sent_at_ms, source_id, **more)


_OTHER = "+84987654321"
_ONE = {"from": "Yahoo", "text": "Mã của bạn là 486460 😀"}
_FIRST, _SECOND = {"from": _OTHER, "text": "phần một "}, {"from": _OTHER, "text": "phần hai "}

UNDER_TEST = UnderTest(
    KIND,
    (
        Case(
            "one_message",
            _told(_ONE, ids=["1"]),
            (_sms("Yahoo", "Mã của bạn là 486460 😀", CAME_MS, "SIM1:1+1.0"),),
        ),
        Case(
            "a_long_message",
            _told(_FIRST, _SECOND, ids=["2", "3"], decoded=["phần một phần hai "]),
            (_sms(_OTHER, "phần một phần hai ", CAME_MS, "SIM1:2+2.0"),),
        ),
        Case(
            "parts_of_two_senders_that_were_joined",
            _told(
                {"from": _OTHER, "text": "other sender"},
                {"from": "Foo", "text": "other sender 2"},
                ids=["15", "16"],
                decoded=["other senderother sender 2"],
            ),
            (
                _sms(_OTHER, "other sender", CAME_MS, "SIM1:15+2.0"),
                _sms("Foo", "other sender 2", CAME_MS, "SIM1:15+2.1"),
            ),
        ),
        Case(
            "of_the_files_service",
            _told({"from": _OTHER, "text": "same"}, ids=[f"IN20261123_160000_00_{_OTHER}_00.txt"]),
            (_sms(_OTHER, "same", STAMP_MS),),
        ),
        Case(
            "of_a_service_without_ids",
            _told(_ONE, ids=[]),
            (_sms("Yahoo", "Mã của bạn là 486460 😀", CAME_MS, "1795426736131074231-812.0"),),
        ),
        Case(
            "binary",
            _told({"from": _OTHER, "text": None}, ids=["4"]),
            (_sms(_OTHER, "", CAME_MS, "SIM1:4+1.0", damaged=True),),
        ),
        Case("another_secret", post({"ids": ["1"]}, "sg_another"), (), Reaction.REJECTED),
        Case("no_message", post({"ids": ["1"]}), (), Reaction.REJECTED),
        Case("no_object", post(["1"]), (), Reaction.REJECTED),
    ),
    over_http(KIND, SETTINGS),
    secrets=("sg_another",),
    settings=SETTINGS,
)


@dataclass(frozen=True, slots=True)
class _Daemon:
    """Stores rows, and tells of them as the hook does."""

    database: Path
    poster: Poster

    async def send(self, sent: tuple[Stored, ...]) -> Reaction:
        ids = [str(one) for one in store(self.database, *sent)]
        return await self.poster.send(post({"ids": ids}))


@asynccontextmanager
async def _connect(supervisor: FakeSupervisor) -> AsyncIterator[Peer]:
    with tempfile.TemporaryDirectory(prefix="simlet-gammu-") as folder:
        database = make_database(Path(folder))
        driver = KIND.make(supervisor.context(KIND, SETTINGS | {"database": str(database)}))
        async with running(driver):
            yield _Daemon(database, Poster(driver))


DATABASE = UnderTest(
    KIND,
    (
        Case(
            "one_message",
            (Stored(hex_of("Mã của bạn là 486460 😀"), "Yahoo"),),
            (_sms("Yahoo", "Mã của bạn là 486460 😀", STAMP_MS),),
        ),
        Case(
            "parts_cut_in_a_surrogate_pair",
            (
                Stored("00610062D83D", header="050003AB0201"),
                Stored("DE0000630064", header="050003AB0202"),
            ),
            (
                _sms(_OTHER, "ab\ud83d", STAMP_MS, part=Part(0xAB, 2, 1)),
                _sms(_OTHER, "\ude00cd", STAMP_MS, part=Part(0xAB, 2, 2)),
            ),
        ),
        Case(
            "a_reference_of_16_bits",
            (Stored(hex_of("p16 one "), header="06080401020201"),),
            (_sms(_OTHER, "p16 one ", STAMP_MS, part=Part(0x0102, 2, 1)),),
        ),
        Case(
            "a_port_in_the_header",
            (Stored(hex_of("port"), header="06050415811581"),),
            (_sms(_OTHER, "port", STAMP_MS),),
        ),
        Case(
            "a_text_in_eight_bits",
            (Stored(b"Code 486460".hex(), coding="8bit"),),
            (_sms(_OTHER, "Code 486460", STAMP_MS),),
        ),
        Case(
            "bytes_that_are_no_text",
            (Stored("0001FF", coding="8bit"),),
            (_sms(_OTHER, "0001FF", STAMP_MS),),
        ),
        Case(
            "compressed",
            (Stored("0001FF", coding="Default_Compression"),),
            (_sms(_OTHER, "0001FF", STAMP_MS, damaged=True),),
        ),
        Case(
            "half_a_character",
            (Stored("006100", header="050003AB0201"),),
            (_sms(_OTHER, "006100", STAMP_MS, damaged=True),),
        ),
        Case(
            "a_header_that_is_none",
            (Stored(hex_of("text"), header="0C0003"),),
            (_sms(_OTHER, "text", STAMP_MS),),
        ),
        Case(
            "a_time_that_is_none",
            (Stored(hex_of("text"), stamp="0000-00-00 00:00:00"),),
            (Inbound(MessageKind.SMS, NUMBER, _OTHER, "text", None, "SIM1:1"),),
        ),
        Case("an_answer_to_ussd", (Stored(hex_of("Balance: 0"), message_class=127),), ()),
    ),
    _connect,
    settings=SETTINGS | {"database": "/nowhere/smsd.db"},
)
