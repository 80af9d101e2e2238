"""Where the server is, and what each request looks like."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from simlet import __version__
from simlet.client.operations import Call
from simlet.client.problems import NotConfigured

URL_VARIABLE = "SIMLET_URL"
TOKEN_VARIABLE = "SIMLET_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """The address of a server and the token of an account; never shown."""

    url: str
    token: str
    timeout_s: float

    def headers(self) -> dict[str, str]:
        """What every request says of the one who asks."""
        return {
            "authorization": f"Bearer {self.token}",
            "user-agent": f"simlet-python/{__version__}",
            "accept": "application/json",
        }

    def request(self, call: Call[Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """A call as the arguments of an HTTP client's `request`."""
        named = {**self.headers(), **headers}
        content = None
        if call.body is not None:
            content = msgspec.json.encode(call.body)
            named["content-type"] = "application/json"
        return {
            "method": call.method,
            "url": self.url + call.path,
            "params": call.query or None,
            "content": content,
            "headers": named,
            "timeout": self.timeout(call.wait_s),
        }

    def timeout(self, wait_s: float) -> httpx2.Timeout:
        """The time-outs of a call that the server may hold back for `wait_s`."""
        return httpx2.Timeout(self.timeout_s, read=self.timeout_s + wait_s)


def connection(url: str | None, token: str | None, timeout_s: float) -> Connection:
    """A connection by what is given, else by `SIMLET_URL` and `SIMLET_TOKEN`.

    Raises:
        NotConfigured: one of the two is missing, or is not what it must be.
    """
    address = (url or os.environ.get(URL_VARIABLE, "")).strip().rstrip("/")
    secret = (token or os.environ.get(TOKEN_VARIABLE, "")).strip()
    if not address:
        raise NotConfigured(f"Where is the server? Give its address, or set {URL_VARIABLE}.")
    if not _is_address(address):
        raise NotConfigured("The address of the server begins with http:// or https://.")
    if not secret:
        raise NotConfigured(f"Whose rental is it? Give a token, or set {TOKEN_VARIABLE}.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise NotConfigured("The token is not one of simlet's: it is one word of ASCII.")
    return Connection(address, secret, timeout_s)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
