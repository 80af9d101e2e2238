"""The server as a process: how it starts, how it ends, and what is left when it is killed."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Protocol

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from outages import no_writes
from simlet.store.database import open_database
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NURSERY = Path(__file__).with_name("nursery.py")
PATIENCE_S = 30.0
EXIT_WITHIN_S = 10.0
BALANCE_DONG = 1_000_000_000
SERVICES = {4: "Yahoo", 5: "Zalo", 6: "Shopee"}
RENTERS = 12


# A server in a process of its own


@dataclass
class Server:
    """A running server."""

    pid: int
    address: str
    nursery: "Nursery"

    def send(self, signal_number: signal.Signals) -> None:
        os.kill(self.pid, signal_number)

    async def ended(self) -> int:
        """The exit code, once it ended; below zero it is a signal's number."""
        word, code = await _words(self.nursery.process)
        assert word == "ended"
        self.nursery.running = None
        return int(code)

    async def stop(self) -> int:
        self.send(signal.SIGTERM)
        return await self.ended()


@dataclass
class Nursery:
    """Starts one server after another, all with the same settings."""

    process: Process
    log: Path
    running: Server | None = None

    async def start(self) -> Server:
        assert self.process.stdin is not None
        self.process.stdin.write(b"start\n")
        words = await _words(self.process)
        assert words[0] == "begun", self.log.read_text()
        self.running = Server(int(words[1]), words[2], self)
        return self.running

    async def close(self) -> None:
        """Ends it, and the server that a failed test left."""
        if self.running is not None:
            self.running.send(signal.SIGKILL)
        self.process.kill()
        await self.process.communicate()


async def _words(process: Process) -> list[str]:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    return line.decode().split()


def settings(url: str, **others: object) -> dict[str, str]:
    """An environment with these settings and no others."""
    given = {"listen": "127.0.0.1:0", "database_url": url, "web_processes": 1, **others}
    plain = {name: text for name, text in os.environ.items() if not name.startswith("SIMLET_")}
    return plain | {f"SIMLET_{name.upper()}": str(value) for name, value in given.items()}


@asynccontextmanager
async def nursery_of(url: str, folder: Path, **others: object) -> AsyncIterator[Nursery]:
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(NURSERY),
            stdin=PIPE,
            stdout=PIPE,
            stderr=stream,
            cwd=folder,
            env=settings(url, **others),
        )
    nursery = Nursery(process, log)
    try:
        yield nursery
    finally:
        await nursery.close()


# What the servers work with


@dataclass
class Installation:
    """A database with a dealer, a gateway and lines, made before any server runs."""

    url: str
    dealer: Dealer
    secret: str


async def install(url: str, *, waiting_s: int, callback_url: str | None = None) -> Installation:
    async with _world(url) as world:
        for service_id, name in SERVICES.items():
            await world.service(service_id, name=name, waiting_s=waiting_s)
        await world.lines(*(f"0967{one:06}" for one in range(2000)))
        dealer = await world.dealer(
            balance_dong=BALANCE_DONG, waiting_limit=1_000_000, callback_url=callback_url
        )
        _, secret = await world.gateway()
        return Installation(url, dealer, secret)


