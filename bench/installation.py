"""Installations to measure: accounts, services, lines and a gateway, made through the flows."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.fault import BenchFault

from simlet.domain.principal import Tier
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.domain.signing import (
    TOKEN_RANDOM_BYTES,
    format_gateway_secret,
    format_token,
    hash_secret,
)
from simlet.flows.manage_accounts import (
    MAX_WAITING_LIMIT,
    add_account,
    approve_account,
    issue_token,
)
from simlet.flows.manage_gateways import add_gateway
from simlet.flows.manage_lines import import_lines
from simlet.flows.manage_services import add_service
from simlet.flows.top_up import top_up
from simlet.gateways.contract import Value
from simlet.gateways.registry import KINDS
from simlet.gateways.settings import check_settings
from simlet.store.database import Database, open_database
from simlet.store.lines import NewLine
from simlet.store.migrate import prepare

STORE = "01"
GATEWAY = "bench"
SMSC = "smsc"
WAITING_S = 3600
PRICE_DONG = 1450
_ACCOUNTS = ("an", "binh", "chi", "dung")
_SERVICES = (
    "Alo Chat", "Cho Nhanh", "Ghe Xe", "Hoa Mai", "Moc Shop", "Nha Tro", "Song Nhac", "Tra Sua",
)  # fmt: skip
_CELLS = (
    (1, "90"), (1, "93"), (2, "91"), (2, "94"), (3, "96"), (3, "97"), (3, "98"), (4, "56"),
    (4, "58"), (5, "59"),
)  # fmt: skip
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Installation:
    """A database in a file, and the secrets that open it.

    Attributes:
        tokens: one of each account, in the order of the accounts' ids.
        services: names of services, by id; the name is the sender as well.
    """

    path: Path
    tokens: tuple[str, ...]
    services: dict[int, str]
    gateway_secret: str

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"sqlite:///{self.path}"


async def make_installation(path: Path, lines: int, services: int) -> Installation:
    """Makes an installation in an empty file.

    Args:
        lines: how many; a multiple of 10, as each of ten cells gets as many.
        services: how many, up to 8; each can rent every line.
    """
    url = f"sqlite:///{path}"
    prepare(url)
    db = open_database(url)
    try:
        tokens = [await _add_account(db, name) for name in _ACCOUNTS]
        names = dict(enumerate(_SERVICES[:services], start=1))
        for service_id, name in names.items():
            await db.write(add_service, _service(service_id, name), _now_ms())
        secret = format_gateway_secret(secrets.token_bytes(TOKEN_RANDOM_BYTES))
        await db.write(add_gateway, GATEWAY, "http", {}, hash_secret(secret), _now_ms())
        await _import(db, lines)
    finally:
        await db.close()
    return Installation(path, tuple(tokens), names, secret)


async def add_smsc(installation: Installation, port: int) -> None:
    """Adds the gateway that looks for the SMSC on a port of this machine."""
    given: dict[str, Value] = {
        "host": "127.0.0.1",
        "port": port,
        "system_id": "bench",
        "password": "bench",
        "reconnect_max_s": 1.0,
    }
    db = open_database(installation.url)
    try:
        settings = check_settings(KINDS["smpp"], given)
        await db.write(add_gateway, SMSC, "smpp", settings, None, _now_ms())
    finally:
        await db.close()


async def _add_account(db: Database, name: str) -> str:
    await db.write(add_account, name, Tier.DEALER, MAX_WAITING_LIMIT, None, _now_ms())
    await db.write(approve_account, name, "bench", _now_ms())
    await db.write(top_up, name, 100_000_000_000, f"bench {name}", "for the bench", _now_ms())
    token = format_token(secrets.token_bytes(TOKEN_RANDOM_BYTES))
    await db.write(issue_token, name, hash_secret(token), _now_ms())
    return token


def _service(service_id: int, name: str) -> Service:
    prices = Prices(PRICE_DONG, PRICE_DONG, PRICE_DONG)
    rules = MatchRules(senders=(name,))
    return Service(
        service_id,
        STORE,
        name,
        prices,
        WAITING_S,
        rules,
        Category.GENERAL,
        paused=False,
        opened=False,
    )


async def _import(db: Database, count: int) -> None:
    rows = enumerate(_lines(count))
    while batch := list(islice(rows, _BATCH)):
        imported = await db.write(import_lines, batch, None, _now_ms())
        if imported.bad:
            raise BenchFault(f"{len(imported.bad)} lines were not taken")


def _lines(count: int) -> Iterator[NewLine]:
    """Lines cell by cell, which is how many are imported fastest."""
    each = count // len(_CELLS)
    for cell, (network_id, prefix) in enumerate(_CELLS):
        for index in range(each):
            iccid = f"8984{cell:02d}{index:013d}"
            number = f"+84{prefix}{index:07d}"
            yield NewLine(iccid, number, network_id, STORE, "Bench Ltd", "B-1")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
