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
from simlet.domain.inbound import Inbound

Settings = Mapping[str, str | int | float | bool]


class Fate(Enum):
    """What became of one message that was handed over."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    FAILED = "failed"


Deliver = Callable[[Sequence[Inbound]], Awaitable[list[Fate]]]
"""Keeps messages in order; a `FAILED` one is not kept and may be handed over again."""


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
        body: the body as it came; empty when it was a form, which is parsed into the others.
        fields: the text fields of a multipart form.
        files: the file parts of a multipart form, in order.
    """

    method: str
    route: str
    headers: Mapping[str, str]
    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a driver answers: a status and a body of JSON."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Tools:
    """What a driver gets to work with.

    Attributes:
        gateway: the name of the gateway it serves.
        settings: what the operator set for it.
        secret_hash: the SHA-256 of the secret that the other side shows; None when it has none.
        deliver: hands messages over; returns after the commit.
        expected: what is waited for on this gateway's own lines, from now on.
        recording_limit_bytes: the largest recording of a call.
    """

    gateway: str
    settings: Settings
    secret_hash: bytes | None
    clock: Clock
    chance: Chance
    deliver: Deliver
    expected: Callable[[], AsyncIterator[Expected]]
    recording_limit_bytes: int


class Driver(Protocol):
    """One running driver, for one gateway."""

    async def run(self) -> None:
        """Works until it is cancelled; an error makes the supervisor start it again."""
        ...

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answers a request to one of its addresses; 404 for an address it does not have."""
        ...


@dataclass(frozen=True, slots=True)
class DriverKind:
    """A kind of equipment.

    Attributes:
        name: the word after `--kind`.
        title: one sentence for the operator.
        takes_secret: whether a secret is made for the other side when a gateway is added.
        check: raises `Refused` (INVALID) for settings that are not usable; gives them completed.
        make: makes a driver.
    """

    name: str
    title: str
    takes_secret: bool
    check: Callable[[Settings], dict[str, str | int | float | bool]]
    make: Callable[[Tools], Driver]
