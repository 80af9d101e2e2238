"""The contract of a driver: what it gets, what it gives, and nothing else.

A driver speaks to one kind of equipment. It hands over what comes in with `deliver`, which
returns only after the commit: so it acknowledges the other side, or deletes from the SIM, after
`deliver` and never before. It knows nothing of rentals, money, SQL or the web framework.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from simlet.clock import Clock
from simlet.domain.allocate import Chance
from simlet.domain.health import GatewayReport, LineReport
from simlet.domain.inbound import Inbound

Value = str | int | float | bool
Settings = Mapping[str, Value]


class Result(Enum):
    """What became of one message that was handed over.

    Attributes:
        KEPT: it is on disk; the other side may forget it.
        DUPLICATE: it was kept before; the other side may forget it.
        FAILED: it is not kept: tell the other side to try again.
        REFUSED: its line is another gateway's: tell the other side not to send it again. What came
            is recorded for the operator.
    """

    KEPT = "kept"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    REFUSED = "refused"


Deliver = Callable[[Sequence[Inbound]], Awaitable[list[Result]]]
"""Keeps messages in order, and returns when they are on disk: one result for each. It may be called
by several tasks at once. It raises only when it is cancelled."""

Report = Callable[[LineReport | GatewayReport], None]
"""Tells how a line or the gateway itself does; returns at once, and what is told often costs
little. What is told again counts as a sign of life."""


def unheard(_: LineReport | GatewayReport) -> None:
    """A report that nobody reads."""


LastSim = Callable[[str], Awaitable[frozenset[str]]]
"""What the SIM is known by that was seen last in a port of the gateway: its ICCID and its IMSI;
empty where none was seen that a line has. It raises when the database fails."""


async def no_sim(_: str) -> frozenset[str]:
    """Knows of no SIM."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody waits for a message on a line of this gateway; only pretend lines care.

    Attributes:
        number: the line's number, E.164.
        service: the name of the service the code is for.
        senders: names that the service knows its messages by; may be empty.
    """

    number: str
    service: str
    senders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to one of a gateway's addresses.

    Attributes:
        route: what stands behind `/gateways/NAME/`.
        headers: by names in small letters.
        body: the body as it came; empty when it was a multipart form, which is parsed into the
            others. A form of the urlencoded kind is left in the body.
        fields: the text fields of a multipart form.
        files: the file parts of a multipart form, in order.
        query: what stands behind the question mark, as it came.
    """

    method: str
    route: str
    headers: Mapping[str, str]
    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[bytes] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a driver answers: a status and a body.

    Attributes:
        reason: of a refusal, the clause for the operator's log; it repeats nothing of what came.
    """

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver gets to work with.

    Attributes:
        gateway: the name of the gateway it serves.
        settings: what the operator set for it.
        secret_hash: the SHA-256 of the secret that the other side shows; None when it has none.
        deliver: hands messages over; returns after the commit.
        expected: what is waited for on this gateway's own lines, from now on.
        recording_limit_bytes: the largest recording of a call.
        report: tells how lines and the gateway do.
        last_sim: which SIM was in a port, for drivers that read SIMs.
        address: where the other side reaches the gateway over HTTP, without a closing slash.
    """

    gateway: str
    settings: Settings
    secret_hash: bytes | None
    clock: Clock
    chance: Chance
    deliver: Deliver
    expected: Callable[[], AsyncIterator[Expected]]
    recording_limit_bytes: int
    report: Report = unheard
    address: str = ""
    last_sim: LastSim = no_sim


class Driver(Protocol):
    """One running driver, for one gateway."""

    async def run(self) -> None:
        """Works until it is cancelled; an error makes the supervisor start it again."""
        ...

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answers a request to one of its addresses; 404 for an address it does not have."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What an operator can set for a gateway of a kind.

    Attributes:
        meaning: one clause for people: what it is, and its unit.
        default: what holds when nothing is set; its type is the setting's. Of one that has to be
            set, an example of the right type.
        required: whether it has to be set.
        secret: whether lists and logs show it as `•••`.
        choices: the only values; empty for any.
        least, most: limits of a number.
    """

    name: str
    meaning: str
    default: Value
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


def _checked_as_they_are(settings: Settings) -> None:
    """No rule but those of the settings themselves."""


@dataclass(frozen=True, slots=True)
class DriverKind:
    """A kind of equipment.

    Attributes:
        name: the word after `--kind`.
        title: one sentence for the operator.
        settings: all that can be set.
        setup: the set-up page for the operator: what to enter where at the other side. It may hold
            `{address}`, `{name}` and settings that are not secret, as `{port}`.
        make: makes a driver; its tools hold checked settings, each with a value.
        takes_secret: whether a secret is made for the other side when a gateway is added.
        reads_sims: whether it reads SIMs itself: then an ICCID proves whose line it is.
        check: raises `Refused` (INVALID) for settings that do not fit together.
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    setup: str
    make: Callable[[DriverContext], Driver]
    takes_secret: bool = False
    reads_sims: bool = False
    check: Callable[[Settings], None] = _checked_as_they_are
