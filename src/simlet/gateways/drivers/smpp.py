"""An SMPP account: a client that binds to an SMSC and takes what is sent to our numbers.

It keeps a number of sessions bound, comes back with growing pauses when one ends, and answers a
message once it is kept. It never sends a message.

Source: SMPP Protocol Specification v3.4, issue 1.2.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Struct

from simlet.domain.errors import invalid
from simlet.domain.health import GatewayReport
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    HttpAnswer,
    HttpRequest,
    Setting,
    Settings,
)
from simlet.gateways.smpp_intake import Intake, Redelivered
from simlet.gateways.smpp_session import BindRefused, Pace, Session, SessionEnded
from simlet.log import get_log
from simlet.wire.smpp import Bind, Command, Status
from simlet.wire.smpp_message import ALPHABETS, IDS, Reading

FIRST_PAUSE_S = 1.0
STEADY_S = 60.0
"""A session that lasted so long did not fail at its start: the next pause is a short one again."""

_BINDS: Final = {
    "transceiver": Command.BIND_TRANSCEIVER,
    "receiver": Command.BIND_RECEIVER,
}
_VERSIONS: Final = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
_NOT_KEPT: Final = {"RX_T_APPN": Status.ESME_RX_T_APPN, "RMSGQFUL": Status.ESME_RMSGQFUL}
# Trying these again soon gets an account locked.
_HOPELESS: Final = frozenset({Status.ESME_RINVPASWD, Status.ESME_RINVSYSID, Status.ESME_RINVSYSTYP})
_DAY_S = 86_400

_log = get_log("smpp")


class _Settings(Struct, frozen=True):
    host: str
    port: int
    system_id: str
    password: str
    system_type: str
    bind: str
    binds: int
    tls: bool
    tls_verify: bool
    tls_name: str
    ca_file: str
    interface_version: str
    addr_ton: int
    addr_npi: int
    address_range: str
    data_coding_0: str
    ids: str
    not_kept: str
    enquire_link_s: float
    response_timeout_s: float
    reconnect_max_s: float
    redelivery_s: float

    def pdu(self) -> Bind:
        return Bind(
            self.system_id,
            self.password,
            self.system_type,
            _VERSIONS[self.interface_version],
            self.addr_ton,
            self.addr_npi,
            self.address_range,
        )


@dataclass(slots=True)
class SmppDriver:
    """The sessions of one account.

    Attributes:
        why_not: for each session why it is not bound; None for one that is.
    """

    context: DriverContext
    settings: _Settings
    redelivered: Redelivered
    why_not: list[str | None] = field(default_factory=list)

    async def run(self) -> None:
        """Keeps all sessions bound until it is cancelled; unbinds them then."""
        self.why_not = ["connecting"] * self.settings.binds
        try:
            async with asyncio.TaskGroup() as sessions:
                for index in range(self.settings.binds):
                    sessions.create_task(self._keep_bound(index))
        finally:
            self.context.report(GatewayReport(up=False, detail="stopped"))

    async def answer(self, request: HttpRequest) -> HttpAnswer:  # noqa: ARG002 - the contract's
        """Has no address: 404 for each."""
        return HttpAnswer(404, b'{"error": "not found"}')

    async def _keep_bound(self, index: int) -> None:
        clock = self.context.clock
        failures = 0
        while True:
            started_s = clock.monotonic_s()
            refused = None
            try:
                await self._one_session(index)
            except (SessionEnded, OSError, ValueError) as error:
                self.why_not[index] = _clause(error)
                refused = error.status if isinstance(error, BindRefused) else None
            failures = 0 if clock.monotonic_s() - started_s > STEADY_S else failures
            pause_s = self._pause_s(failures, refused)
            failures += 1
            self._report()
            reason = self.why_not[index]
            gateway, again_in_s = self.context.gateway, round(pause_s, 1)
            _log.warning("smpp_not_bound", gateway=gateway, reason=reason, again_in_s=again_in_s)
            await clock.sleep(pause_s)

    async def _one_session(self, index: int) -> None:
        """Connects, binds, and takes messages for as long as it goes well; ends by raising."""
        settings, context = self.settings, self.context
        name = f"{context.chance(2**62):x}"
        reading = Reading(settings.data_coding_0, settings.ids)
        intake = Intake(context, reading, _NOT_KEPT[settings.not_kept], self.redelivered, name)
        pace = Pace(settings.enquire_link_s, settings.response_timeout_s)
        session = Session(context.gateway, intake, context.clock, pace, self._report)
        await self._connect(session)
        try:
            await session.bind(settings.pdu(), _BINDS[settings.bind])
            self.why_not[index] = None
            _log.info("smpp_bound", gateway=context.gateway)
            self._report()
            await session.serve()
        finally:
            session.abort()

    async def _connect(self, session: Session) -> None:
        """Connects.

        Raises:
            OSError: it is not to be had; TimeoutError among them.
            SessionEnded: our own certificates are not to be had.
        """
        settings = self.settings
        context = _tls_context(settings) if settings.tls else None
        try:
            async with asyncio.timeout(settings.response_timeout_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: session,
                    settings.host,
                    settings.port,
                    ssl=context,
                    server_hostname=(settings.tls_name or settings.host) if context else None,
                )
        except TimeoutError:
            raise TimeoutError("no answer to the connection") from None

    def _pause_s(self, failures: int, refused: int | None) -> float:
        """How long to wait before the next try: doubling, with up to half of it left to chance."""
        longest_s = self.settings.reconnect_max_s
        if refused in _HOPELESS:
            pause_s = longest_s
        else:
            pause_s = min(FIRST_PAUSE_S * 2 ** min(failures, 16), longest_s)
        return pause_s * (0.5 + self.context.chance(501) / 1000)

    def _report(self) -> None:
        reasons = [reason for reason in self.why_not if reason is not None]
        bound = len(self.why_not) - len(reasons)
        detail = reasons[-1] if reasons else ""
        if reasons and bound:
            detail = f"{bound} of {len(self.why_not)} sessions are bound: {detail}"
        self.context.report(GatewayReport(bound > 0, detail))


def _tls_context(settings: _Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError:
        raise SessionEnded("ca_file cannot be read, or holds no certificate") from None
    if not settings.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _clause(error: Exception) -> str:
    """Why there is no session, in words that hold no secret."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason}"
    if isinstance(error, SessionEnded | TimeoutError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"no connection: {error.strerror}"
    return f"no connection: {type(error).__name__}"


def _check(settings: Settings) -> None:
    checked = msgspec.convert(dict(settings), _Settings)
    # The longest ones of 4.1; passwords are longer at many an SMSC.
    limits = {"system_id": 64, "password": 64, "system_type": 12, "address_range": 40}
    for name, limit in limits.items():
        text = getattr(checked, name)
        if len(text) > limit or not text.isascii() or not (text.isprintable()):
            raise invalid(name, f"expected at most {limit} characters of ASCII")
    if checked.tls_name and not checked.tls:
        raise invalid("tls_name", "expected nothing where tls is not set")
    if checked.ca_file and not (checked.tls and checked.tls_verify):
        raise invalid("ca_file", "expected nothing where tls and tls_verify are not set")
    if checked.response_timeout_s > checked.enquire_link_s:
        raise invalid("response_timeout_s", "expected no more than enquire_link_s")


def _make(context: DriverContext) -> SmppDriver:
    settings = msgspec.convert(dict(context.settings), _Settings)
    return SmppDriver(context, settings, Redelivered(context.clock, settings.redelivery_s))


def _seconds(name: str, meaning: str, default: float, least: float) -> Setting:
    return Setting(name, f"{meaning}, in seconds", default, least=least, most=_DAY_S)


KIND = DriverKind(
    name="smpp",
    title="An SMPP 3.4 account: we bind to an SMSC, and take what it delivers.",
    settings=(
        Setting("host", "name or address of the SMSC", "smsc.example", required=True),
        Setting("port", "its port", 2775, least=1, most=65535),
        Setting("system_id", "the account's name at the SMSC", "account", required=True),
        Setting("password", "the account's password", "", secret=True),
        Setting("system_type", "what the SMSC wants there, often nothing", ""),
        Setting("bind", "how to bind", "transceiver", choices=tuple(_BINDS)),
        Setting("binds", "how many sessions to keep at a time", 1, least=1, most=32),
        Setting("tls", "whether to speak TLS", False),
        Setting("tls_verify", "whether the SMSC's certificate is checked", True),
        Setting("tls_name", "the name in its certificate, where that is not the host", ""),
        Setting("ca_file", "a PEM file of who signed it, where that is nobody public", ""),
        Setting("interface_version", "the version we say", "3.4", choices=tuple(_VERSIONS)),
        Setting("addr_ton", "type of number of address_range", 0, least=0, most=255),
        Setting("addr_npi", "numbering plan of address_range", 0, least=0, most=255),
        Setting(
            "address_range", "the numbers asked for, as the SMSC wants them, often nothing", ""
        ),
        Setting("data_coding_0", "what data_coding 0 means here", "gsm7", choices=ALPHABETS),
        Setting("ids", "which of the SMSC's ids tell a repetition", "all", choices=IDS),
        Setting(
            "not_kept",
            "the status for a message that is to be sent again",
            "RX_T_APPN",
            choices=tuple(_NOT_KEPT),
        ),
        _seconds("enquire_link_s", "how often to ask whether the SMSC is there", 30.0, 0.1),
        _seconds("response_timeout_s", "how long an answer of the SMSC may take", 10.0, 0.1),
        _seconds("reconnect_max_s", "the longest pause before a new try", 60.0, 0.1),
        _seconds(
            "redelivery_s", "how long after a lost session the same is a repetition", 300.0, 0
        ),
    ),
    setup="""\
Nothing has to be entered anywhere here: ask whoever runs the SMSC for an account that may bind as
a {bind} to {host}:{port} with the name {system_id}, {binds} session(s) at a time, and for
`deliver_sm` of all your numbers to be routed to it. If they allow certain addresses alone, tell
them this server's.

A message is answered with ESME_ROK once it is on disk; with ESME_{not_kept} when it could not be
kept and is to be sent again; with ESME_RX_R_APPN when its line is another gateway's.
""",
    make=_make,
    check=_check,
)
