"""The simulator: pretend lines that answer a rental as real services do, and as they fail to.

After a delay the line receives an SMS of the service that was rented. It may also stay silent,
answer twice, answer after the rental's deadline, or receive the answer among SMS that have
nothing to do with it. What will happen is drawn when the rental is heard of, so the same seed and
the same rentals give the same messages, however long anything takes.
"""

import asyncio
import importlib.resources
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import TypeVar

import msgspec
from msgspec import Struct

from simlet.domain.allocate import Chance, pick_weighted
from simlet.domain.errors import invalid
from simlet.domain.health import GatewayReport
from simlet.domain.inbound import Inbound, MessageKind
from simlet.gateways.contract import (
    DriverContext,
    DriverKind,
    Expected,
    HttpAnswer,
    HttpRequest,
    Result,
    Setting,
    Settings,
)
from simlet.log import get_log

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
SENDER_CHARS = 11  # of a sender that is a name: 3GPP TS 23.040, 9.1.2.5
_SHARE_PARTS = 1_000_000

_T = TypeVar("_T")

_log = get_log("simulator")

_DAY_S = 86_400


class _Settings(Struct, frozen=True):
    delay_min_s: float
    delay_max_s: float
    silent_share: float
    twice_share: float
    late_share: float
    burst_share: float
    late_s: float
    seed: int

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """In the order of the manners; what is left is for the last one."""
        return self.silent_share, self.twice_share, self.late_share, self.burst_share


class _Wording(Struct):
    texts: list[str]
    digits: list[int]
    names: list[str] = []


class _Texts(Struct):
    generic: list[_Wording]
    known: list[_Wording]
    notices: list[tuple[str, str]]


class _Manner(Enum):
    SILENT = auto()
    TWICE = auto()
    LATE = auto()
    BURST = auto()
    ONCE = auto()


@dataclass(frozen=True, slots=True)
class _Step:
    """A pause, and the messages sent after it; without any, the last ones are sent again."""

    pause_s: float
    messages: tuple[Inbound, ...] = ()


@dataclass(frozen=True, slots=True)
class Simulator:
    """The pretend lines of one gateway.

    Attributes:
        chance: draws what happens; the ids of messages come from the tools' own chance, as they
            must not repeat after a restart with the same seed.
    """

    context: DriverContext
    settings: _Settings
    texts: _Texts
    chance: Chance

    async def run(self) -> None:
        """Answers what is expected until it is cancelled; a failure to listen is tried again."""
        self.context.report(GatewayReport(up=True))
        async with asyncio.TaskGroup() as answering:
            while not await self._listen(answering):
                await self.context.clock.sleep(FIRST_PAUSE_S)

    async def answer(self, request: HttpRequest) -> HttpAnswer:  # noqa: ARG002 - the contract's
        """Has no address: 404 for each."""
        return HttpAnswer(404, b'{"error": "not found"}')

    async def _listen(self, answering: asyncio.TaskGroup) -> bool:
        """Whether all was heard; what was heard before a failure is answered all the same."""
        try:
            async for expected in self.context.expected():
                answering.create_task(self._play(list(self._script(expected))))
        except Exception:  # noqa: BLE001 - a database that is down for a moment loses nothing here
            _log.exception("simulator_not_listening", gateway=self.context.gateway)
            return False
        return True

    async def _play(self, script: Sequence[_Step]) -> None:
        sent: list[Inbound] = []
        for step in script:
            await self.context.clock.sleep(step.pause_s)
            if step.messages:
                now_ms = self.context.clock.now_ms()
                sent = [one._replace(sent_at_ms=now_ms) for one in step.messages]
            await self._hand_over(sent)

    async def _hand_over(self, messages: list[Inbound]) -> None:
        pause_s = FIRST_PAUSE_S
        while messages := await self._not_kept(messages):
            await self.context.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _not_kept(self, messages: list[Inbound]) -> list[Inbound]:
        try:
            results = await self.context.deliver(messages)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
            name = type(error).__name__
            _log.warning("simulator_not_kept", gateway=self.context.gateway, error=name)
            return messages
        pairs = zip(messages, results, strict=True)
        return [message for message, result in pairs if result is Result.FAILED]

    def _script(self, expected: Expected) -> Iterator[_Step]:
        manner = self._manner()
        if manner is _Manner.SILENT:
            return
        delay_s = self.settings.late_s if manner is _Manner.LATE else self._delay_s()
        first, second = self._answers(expected)
        around = self._notices(expected.number) if manner is _Manner.BURST else []
        before = self.chance(len(around) + 1)
        yield _Step(delay_s, (*around[:before], first, *around[before:]))
        if manner is _Manner.TWICE:
            yield _Step(self._delay_s(), (second,) if self.chance(2) else ())

    def _manner(self) -> _Manner:
        weights = [round(share * _SHARE_PARTS) for share in self.settings.shares]
        rest = max(_SHARE_PARTS - sum(weights), 0)
        return list(_Manner)[pick_weighted([*weights, rest], self.chance)]

    def _delay_s(self) -> float:
        shortest_s, longest_s = self.settings.delay_min_s, self.settings.delay_max_s
        return shortest_s + self.chance(round((longest_s - shortest_s) * 1000) + 1) / 1000

    def _answers(self, expected: Expected) -> list[Inbound]:
        """Two messages of the service that differ in their code."""
        wording = self._wording(expected.service)
        text = self._one_of(wording.texts)
        sender = self._sender(expected)
        digits = self._one_of(wording.digits)
        code = self.chance(10**digits)
        other = (code + 1 + self.chance(10**digits - 1)) % 10**digits
        texts = [
            text.format(service=expected.service, code=f"{one:0{digits}}") for one in (code, other)
        ]
        return [self._sms(expected.number, sender, one) for one in texts]

    def _wording(self, service: str) -> _Wording:
        words = {word.lower() for word in _words(service)}
        known = [one for one in self.texts.known if not words.isdisjoint(one.names)]
        return self._one_of(known or self.texts.generic)

    def _sender(self, expected: Expected) -> str:
        if expected.senders:
            return self._one_of(expected.senders)
        name = "".join(_words(expected.service))[:SENDER_CHARS] or "INFO"
        return self._one_of((name, name.upper()))

    def _notices(self, to: str) -> list[Inbound]:
        notices = [self._one_of(self.texts.notices) for _ in range(2 + self.chance(3))]
        return [self._sms(to, sender, text) for sender, text in notices]

    def _sms(self, to: str, sender: str, text: str) -> Inbound:
        source_id = f"sim-{self.context.chance(2**62):x}"
        return Inbound(MessageKind.SMS, to, sender, text, None, source_id)

    def _one_of(self, choices: Sequence[_T]) -> _T:
        return choices[self.chance(len(choices))]