@asynccontextmanager
async def _world(url: str) -> AsyncIterator[World]:
    db = open_database(url, readers=1, pool_size=2)
    try:
        world = World(db)
        world.clock.set_now_ms(time.time_ns() // 1_000_000)
        yield world
    finally:
        await db.close()


class Addressed(Protocol):
    """A server that has an address."""

    @property
    def address(self) -> str: ...


@dataclass
class Shop:
    """Dealers and gateways at work: what they were answered is written down here.

    Attributes:
        watch: is called after each answer that says something was done.
    """

    installation: Installation
    random: Random
    watch: Callable[[], None] = lambda: None
    address: str = ""
    client: aiohttp.ClientSession = field(init=False)
    rented: dict[int, str] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    refunded: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    strange: list[Any] = field(default_factory=list)
    _ids: Any = field(default_factory=count)

    @property
    def acknowledged(self) -> int:
        return len(self.rented) + len(self.kept) + len(self.codes) + len(self.refunded)

    async def work(self, server: Addressed) -> None:
        """Works until the server is gone."""
        self.address = server.address
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as self.client:
            await asyncio.gather(*[self._until_gone() for _ in range(RENTERS)])

    async def _until_gone(self) -> None:
        with suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            while True:
                await self._rent()
                if self.waiting:
                    await self._look_at(self.waiting.pop(0))

    async def _rent(self) -> None:
        service_id = self.random.choice(list(SERVICES))
        answer = await self.get(f"register-service/?serviceId={service_id}")
        if answer["status_code"] != 200:
            self.strange.append(answer)
            return
        rental_id, number = int(answer["data"]["request_id"]), answer["data"]["phone_number"]
        self.rented[rental_id] = number
        self.watch()
        if self.random.random() < 0.6:
            await self._send(number, SERVICES[service_id])
        self.waiting.append(rental_id)

    async def _send(self, number: str, sender: str) -> None:
        code = f"{self.random.randrange(10**6):06}"
        message = {
            "id": f"m{next(self._ids)}",
            "to": number,
            "from": sender,
            "text": f"Your {sender} code is {code}",
        }
        status, answer = await self.post([message])
        if (status, answer) != (200, {"results": [{"result": "kept"}]}):
            self.strange.append(answer)
            return
        self.kept[message["id"]] = message
        self.watch()

    async def _look_at(self, rental_id: int) -> None:
        answer = await self.get(f"?show=code&ID={rental_id}")
        match answer["ResponseCode"]:
            case 0:
                self.codes[rental_id] = answer["Result"]["Code"]
            case 1:
                self.waiting.append(rental_id)
            case 2:
                self.refunded.add(rental_id)
            case _:
                self.strange.append(answer)
        self.watch()

    async def get(self, path_and_query: str) -> Any:
        """What the first API answers to the dealer."""
        headers = {"authorization": f"Bearer {self.installation.dealer.token}"}
        url = URL(f"{self.address}/api/{path_and_query}", encoded=True)
        async with self.client.get(url, headers=headers) as answer:
            return await answer.json()

    async def post(self, messages: list[dict[str, str]]) -> tuple[int, Any]:
        """What the gateway's address answers."""
        headers = {"authorization": f"Bearer {self.installation.secret}"}
        url = f"{self.address}/gateways/gate/messages"
        async with self.client.post(url, headers=headers, json=messages) as answer:
            return answer.status, await answer.json()

    async def check(self, server: Addressed) -> None:
        """Everything that was acknowledged is there, as it was acknowledged."""
        self.address = server.address
        async with aiohttp.ClientSession() as self.client:
            for rental_id in self.rented:
                answer = await self.get(f"?show=code&ID={rental_id}")
                assert answer["data"]["Phone"] == self.rented[rental_id]
                if rental_id in self.codes:
                    assert answer["Result"]["Code"] == self.codes[rental_id]
                if rental_id in self.refunded:
                    assert answer["ResponseCode"] == 2
            messages = list(self.kept.values())
            if messages:
                _, answer = await self.post(messages)
                assert Counter(one["result"] for one in answer["results"]) == {
                    "duplicate": len(messages)
                }

    def forget(self) -> None:
        """What was checked need not be checked again; what waits is looked at later."""
        self.rented, self.kept, self.codes, self.refunded = {}, {}, {}, set()


async def books_are_right(url: str) -> None:
    """The books agree, and no rental was both settled and released."""
    async with _world(url) as world:
        assert await world.book_findings() == []
        twice = await world.rows(
            "SELECT rental_id FROM postings WHERE kind <> 'hold' AND rental_id IS NOT NULL "
            "GROUP BY rental_id HAVING count(*) > 1"
        )
        assert twice == []


# Killed


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("kind", "rounds", "processes"), [("sqlite", 20, 1), ("sqlite", 4, 2), ("postgres", 6, 1)]
)
async def test_a_server_that_is_killed_loses_nothing_it_acknowledged(
    kind: str, rounds: int, processes: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    random = Random(20261123)
    shop = Shop(await install(url, waiting_s=1), random)
    told: Counter[str] = Counter()
    async with nursery_of(url, tmp_path, web_processes=processes) as nursery:
        for _ in range(rounds):
            server = await nursery.start()
            await shop.check(server)
            shop.forget()
            await _kill_at_work(shop, server, random.randint(50, 250))
            told.update(
                rents=len(shop.rented),
                messages=len(shop.kept),
                codes=len(shop.codes),
                refunds=len(shop.refunded),
            )
            await books_are_right(url)
        server = await nursery.start()
        await shop.check(server)
        assert await server.stop() == 0
    await books_are_right(url)
    assert shop.strange == []
    # It was a load: each sort of thing happened in every round, more or less.
    assert min(told.values()) > rounds
    assert set(told) == {"rents", "messages", "codes", "refunds"}


async def _kill_at_work(shop: Shop, server: Server, after: int) -> None:
    """Kills the server at the moment when so many things were acknowledged."""

    def watch() -> None:
        if shop.acknowledged == after:
            server.send(signal.SIGKILL)

    shop.watch = watch
    await asyncio.wait_for(shop.work(server), PATIENCE_S)
    assert await server.ended() == -signal.SIGKILL


# Stopped


async def test_a_server_that_is_stopped_answers_whatever_it_did(
    database_url: str, tmp_path: Path
) -> None:
    random = Random(7)
    shop = Shop(await install(database_url, waiting_s=300), random)
    async with nursery_of(database_url, tmp_path) as nursery:
        server = await nursery.start()

        def watch() -> None:
            if shop.acknowledged == 300:
                server.send(signal.SIGTERM)

        shop.watch = watch
        await asyncio.wait_for(shop.work(server), PATIENCE_S)
        began = time.monotonic()
        assert await server.ended() == 0
        assert time.monotonic() - began < EXIT_WITHIN_S

    assert shop.strange == []
    async with _world(database_url) as world:
        rentals = await world.rows("SELECT id FROM rentals")
        messages = await world.rows("SELECT count(*) FROM messages")
    # What the server did and what it answered are the same: no request was dropped half-way.
    assert {row[0] for row in rentals} == set(shop.rented)
    assert messages[0][0] == len(shop.kept)
    await books_are_right(database_url)


async def test_nothing_that_hangs_holds_up_the_end(database_url: str, tmp_path: Path) -> None:
    async with _receiver(hang=True) as receiver:
        installed = await install(database_url, waiting_s=300, callback_url=receiver.url)
        async with nursery_of(
            database_url,
            tmp_path,
            web_shutdown_grace_s=1,
            callbacks_private_networks="127.0.0.0/8",
        ) as nursery:
            server = await nursery.start()
            url = URL(server.address)
            _, idle = await asyncio.open_connection(url.host, url.port)
            reader, half = await asyncio.open_connection(url.host, url.port)
            half.write(
                b"POST /gateways/gate/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n["
            )
            shop = Shop(installed, Random(1))
            await _one_round(shop, server)
            await asyncio.wait_for(receiver.came.wait(), PATIENCE_S)
            began = time.monotonic()
            code = await server.stop()
            took_s = time.monotonic() - began
            half.close()
            idle.close()
            assert await reader.read() is not None
            receiver.goes_on.set()

    assert code == 0
    assert took_s < EXIT_WITHIN_S
    async with _world(database_url) as world:
        (row,) = await world.rows("SELECT state, attempts, last_status FROM callbacks")
        # Nobody knows whether it arrived: it is posted again.
        assert tuple(row) == ("pending", 1, None)


async def _one_round(shop: Shop, server: Server) -> int:
    """Rents a number and receives its code."""
    shop.address = server.address
    async with aiohttp.ClientSession() as shop.client:
        answer = await shop.get("register-service/?serviceId=4")
        await shop._send(answer["data"]["phone_number"], "Yahoo")
        return int(answer["data"]["request_id"])


@dataclass
class _Receiver:
    """A dealer's server; it says when a callback came."""

    url: str = ""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.came.set()
        await self.goes_on.wait()
        return web.Response()


@asynccontextmanager
async def _receiver(*, hang: bool) -> AsyncIterator[_Receiver]:
    receiver = _Receiver()
    if not hang:
        receiver.goes_on.set()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?key=Hidden-Key-Of-The-Dealer"
    try:
        yield receiver
    finally:
        receiver.goes_on.set()
        await runner.cleanup()


# Started, or not


def simlet_serve(env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`simlet serve`, which must end by itself."""
    return subprocess.run(
        [sys.executable, "-c", "from simlet.cli import main; main()", "serve"],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_an_address_in_use_is_told_in_a_sentence(sqlite_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = simlet_serve(settings(sqlite_url, listen=listen), tmp_path)
    assert done.returncode not in {0, 1}
    assert done.stdout == ""
    assert f"Cannot listen on {listen}: Address already in use." in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_settings_stop_the_start_with_their_names(sqlite_url: str, tmp_path: Path) -> None:
    env = settings(sqlite_url, web_body_limit_bytes="plenty", expiry_tik_s="0.1")
    done = simlet_serve(env, tmp_path)
    assert done.returncode == 2
    assert "web.body_limit_bytes (from SIMLET_WEB_BODY_LIMIT_BYTES): text" in done.stderr
    assert "a whole number from 1024" in done.stderr
    assert "SIMLET_EXPIRY_TIK_S" in done.stderr
    assert "Traceback" not in done.stderr


# The log


WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)


@dataclass
class _Visit:
    """Everything that can happen to a server once, and what of it must stay out of its log."""

    shop: Shop
    server: Server
    secrets: dict[str, str] = field(default_factory=dict)

    async def sms(self, rental: Any) -> None:
        self.secrets |= {"code": "486460", "text": "Hello-dear-customer"}
        body = {
            "to": rental["phone_number"],
            "from": "Yahoo",
            "text": "Hello-dear-customer, your Yahoo code is 486460",
        }
        assert (await self.shop.post([body]))[0] == 200

    async def call(self, rental: Any) -> str:
        self.secrets |= {"transcript": "lovely-transcript", "spoken code": "771904"}
        form = aiohttp.FormData()
        form.add_field("to", rental["phone_number"])
        form.add_field("from", "Zalo")
        form.add_field("transcript", "lovely-transcript your Zalo code is 771904")
        form.add_field("recording", WAV, filename="a.wav", content_type="audio/wav")
        assert await self.gateway("calls", form, self.shop.installation.secret) == 200
        answer = await self.shop.get(f"?show=code&ID={rental['request_id']}")
        url: str = answer["Result"]["CallFile"]
        async with self.shop.client.get(url) as recording:
            assert await recording.read() == WAV
        self.secrets["recording"] = url.rpartition("/")[2].removesuffix(".wav")
        return url

    async def gateway(self, route: str, data: Any, secret: str) -> int:
        url = f"{self.server.address}/gateways/gate/{route}"
        headers = {"authorization": f"Bearer {secret}"}
        async with self.shop.client.post(url, data=data, headers=headers) as answer:
            return answer.status

    async def mistakes(self, number: str) -> None:
        wrong = {
            "wrong secret": "simlet_gw_Tr0ub4dor",
            "wrong token": "simlet_Xyzzy123456",
            "cut text": "Half-a-message",
        }
        self.secrets |= wrong
        cut = b'[{"to":"%s","from":"Yahoo","text":"Half-a-message 918273' % number.encode()
        secret = self.shop.installation.secret
        assert await self.gateway("messages", cut, wrong["wrong secret"]) == 401
        assert await self.gateway("messages", cut, secret) == 400
        for path in (f"/api/?show=balance&token={wrong['wrong token']}", "/recordings/x.wav"):
            async with self.shop.client.get(URL(self.server.address + path)) as answer:
                assert answer.status in {200, 404}
        reader, writer = await asyncio.open_connection(
            URL(self.server.address).host, URL(self.server.address).port
        )
        writer.write(f"NONSENSE {number} {wrong['wrong token']}\r\n\r\n".encode())
        assert await reader.read() != b""
        writer.close()

    async def faults(self, number: str) -> None:
        self.secrets |= {"lost text": "Never-to-be-kept", "lost code": "665544"}
        lost = msgspec.json.encode(
            {"to": number, "from": "Yahoo", "text": "Never-to-be-kept: code 665544"}
        )
        with no_writes(self.shop.installation.url):
            answer = await self.shop.get("register-service/?serviceId=4")
            assert answer["status_code"] == -1
            assert await self.gateway("messages", lost, self.shop.installation.secret) == 200


async def test_the_log_of_a_full_round_holds_nothing_personal(
    database_url: str, tmp_path: Path
) -> None:
    async with _receiver(hang=False) as receiver:
        installed = await install(database_url, waiting_s=300, callback_url=receiver.url)
        async with nursery_of(
            database_url,
            tmp_path,
            log_level="debug",
            database_busy_timeout_s=0.2,
            callbacks_private_networks="127.0.0.0/8",
        ) as nursery:
            server = await nursery.start()
            shop = Shop(installed, Random(1), address=server.address)
            visit = _Visit(shop, server)
            async with aiohttp.ClientSession() as shop.client:
                rents = [
                    (await shop.get(f"register-service/?serviceId={one}"))["data"] for one in (4, 5)
                ]
                await visit.sms(rents[0])
                await visit.call(rents[1])
                await visit.mistakes(rents[0]["phone_number"])
                await visit.faults(rents[0]["phone_number"])
            while len(receiver.bodies) < 2:
                receiver.came.clear()
                await asyncio.wait_for(receiver.came.wait(), PATIENCE_S)
            assert await server.stop() == 0
            log = nursery.log.read_text()

    lines = [msgspec.json.decode(line) for line in log.splitlines()]
    events = {line["event"] for line in lines}
    assert {"started", "stopping", "stopped", "callback_posted", "call_failed"} <= events
    assert {"message_not_written", "messages_spooled"} <= events
    assert "Traceback" in log
    hidden = visit.secrets | {
        "token": installed.dealer.token,
        "the token without its mark": installed.dealer.token.removeprefix("simlet_"),
        "gateway secret": installed.secret.removeprefix("simlet_gw_"),
        "signing secret": installed.dealer.callback_secret.removeprefix("whsec_"),
        "callback key": "Hidden-Key",
        "first number": rents[0]["phone_number"],
        "second number": rents[1]["phone_number"],
    }
    assert [what for what, text in hidden.items() if text in log] == []
    # Nor any other run of digits in a text, which could be a number or a code.
    texts = [
        text
        for line in lines
        for name, text in line.items()
        if isinstance(text, str) and name != "time"
    ]
    assert [text for text in texts if re.search(r"\d{6}", text)] == []
