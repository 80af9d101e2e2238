"""Posting to addresses that dealers choose, without becoming their way into our network.

A name can resolve to anything, and to something else a moment later. So nothing is decided from
a name: a guard judges the numeric address of every connect, at the moment of connecting.
"""

import ipaddress
import math
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver

from simlet.domain.errors import invalid
from simlet.look_up import SystemResolver

ANSWER_BYTES = 4096
KEPT_CHARS = 500
URL_CHARACTERS = 2000

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# From the IANA registries of special-purpose addresses (RFC 6890 and what updates it). The word
# behind a network is what refusals of its addresses are called; the first network that fits
# gives it.
_REFUSED: tuple[tuple[_Network, str], ...] = tuple(
    (ipaddress.ip_network(network), word)
    for network, word in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "this_network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "cgnat"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link_local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmark"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "embedded_ipv4"),
        ("::ffff:0:0:0/96", "embedded_ipv4"),
        ("64:ff9b::/96", "nat64"),
        ("64:ff9b:1::/48", "nat64"),
        ("100::/64", "discard"),
        ("2001::/32", "teredo"),
        ("2001::/23", "protocol"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment_routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link_local"),
        ("fec0::/10", "site_local"),
        ("ff00::/8", "multicast"),
    )
)
# IANA gives out public IPv6 addresses from here only.
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")

_LABEL = re.compile(r"[0-9a-z_]([0-9a-z_-]{0,61}[0-9a-z_])?")
# A host whose last label reads as a number is an IPv4 address in one of its old spellings
# (WHATWG URL, "ends in a number"); only the plain spelling is taken.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCALHOST = re.compile(r"(.+\.)?localhost\.?")


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Where posts may go.

    Attributes:
        allowed: networks that the operator lets through, on every port, whatever they are.
        ports: the ports that are let through everywhere else.
    """

    allowed: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})


PUBLIC_ONLY = OutboundPolicy()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one post: exactly one of `status` and `error` is there.

    Attributes:
        status: the HTTP status; once it is read, nothing that the body does takes it away.
        error: `bad_url`, `refused_address`, `dns`, `connection`, `tls`, `timeout` or
            `bad_answer` (something came that is not HTTP).
        duration_ms: from the call to this answer.
        retry_after: the header of that name, as it came.
        text: the first `KEPT_CHARS` characters of the body; it may hold what was posted.
    """

    status: int | None
    error: str | None
    duration_ms: int
    retry_after: str | None = None
    text: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the other side took the post: any 2xx."""
        return self.status is not None and 200 <= self.status <= 299


class Poster(Protocol):
    """What can post: `Outbound`, or what stands for it in a test."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once; a failure of the network is an answer, not an exception."""
        ...

    async def close(self) -> None:
        """Let go of all connections; nothing is posted afterwards."""
        ...


class AddressRefused(OSError):  # noqa: N818 - a refusal, in the form that a connector takes
    """The guard does not let this address through.

    The text is always the same: when all addresses of a name fail alike, the connector hands on
    the first failure as it is; it melts failures that read differently into a plain `OSError`.

    Args:
        reason: the word of `refusal_of`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the address is refused")
        self.reason = reason


def refusal_of(ip: str, port: int, rules: OutboundPolicy) -> str | None:
    """Why a connect to this address is refused, or None when it may be made.

    Args:
        ip: a numeric address. Only the plain spelling is read as one: what the C library would
            make of other spellings must not be left to it.
        port: a TCP port.
        rules: what the operator decided.

    Returns:
        A short word, such as `loopback`, `private`, `port`, `malformed`; or None.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "malformed"
    if _is_allowed(address, rules):
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        # The system sends this as IPv4, so the IPv4 address is what counts.
        return refusal_of(str(address.ipv4_mapped), port, rules)
    return _special_use(address) or (None if port in rules.ports else "port")


def _is_allowed(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, rules: OutboundPolicy
) -> bool:
    return any(address in network for network in rules.allowed)


