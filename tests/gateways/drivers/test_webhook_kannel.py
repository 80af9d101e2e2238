"""Kannel itself (bearerbox, smsbox, fakesmsc), set up as our page says, and our whole server."""

import asyncio
import re
import socket
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from outages import no_writes
from peers import KANNEL_TESTS, needs_peer, program
from simlet.domain.signing import TOKEN_RANDOM_BYTES, format_gateway_secret, hash_secret
from simlet.flows.manage_gateways import add_gateway
from simlet.gateways.drivers.webhook import KIND
from simlet.gateways.settings import check_settings
from simlet.store.database import open_database
from simlet.testing.site import Site, site_of
from simlet.testing.world import Dealer, World

pytestmark = [pytest.mark.anyio, needs_peer("kannel")]

NUMBER = "84987654321"
RECORDED = Path(__file__).parent / "recorded"
PATIENCE_S = 30.0
SETTINGS = check_settings(KIND, {"template": "kannel"})
SECRET = format_gateway_secret(bytes(range(TOKEN_RANDOM_BYTES)))


@dataclass
class Wire:
    """Passes bytes between smsbox and our server, and remembers what was said."""

    port: int
    queries: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ids(self) -> list[str]:
        return [parse_qs(one)["id"][0] for one in self.queries]

    async def until_answered(self, count: int) -> None:
        """Waits until our server answered so many requests."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.statuses) < count:
                self._heard.clear()
                await self._heard.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of smsbox, to its end."""
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        passing = (
            asyncio.ensure_future(_pass(reader, outer, self._hear_request)),
            asyncio.ensure_future(_pass(inner, writer, self._hear_answer)),
        )
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in passing:
                one.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            outer.close()
            writer.close()

    def _hear_request(self, data: bytes) -> None:
        self.queries += [one.decode() for one in re.findall(rb"^GET [^ ?]+\?([^ ]+) ", data)]

    def _hear_answer(self, data: bytes) -> None:
        self.statuses += [int(one) for one in re.findall(rb"^HTTP/1\.1 (\d+)", data)]
        self._heard.set()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[bytes], None]
) -> None:
    while data := await reader.read(65_536):
        hear(data)
        writer.write(data)
        await writer.drain()


@dataclass
class Program:
    """What a program has said so far."""

    name: str
    said: list[bytes] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            self.said.append(line)
            self._heard.set()

    async def until_said(self, words: str) -> None:
        """Waits for a line with these words."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not any(words.encode() in line for line in self.said):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            last = b"".join(self.said[-20:]).decode("utf-8", "replace")
            pytest.fail(f"{self.name} did not say {words!r}:\n{last}")


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[Program]:
    """A program, which is killed at the end."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    program = Program(command[0])
    listening = asyncio.ensure_future(program.listen(process.stdout))
    try:
        yield program
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    with ExitStack() as held:
        listeners = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in listeners:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in listeners]


def config_of_our_page(address: str, smsc_port: int, ports: list[int], *, recode: bool) -> str:
    """What our set-up page says, with what every Kannel needs put in, and less patience."""
    page = KIND.setup.format(address=address, name="kannel", **SETTINGS)
    told = re.search(r"kannel: .*?\n\n(.*?)\n\nWithout", page, re.DOTALL)
    assert told is not None
    text = re.sub(r"\n +&", "&", told[1]).replace("    ", "").replace("SECRET", SECRET)
    admin_port, box_port, send_port = ports
    core = (
        f"group = core\nadmin-port = {admin_port}\nadmin-password = x\nsmsbox-port = {box_port}\n"
        "admin-interface = 127.0.0.1\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\n"
    )
    box = (
        "group = smsbox\nbearerbox-host = 127.0.0.1\n"
        f"bearerbox-port = {box_port}\nsendsms-port = {send_port}\n"
    )
    smsc = (
        f"group = smsc\nsmsc = fake\nsmsc-id = FAKE\nport = {smsc_port}\n"
        "connect-allow-ip = 127.0.0.1\n\n"
    )
    text = text.replace("group = core\n", core).replace("group = smsbox\n", smsc + box)
    text = text.replace("http-queue-delay = 10", "http-queue-delay = 1")
    return text.replace("mo-recode = false", f"mo-recode = {str(recode).lower()}") + "\n"


@dataclass(frozen=True, slots=True)
class Kannel:
    """A Kannel whose sms-service is a gateway of ours, and one line that can be rented."""

    site: Site
    wire: Wire
    dealer: Dealer
    smsc_port: int

    @asynccontextmanager
    async def sms(self, kind: str, data: str, sender: str = "VIETTEL") -> AsyncIterator[None]:
        """A message that comes to the SMSC; it is delivered inside the block."""
        said = f"{sender} {NUMBER} {kind} {data}"
        at = ("-H", "127.0.0.1", "-r", str(self.smsc_port))
        async with running(str(KANNEL_TESTS / "fakesmsc"), *at, "-m", "1", said) as smsc:
            await smsc.until_said("sent message 1")
            yield

    async def kept(self) -> list[tuple[str, str]]:
        """Senders and texts of all messages."""
        rows = await self.site.world.rows("SELECT sender, body FROM messages ORDER BY id")
        return [(str(row[0]), str(row[1])) for row in rows]


