"""What a setting may be where its type alone does not say it."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

DatabaseKind = Literal["sqlite", "postgresql"]

SQLITE = "sqlite:///"
_LISTEN = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?")
_ONLY_NUMBERS = re.compile(r"[0-9.]+")
_DATABASE_URL = re.compile(r"(?:sqlite:///[^?#\x00-\x1f]+|postgresql://[^\s\x00-\x1f]+)")
_TOKEN = re.compile(r"[!-~]{16,200}")
_WIDEST_MASK = {4: 8, 6: 7}


def parse_listen(text: str) -> tuple[str, int]:
    parts = _LISTEN.fullmatch(text)
    if parts is None or int(parts[3]) > 65535:
        raise ValueError
    if parts[1]:
        return str(ipaddress.IPv6Address(parts[1])), int(parts[3])
    if _ONLY_NUMBERS.fullmatch(parts[2]):
        return str(ipaddress.IPv4Address(parts[2])), int(parts[3])
    if not _HOST_NAME.fullmatch(parts[2]):
        raise ValueError
    return parts[2], int(parts[3])


def parse_database_url(text: str) -> DatabaseKind:
    if not _DATABASE_URL.fullmatch(text) or text == "sqlite:///:memory:":
        raise ValueError
    return "sqlite" if text.startswith(SQLITE) else "postgresql"


def _parse_public_url(text: str) -> None:
    if not text:
        return
    url = urlsplit(text)
    right = (
        text.startswith(("http://", "https://"))
        and text.isprintable()
        and not re.search(r"[\s?#\\@]", text)
        and not text.endswith("/")
        and url.hostname
        and url.port != 0
    )
    if not right:
        raise ValueError


def _parse_network(text: str) -> None:
    network = ipaddress.ip_network(text)
    if network.prefixlen < _WIDEST_MASK[network.version]:
        raise ValueError


def _parse_folder(text: str) -> None:
    if not text.isprintable():
        raise ValueError


def _parse_token(text: str) -> None:
    if text and not _TOKEN.fullmatch(text):
        raise ValueError


@dataclass(frozen=True)
class Rule:
    """What a text must be beyond text; `parse` raises ValueError where it is not."""

    expected: str
    parse: Callable[[str], object]
    secret: bool = False

    def meta(self) -> Meta:
        return Meta(extra={"rule": self})


Listen = Annotated[
    str,
    Rule(
        "host:port with a port from 0 to 65535, for example 127.0.0.1:8080 or [::1]:8080,",
        parse_listen,
    ).meta(),
]
DatabaseUrl = Annotated[
    str,
    Rule(
        "sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/name",
        parse_database_url,
        secret=True,
    ).meta(),
]
PublicUrl = Annotated[
    str,
    Rule(
        "an http:// or https:// address without closing slash, user, query or fragment",
        _parse_public_url,
        secret=True,
    ).meta(),
]
Network = Annotated[
    str,
    Rule(
        "a network, for example 10.20.0.0/16 or fd00:1::/64, no wider than /8 (IPv6: /7)",
        _parse_network,
    ).meta(),
]
Folder = Annotated[
    str, Rule("the path of a folder, without control characters", _parse_folder).meta()
]
Token = Annotated[
    str,
    Rule(
        "16 to 200 printable ASCII characters without blanks, or nothing",
        _parse_token,
        secret=True,
    ).meta(),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
