"""Many modems at once: from the modem's word that there is a message to the settled rental.

The modems are pretend ones on pseudo-terminals, all in a process of their own.
"""

import asyncio
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import IO

import msgspec
from bench.fault import BenchFault
from bench.installation import Installation
from bench.server import Server, running_server
from pysqlite3 import dbapi2 as sqlite3

from simlet.clock import SystemClock
from simlet.domain.principal import Tier
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.flows.manage_accounts import add_account, approve_account
from simlet.flows.manage_gateways import add_gateway
from simlet.flows.manage_lines import import_lines
from simlet.flows.manage_services import add_service
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.top_up import top_up
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_settings
from simlet.store.database import open_database
from simlet.store.lines import NewLine
from simlet.store.migrate import prepare
from simlet.store.sql import Raised

MODEMS = 64
RATE = 1.0
SENDER = "VIETTEL"
_LOOK_S = 0.002
_LATEST_S = 30.0
_SETTLED = (
    "SELECT m.id, m.body FROM messages m JOIN rentals r ON r.message_id = m.id "
    "WHERE m.id > ? AND r.state = 'received' ORDER BY m.id"
)


@dataclass(frozen=True, slots=True)
class Modems:
    """What was measured.

    Attributes:
        settled_ms: for each message the time from +CMTI until the settled rental could be read.
        memory_mb: what the server's processes had in memory at the end.
    """

    settled_ms: list[float]
    memory_mb: float

    def share_ms(self, share: float) -> float:
        """The time within which a share of the messages was settled."""
        inside = int((len(self.settled_ms) - 1) * share)
        return sorted(self.settled_ms)[inside]


def measure_modems(folder: Path, seconds: int) -> Modems:
    """Runs the modems for some seconds, each with a message a second that answers a rental.

    Raises:
        BenchFault: a message was not settled.
    """
    folder.mkdir()
    path = folder / "simlet.db"
    command = [sys.executable, "-m", "simlet.testing.modem"]
    command += ["--ports", f"{MODEMS}", "--rate", f"{RATE}", "--seconds", f"{seconds}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as rack:
        assert rack.stdout is not None
        try:
            first = msgspec.json.decode(rack.stdout.readline())
            asyncio.run(_install(path, first["ports"], first["iccids"], seconds))
            installation = Installation(path, (), {}, "")
            with running_server(installation) as server:
                return _measured(rack.stdout, path, server)
        finally:
            rack.kill()


def _measured(said: IO[str], path: Path, server: Server) -> Modems:
    told: dict[str, float] = {}
    seen: dict[str, float] = {}
    ended = Event()
    watching = Thread(target=_watch, args=(path, seen, ended))
    watching.start()
    try:
        for line in said:
            fields = msgspec.json.decode(line)
            if "messages" in fields:
                break
            told[fields["text"]] = fields["at_ms"]
        latest_s = time.monotonic() + _LATEST_S
        while len(seen) < len(told) and time.monotonic() < latest_s:
            time.sleep(_LOOK_S)
    finally:
        ended.set()
        watching.join()
    lost = told.keys() - seen.keys()
    if lost or not told:
        raise BenchFault(f"{len(lost)} of {len(told)} messages from modems settled nothing")
    return Modems([seen[text] - at_ms for text, at_ms in told.items()], server.memory_mb())


def _watch(path: Path, seen: dict[str, float], ended: Event) -> None:
    """Notes when each settled message can first be read."""
    with closing(sqlite3.connect(str(path))) as connection:
        last = 0
        while not ended.is_set():
            rows = connection.execute(_SETTLED, (last,)).fetchall()
            now_ms = time.time() * 1000
            for message_id, text in rows:
                seen[text] = now_ms
                last = message_id
            ended.wait(_LOOK_S)


async def _install(path: Path, ports: list[str], iccids: list[str], seconds: int) -> None:
    """A line for each modem, and on each as many waiting rentals as messages will come."""
    url = f"sqlite:///{path}"
    prepare(url)
    now_ms = SystemClock().now_ms()
    db = open_database(url)
    try:
        await db.write(add_account, "an", Tier.DEALER, len(ports) * seconds, None, now_ms)
        await db.write(approve_account, "an", "bench", now_ms)
        await db.write(top_up, "an", 1_000_000_000, "bench", "for the bench", now_ms)
        settings = check_settings(KINDS["modem"], {"ports": ",".join(ports)})
        await db.write(add_gateway, "rack", "modem", settings, None, now_ms)
        lines = [
            (at, NewLine(iccid, f"+8490{at:07}", 1, "01", "bench", "bench"))
            for at, iccid in enumerate(iccids)
        ]
        await db.write(import_lines, lines, "rack", now_ms)
        for service_id in range(1, seconds + 1):
            await db.write(add_service, _service(service_id), now_ms)
        chance = Random(1).randrange
        wanted = [RentRequest(1, one) for one in range(1, seconds + 1) for _ in ports]
        rented = await db.write_all(lambda tx, one: rent_number(tx, one, now_ms, chance), wanted)
        failed = [one for one in rented if isinstance(one, Raised)]
        if failed:
            raise BenchFault(f"{len(failed)} numbers could not be rented: {failed[0].error}")
    finally:
        await db.close()


def _service(service_id: int) -> Service:
    rules = MatchRules(senders=(SENDER,))
    name = f"Service {service_id}"
    return Service(
        service_id, "01", name, Prices(1, 1, 1), 3600, rules, Category.GENERAL, False, False
    )
