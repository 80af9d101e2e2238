"""The real gammu-smsd, with its dummy phone: messages are files that are put into a folder."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from peers import program

SCHEMA = Path("/usr/share/doc/gammu-smsd/examples/sqlite.sql")
PHONE_ID = "SIM1"
WITHIN_S = 30.0
TICK_S = 0.05
_SERVICES = {
    "sql": "service = sql\ndriver = sqlite3\ndbdir = {folder}\ndatabase = smsd.db\n",
    "files": "service = files\ninboxpath = {folder}/inbox/\ninboxformat = unicode\n",
}
_CONFIGURATION = """\
[gammu]
device = {folder}/phone
connection = none
model = dummy
[smsd]
logfile = {folder}/log
debuglevel = 255
phoneid = {phone}
commtimeout = 1
receivefrequency = 1
statusfrequency = 1
multiparttimeout = 3
"""
_MESSAGE = """\
[SMSBackup000]
SMSC = "+84980200030"
Sent = {sent}
State = UnRead
Number = "{sender}"
NumberUnicode = {sender_hex}
Name = ""
{texts}
Coding = {coding}
Folder = 1
Length = {length}
Class = -1
ReplySMSC = False
RejectDuplicates = False
ReplaceMessage = 0
MessageReference = 0
UDH = {header}
"""
_HEX_CHARS_OF_A_LINE = 200


@dataclass(frozen=True, slots=True)
class Smsd:
    """A daemon's folder: its configuration, its phone, and its database.

    Its clock's zone is Vietnam's; the dummy phone's times are UTC.
    """

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Smsd":
        for number in range(1, 6):
            (folder / "phone" / "sms" / str(number)).mkdir(parents=True)
        (folder / "inbox").mkdir()
        with closing(sqlite3.connect(folder / "smsd.db")) as connection:
            connection.executescript(SCHEMA.read_text("utf-8"))
        return cls(folder)

    @property
    def database(self) -> Path:
        return self.folder / "smsd.db"

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def left_on_phone(self) -> list[str]:
        return sorted(one.name for one in (self.folder / "phone" / "sms" / "1").iterdir())

    def rows(
        self, columns: str = "ID, Processed", table: str = "inbox"
    ) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()

    def receive(
        self,
        place: int,
        text: str,
        sender: str = "+84987654321",
        *,
        header: str = "",
        sent: str = "20261123T090000",
    ) -> None:
        """The phone receives a short message, or a part of a long one."""
        octets = text.encode("utf-16-be", "surrogatepass")
        hexed = octets.hex().upper()
        starts = range(0, len(hexed), _HEX_CHARS_OF_A_LINE)
        message = _MESSAGE.format(
            sent=sent,
            sender=sender,
            sender_hex=sender.encode("utf-16-be").hex().upper(),
            texts="\n".join(
                f"Text{number:02} = {hexed[start : start + _HEX_CHARS_OF_A_LINE]}"
                for number, start in enumerate(starts)
            ),
            coding="Unicode",
            length=len(octets) // 2,
            header=header,
        )
        partial = self.folder / f"message{place}"
        partial.write_text(message.replace("UDH = \n", ""), "utf-8")
        partial.rename(self.folder / "phone" / "sms" / "1" / str(place))

    @contextmanager
    def running(self, hook: str = "", service: str = "sql") -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, and ended with whatever it started.

        Args:
            hook: what it runs for each message, as `RunOnReceive` has it.
        """
        configuration = (
            _CONFIGURATION + _SERVICES[service] + ("runonreceive = {hook}\n" * bool(hook))
        )
        file = self.folder / "smsdrc"
        file.write_text(
            configuration.format(folder=self.folder, phone=PHONE_ID, hook=hook), "utf-8"
        )
        with subprocess.Popen(
            [program("gammu-smsd"), "-c", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"TZ": "Asia/Ho_Chi_Minh"},
            start_new_session=True,
        ) as daemon:
            try:
                yield daemon
            finally:
                end(daemon)


def end(daemon: subprocess.Popen[bytes]) -> None:
    """Ends a daemon at once, and what it runs: nothing of it may outlive a test."""
    try:
        os.killpg(daemon.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    daemon.wait()


async def until(condition: Callable[[], object]) -> None:
    """Waits until something can be seen of another process.

    Raises:
        TimeoutError: it does not come.
    """
    with anyio.fail_after(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - another process sets no event of ours
            await anyio.sleep(TICK_S)