@asynccontextmanager
async def kannel_on(url: str, folder: Path, *, recode: bool = False) -> AsyncIterator[Kannel]:
    db = open_database(url, readers=2, pool_size=4, busy_timeout_s=0.05)
    try:
        async with site_of(World(db)) as site:
            world = site.world
            hashed, now_ms = hash_secret(SECRET), world.clock.now_ms()
            await db.write(add_gateway, "kannel", KIND.name, SETTINGS, hashed, now_ms)
            await world.service(4, senders=("VIETTEL",))
            await world.lines(NUMBER, gateway="kannel")
            dealer = await world.dealer()
            wire = Wire(int(site.base_url.rpartition(":")[2]))
            server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
            async with server:
                address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gateways/kannel"
                smsc_port, *ports = free_ports(4)
                file = folder / "kannel.conf"
                file.write_text(config_of_our_page(address, smsc_port, ports, recode=recode))
                async with running(program("bearerbox"), str(file)) as bearerbox:
                    await bearerbox.until_said("entering mainloop")
                    async with running(program("smsbox"), str(file)):
                        # Only now does a message find its way to smsbox.
                        await bearerbox.until_said("bb_boxc.c:boxc_sender) maps to")
                        yield Kannel(site, wire, dealer, smsc_port)
    finally:
        await db.close()


@pytest.fixture
async def kannel(database_url: str, tmp_path: Path) -> AsyncIterator[Kannel]:
    async with kannel_on(database_url, tmp_path) as kannel:
        yield kannel


async def test_a_message_from_kannel_gives_its_rental_the_code(kannel: Kannel) -> None:
    rented = await kannel.site.world.rent(kannel.dealer, 4)
    async with kannel.sms("text", "Ma OTP 059809 {x}"):
        await kannel.wire.until_answered(1)

    assert kannel.wire.statuses == [200]
    assert await kannel.kept() == [("VIETTEL", "Ma OTP 059809 {x}")]
    assert (await kannel.site.world.rental(kannel.dealer, rented.rental.id)).code == "059809"


async def test_smsbox_repeats_what_we_could_not_keep_and_it_is_kept_once(
    kannel: Kannel, database_url: str
) -> None:
    rented = await kannel.site.world.rent(kannel.dealer, 4)
    async with kannel.sms("text", "Ma OTP 059809"):
        with no_writes(database_url):
            await kannel.wire.until_answered(2)
        nothing_yet = await kannel.kept()
        await kannel.wire.until_answered(3)

    assert kannel.wire.statuses == [503, 503, 200]
    assert len(set(kannel.wire.ids)) == 1
    assert nothing_yet == []
    assert len(await kannel.kept()) == 1
    assert (await kannel.site.world.rental(kannel.dealer, rented.rental.id)).code == "059809"


@pytest.mark.parametrize("recode", [False, True])
async def test_vietnamese_comes_as_it_was_sent_whether_kannel_recodes_it_or_not(
    sqlite_url: str, tmp_path: Path, *, recode: bool
) -> None:
    text = "Mã xác thực của bạn là 059809 😀 + & %"
    async with kannel_on(sqlite_url, tmp_path, recode=recode) as kannel:
        async with kannel.sms("ucs2", quote(text.encode("utf-16-be"))):
            await kannel.wire.until_answered(1)
        assert await kannel.kept() == [("VIETTEL", text)]


async def test_half_a_character_costs_no_other_one(sqlite_url: str, tmp_path: Path) -> None:
    half = "Mả 1234 \ud83d"
    async with kannel_on(sqlite_url, tmp_path) as kannel:
        async with kannel.sms("ucs2", quote(half.encode("utf-16-be", "surrogatepass"))):
            await kannel.wire.until_answered(1)
        assert await kannel.kept() == [("VIETTEL", "Mả 1234 \ufffd")]


@pytest.mark.parametrize(
    ("name", "kind", "data", "recode"),
    [
        ("kannel_gsm", "text", "Ma OTP 059809 {x}", True),
        ("kannel_ucs2_recoded", "ucs2", quote("Mả 1234😀".encode("utf-16-be")), True),
        ("kannel_ucs2", "ucs2", quote("Mả 1234😀".encode("utf-16-be")), False),
        ("kannel_part_1", "udh-data", "%05%00%03%2A%02%01 part+one", True),
        ("kannel_part_2", "udh-text", "%05%00%03%2A%02%02 part two", True),
        ("kannel_8bit", "data", "caf%E9+%00", True),
    ],
)
async def test_kannel_says_what_was_recorded(
    sqlite_url: str, tmp_path: Path, name: str, kind: str, data: str, *, recode: bool
) -> None:
    async with kannel_on(sqlite_url, tmp_path, recode=recode) as kannel:
        async with kannel.sms(kind, data):
            await kannel.wire.until_answered(1)
        (query,) = kannel.wire.queries

    recorded = (RECORDED / f"{name}.query").read_text().replace("SECRET", SECRET)
    changing = re.compile(r"\b(id|ts)=[^&]*")
    assert changing.sub("", query) == changing.sub("", recorded)
