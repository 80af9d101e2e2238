"""A busy evening: rents, polls and messages from outside, beside their yardsticks.

What is compared is measured close together, in rounds, so that what else the machine does falls on
both alike.
"""

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from bench.deliver_sm import Flood, flood, free_port, write_messages
from bench.fault import BenchFault
from bench.hello import TEXT
from bench.installation import GATEWAY, STORE, Installation
from bench.load import CONNECTIONS, Load, Post, run_load
from bench.pgbench import Pgbench
from bench.server import Server
from bench.texts import messages, texts_for
from pysqlite3 import dbapi2 as sqlite3

from simlet.flows.check_books import check_books
from simlet.store.database import open_database

POLLED_RENTALS = 20_000
ON_THE_WAY = 5_000
"""How many rentals wait for their codes at the same time: a second's worth, as the codes come."""
_RIGHT = '"ResponseCode":1,'
_KEPT = '"result":"kept"'

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stretches:
    """How long each stretch of a round takes, in seconds."""

    pgbench_s: int
    rents_s: int
    polls_s: int
    messages_s: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one round gave, each a second; yardsticks stand on both sides of what they measure."""

    tps_before: float
    tps_after: float
    hello_before: float
    hello_after: float
    rents: Load
    polls: Load
    messages: Load
    deliver_sm: Flood
    deliver_sm_answered: Flood

    @property
    def rents_per_pgbench(self) -> float:
        """Rents for one transaction of pgbench."""
        return self.rents.per_s / mean((self.tps_before, self.tps_after))

    @property
    def messages_per_pgbench(self) -> float:
        """Messages for one transaction of pgbench."""
        return self.messages.per_s / mean((self.tps_before, self.tps_after))

    @property
    def deliver_sm_per_pgbench(self) -> float:
        """Messages from an SMSC for one transaction of pgbench."""
        return self.deliver_sm.per_s / mean((self.tps_before, self.tps_after))

    @property
    def deliver_sm_per_answer(self) -> float:
        """Messages from an SMSC, kept and settled, for one that is only answered."""
        return self.deliver_sm.per_s / self.deliver_sm_answered.per_s

    @property
    def polls_per_hello(self) -> float:
        """Polls for one request to the empty handler."""
        return self.polls.per_s / mean((self.hello_before, self.hello_after))


@dataclass(slots=True)
class Evening:
    """Runs rounds against one server, and makes sure that what it counts did happen."""

    installation: Installation
    server: Server
    hello: str
    pgbench: Pgbench
    stretches: Stretches
    say: Say
    smsc_port: int
    _tps: float | None = field(default=None)

    def round(self) -> Round:
        """One round.

        Raises:
            BenchFault: an answer was wrong, or the database holds something else.
        """
        tps_before = self._tps or self._measure_tps()
        rents = self._measure_rents()
        hello_before = self._measure_hello()
        polls = self._measure_polls()
        hello_after = self._measure_hello()
        posted = self._measure_messages()
        delivered, answered = self._measure_deliver_sm()
        self._tps = self._measure_tps()
        return Round(
            tps_before,
            self._tps,
            hello_before,
            hello_after,
            rents,
            polls,
            posted,
            delivered,
            answered,
        )

    def _measure_tps(self) -> float:
        self.say("pgbench")
        return self.pgbench.tps(self.stretches.pgbench_s)

    def _measure_hello(self) -> float:
        self.say("an empty handler")
        paths = self._file("hello", ["/"])
        return run_load(self.hello, paths, TEXT, max(1, self.stretches.polls_s // 2)).per_s

    def _measure_rents(self) -> Load:
        self.say("rents")
        paths = [
            f"/api/register-service/?serviceId={service}&token={token}"
            for token in self.installation.tokens
            for service in self.installation.services
        ]
        random.shuffle(paths)
        before = self._count("SELECT count(*) FROM rentals")
        load = self._load(self._file("rents", paths), _RIGHT, self.stretches.rents_s)
        self._compare("rents", load, self._count("SELECT count(*) FROM rentals") - before)
        return load

    def _measure_polls(self) -> Load:
        self.say("polls")
        waiting = self._rows(
            "SELECT id, account_id FROM rentals WHERE state = 'waiting' ORDER BY random() LIMIT ?",
            POLLED_RENTALS,
        )
        tokens = dict(zip(self._account_ids(), self.installation.tokens, strict=True))
        paths = [
            f"/api/?show=code&ID={rental}.{STORE}&token={tokens[account]}"
            for rental, account in waiting
        ]
        return self._load(self._file("polls", paths), _RIGHT, self.stretches.polls_s)

    def _measure_deliver_sm(self) -> tuple[Flood, Flood]:
        self.say("deliver_sm")
        path = self.installation.path.with_name("deliver_sm.lines")
        write_messages(path, texts_for(self._waiting()))
        received = "SELECT count(*) FROM rentals WHERE state = 'received'"
        before = self._count(received)
        delivered = flood(self.smsc_port, path, self.stretches.messages_s)
        settled = self._count(received) - before
        # Where rentals run out, what follows is sent again and attached at no cost; what was under
        # way when wrk stopped had settled some of them before.
        if settled < min(delivered.acked, len(path.read_text().splitlines())) - CONNECTIONS:
            raise BenchFault(f"{delivered.acked} deliver_sm were answered, and {settled} settled")
        answered = flood(free_port(), path, self.stretches.messages_s, client=True)
        return delivered, answered

    def _waiting(self) -> list[tuple[str, str]]:
        """Numbers and services of what waits, in the order in which codes come.

        A code comes some seconds after its renting: nearly in the order of the rentings.
        """
        names = self.installation.services
        waiting = self._rows("SELECT id, number, service_id FROM rentals WHERE state = 'waiting'")
        waiting.sort(key=lambda row: row[0] + random.randrange(ON_THE_WAY))
        return [(number, names[service]) for _, number, service in waiting]

    def _measure_messages(self) -> Load:
        self.say("messages")
        bodies = messages(self._waiting())
        received = "SELECT count(*) FROM rentals WHERE state = 'received'"
        before = self._count(received)
        lines = self._file("messages", [body.decode() for body in bodies])
        post = Post(f"/gateways/{GATEWAY}/messages", self.installation.gateway_secret)
        load = self._load(lines, _KEPT, self.stretches.messages_s, post)
        self._compare("messages", load, self._count(received) - before)
        return load

    def _load(self, lines: Path, expected: str, seconds: int, post: Post | None = None) -> Load:
        return run_load(self.server.address, lines, expected, seconds, post)

    def _compare(self, what: str, load: Load, kept: int) -> None:
        """What was under way at the end may have been kept without its answer being read."""
        if not load.good <= kept <= load.good + CONNECTIONS:
            raise BenchFault(f"{load.good} {what} were answered, and {kept} are in the database")

    def _file(self, name: str, lines: list[str]) -> Path:
        path = self.installation.path.with_name(f"{name}.lines")
        path.write_text("\n".join(lines) + "\n")
        return path

    def _account_ids(self) -> list[int]:
        return [row[0] for row in self._rows("SELECT account_id FROM tokens ORDER BY id")]

    def _count(self, statement: str) -> int:
        count: int = self._rows(statement)[0][0]
        return count

    def _rows(self, statement: str, *inputs: Any) -> list[Any]:
        with closing(sqlite3.connect(str(self.installation.path))) as connection:
            rows: list[Any] = connection.execute(statement, inputs).fetchall()
        return rows


async def check_kept(installation: Installation) -> None:
    """Makes sure that the books agree, and that no message stayed without its rental.

    Raises:
        BenchFault: they do not.
    """
    db = open_database(installation.url)
    try:
        findings = await db.read(check_books)
    finally:
        await db.close()
    with closing(sqlite3.connect(str(installation.path))) as connection:
        (lost,) = connection.execute(
            "SELECT count(*) FROM messages WHERE quarantine IS NOT NULL"
        ).fetchone()
    if lost:
        findings.append(f"{lost} messages are in quarantine")
    if findings:
        raise BenchFault("; ".join(findings[:5]))