def _special_use(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    for network, word in _REFUSED:
        if address in network:
            return word
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_IPV6:
        return "reserved"
    # Whatever a newer Python knows beyond the table.
    return None if address.is_global else "reserved"


def check_address(url: str, rules: OutboundPolicy = PUBLIC_ONLY) -> None:
    """Refuse an address that no callback could ever be posted to, before it is kept.

    A name is not resolved here: what it leads to is judged at each connect.

    Args:
        url: what the dealer or the operator gave.
        rules: what the operator decided.

    Raises:
        Refused: `INVALID`, with the reason; the address itself is not repeated, as it may hold
            a secret of the dealer's.
    """
    try:
        parsed = _read_url(url)
    except _UnusableUrlError as unusable:
        raise invalid("callback", str(unusable)) from None
    host, port = parsed.raw_host or "", parsed.port or 0
    if _LOCALHOST.fullmatch(host):
        # Such names are loopback wherever they are resolved (RFC 6761, section 6.3).
        host = "127.0.0.1"
    reason = refusal_of(host, port, rules)
    if reason == "malformed":
        # A name. With networks of the operator's own it may lead to one, where all ports serve.
        reason = None if rules.allowed or port in rules.ports else "port"
    if reason == "port":
        raise invalid("callback", "expected one of the ports " + _listed(rules.ports))
    if reason is not None:
        raise invalid("callback", "expected a host on the public Internet")


def _listed(ports: frozenset[int]) -> str:
    return ", ".join(str(port) for port in sorted(ports))


class _UnusableUrlError(ValueError):
    """The text is no address to post to; the message is a clause for people."""


def _read_url(text: str) -> yarl.URL:
    """Read the text with the parser that the client itself goes by, so both see one host."""
    if len(text) > URL_CHARACTERS:
        raise _UnusableUrlError(f"expected at most {URL_CHARACTERS} characters")
    if "\\" in text or any(sign.isspace() or not sign.isprintable() for sign in text):
        raise _UnusableUrlError("expected no blank, backslash or control character")
    try:
        url = yarl.URL(text)
    except ValueError:
        raise _UnusableUrlError("expected an http or https address") from None
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise _UnusableUrlError("expected an http or https address")
    if "@" in url.raw_authority:
        raise _UnusableUrlError("expected no user or password")
    if not _is_host(url.raw_host):
        raise _UnusableUrlError("expected a host name or a plain IP address")
    return url


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    if ":" in host or _NUMBER.fullmatch(labels[-1]):
        return _is_plain_ip(host)
    # The limits are those of RFC 1035; beyond them a resolver fails in ways of its own.
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _is_plain_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Outbound:
    """The one way out to addresses that others chose.

    No redirect is followed, no proxy of the environment used, no cookie kept, no answer
    unpacked, and of a body no more than `ANSWER_BYTES` read.

    Args:
        rules: what the operator decided.
        timeout_s: for a whole post, from the name to the end of the answer; above 0.
        resolver: looks names up in place of the system; its answers are judged all the same.

    Raises:
        ValueError: the time-out is not a number above 0.
    """

    def __init__(
        self,
        rules: OutboundPolicy = PUBLIC_ONLY,
        *,
        timeout_s: float = 5.0,
        resolver: AbstractResolver | None = None,
    ) -> None:
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            # The client takes 0 for "no limit".
            raise ValueError("timeout_s is a number above 0")
        self._rules = rules
        self._timeout_s = timeout_s
        self._resolver = resolver or SystemResolver()
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once.

        Args:
            url: the address; it needs no check beforehand.
            body: sent as it is.
            headers: sent beside those of HTTP itself; names and values that HTTP allows.

        Returns:
            What became of it; whatever the network or the other side does is an answer.

        Raises:
            RuntimeError: this was closed.
            ValueError: a header is malformed.
        """
        began = time.monotonic()
        answer = await self._try(url, body, headers)
        return replace(answer, duration_ms=round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Let go of all connections; nothing is posted afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def _try(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        session = self._opened()
        try:
            target = _read_url(url)
        except _UnusableUrlError:
            return Answer(None, "bad_url", 0)
        try:
            async with session.post(
                target, data=body, headers=headers, allow_redirects=False
            ) as response:
                text = await _read_some(response)
                retry_after = response.headers.get("Retry-After")
                return Answer(response.status, None, 0, retry_after, text)
        except (aiohttp.ClientError, OSError) as failure:
            return Answer(None, _word(failure), 0)

    def _opened(self) -> aiohttp.ClientSession:
        # Opened at the first post, as a session belongs to the event loop that runs then.
        if self._closed:
            raise RuntimeError("closed: nothing is posted any more")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                # From 5 s on, the client would round the end up to a whole second.
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, ceil_threshold=math.inf),
                headers={"User-Agent": "simlet", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            socket_factory=self._guarded_socket,
            resolver=self._resolver,
            # Servers commonly drop idle connections after 5 s; a post on one that is just being
            # dropped is lost, so ours go first.
            keepalive_timeout=4.0,
            # Who posts decides how much goes on at a time. To wait here for a connection would
            # let one slow address hold up the posts to others.
            limit=0,
        )

    def _guarded_socket(self, target: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = target
        reason = refusal_of(str(address[0]), int(address[1]), self._rules)
        if reason is not None:
            raise AddressRefused(reason)
        return socket.socket(family=family, type=kind, proto=protocol)


async def _read_some(response: aiohttp.ClientResponse) -> str:
    """Read a short answer to its end, so that the connection can serve again; how it begins.

    The client drops a connection whose answer was not read to its end. The status has decided
    already: what goes wrong from here on is no failure of the post.
    """
    read = b""
    with suppress(aiohttp.ClientError, OSError):
        while len(read) < ANSWER_BYTES and (
            part := await response.content.read(ANSWER_BYTES - len(read))
        ):
            read += part
    text = read.decode("utf-8", "replace")[:KEPT_CHARS]
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _word(failure: aiohttp.ClientError | OSError) -> str:
    if isinstance(getattr(failure, "os_error", None), AddressRefused):
        return "refused_address"
    return next((word for kinds, word in _WORDS if isinstance(failure, kinds)), "connection")


# The first that fits counts; the kinds of the client overlap.
_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), "bad_url"),
    ((aiohttp.ClientSSLError,), "tls"),
    ((aiohttp.ClientConnectorDNSError,), "dns"),
    ((aiohttp.ClientResponseError, aiohttp.ClientPayloadError), "bad_answer"),
)