def _words(name: str) -> list[str]:
    """The words of a name in plain letters and digits, as a sender may hold them."""
    plain = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D"))
    return re.findall(r"[A-Za-z0-9]+", plain.encode("ascii", "ignore").decode())


def _check(settings: Settings) -> None:
    checked = msgspec.convert(dict(settings), _Settings)
    if checked.delay_max_s < checked.delay_min_s:
        raise invalid("delay_max_s", "expected no less than delay_min_s")
    # Each share was rounded to a float; `fsum` does not add to that.
    if math.fsum(checked.shares) > 1:
        raise invalid("shares", "expected a sum of at most 1")


def _make(context: DriverContext) -> Simulator:
    settings = msgspec.convert(dict(context.settings), _Settings)
    chance = Random(settings.seed).randrange if settings.seed else context.chance  # noqa: S311
    file = importlib.resources.files(__package__).joinpath("simulator_texts.toml")
    texts = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _Texts)
    return Simulator(context, settings, texts, chance)


def _share(name: str, meaning: str) -> Setting:
    return Setting(name, f"share of the rentals whose line {meaning}, 0 to 1", 0.0, least=0, most=1)


def _seconds(name: str, meaning: str, default: float) -> Setting:
    return Setting(name, f"{meaning}, in seconds", default, least=0, most=_DAY_S)


KIND = DriverKind(
    name="simulator",
    title="Pretend lines: what is rented on them is answered with invented messages.",
    settings=(
        _seconds("delay_min_s", "the shortest time to an answer", 2.0),
        _seconds("delay_max_s", "the longest time to an answer", 6.0),
        _share("silent_share", "stays silent"),
        _share("twice_share", "answers twice"),
        _share("late_share", "answers late"),
        _share("burst_share", "receives the answer among others"),
        _seconds("late_s", "the time to a late answer", 400.0),
        Setting("seed", "what chance is drawn from; 0 for chance itself", 0, least=0),
    ),
    setup="Nothing has to be entered anywhere: import lines with `--gateway {name}`, and rent.\n",
    make=_make,
    check=_check,
)
