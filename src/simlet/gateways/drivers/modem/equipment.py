"""What a modem is asked: to be set up, which SIM it has, how it hears the network.

Everything here reads or sets up. There is no command that sends, dials or changes an identity.
Source: 3GPP TS 27.007 (general, SIM, network), TS 27.005 (messages).
"""

from dataclasses import dataclass
from typing import Final

from simlet.clock import Clock
from simlet.domain.errors import Refused
from simlet.domain.health import LineReport, Reception
from simlet.domain.phone import parse_number
from simlet.gateways.at_port import AtPort, ModemRestarted, PortLost
from simlet.wire import at
from simlet.wire.at import Answer

_WAKE_TRIES: Final = 3
_WAKE_S: Final = 2.0
_QUIET_S: Final = 0.05
_BUSY_TRIES: Final = 15
_BUSY_PAUSE_S: Final = 1.0
_PIN_S: Final = 20.0
_ALL_TRIES_LEFT: Final = 3

_ICCID_COMMANDS: Final = (
    *("AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID", "AT#CCID", "AT+CCID?"),
    "AT+CRSM=176,12258,0,0,10",  # reads the file that every SIM has: TS 27.007, 8.18
)
_ICCID_PREFIXES: Final = (
    *("+CCID:", "+ICCID:", "ICCID:", "^ICCID:", "+QCCID:", "#CCID:", "+CRSM:"),
)
_NOTICES: Final = ("2,1,0,0,0", "2,1,0,0", "2,1", "1,1,0,0,0", "1,1")
_DIRECT_NOTICES: Final = ("2,2,0,0,0", "2,2", "1,2,0,0,0", "1,2")

# TS 27.007, 9.2 and TS 27.005, 3.2.5: the SIM is busy, or not ready yet.
_BUSY: Final = frozenset(("+CME ERROR: 14", "+CMS ERROR: 314", "+CMS ERROR: 515"))
_BUSY_WORDS: Final = ("SIM BUSY", "NOT READY", "PLEASE WAIT")
# TS 27.007, 9.2: not allowed, not supported, incorrect parameters; 58 is makers' own.
_UNKNOWN_ERRORS: Final = ("3", "4", "50", "58", "100")
_UNKNOWN: Final = frozenset(
    (
        *("ERROR", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"),
        *(f"+CME ERROR: {number}" for number in _UNKNOWN_ERRORS),
    )
)
_NO_SIM: Final = frozenset(("+CME ERROR: 10", "+CME ERROR: 13", "+CME ERROR: 15"))
_NO_SIM_WORDS: Final = ("NOT INSERTED", "SIM FAILURE", "SIM WRONG", "ABSENT", "REMOVED")
_WANTS_PIN: Final = "+CME ERROR: 11"
_LOCKED: Final = frozenset(("+CME ERROR: 5", "+CME ERROR: 12", "+CME ERROR: 17", "+CME ERROR: 18"))

_REGISTERED: Final = frozenset((1, 5, 6, 7, 9, 10))
_DENIED: Final = frozenset((3, 8))


@dataclass(frozen=True, slots=True)
class Card:
    """The SIM that is in a modem, as far as it tells.

    Attributes:
        number: E.164; SIMs need not know theirs.
        iccid_command: what this modem gives the ICCID for; empty when nothing does.
    """

    iccid: str | None
    imsi: str | None
    number: str | None
    iccid_command: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a modem that was set up is read.

    Attributes:
        storages: those to read, the one where messages are to be stored first; empty when the
            modem cannot choose.
        pushes: whether messages come without being stored (no other way was understood).
        acknowledges: whether one that was pushed has to be acknowledged, else it comes again.
        pushing: the command that makes it push; empty where it does not.
    """

    storages: tuple[str, ...]
    pushes: bool = False
    acknowledges: bool = False
    pushing: str = ""


class Modem:
    """A modem behind an open port."""

    def __init__(self, port: AtPort, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._echoes_always: bool | None = None

    async def ask(self, command: str, *prefixes: str, timeout_s: float | None = None) -> Answer:
        """See `AtPort.ask`.

        Raises:
            PortLost: no answer.
            ModemRestarted: the modem echoes again, although it was told not to.
        """
        answer = await self._port.ask(command, *prefixes, timeout_s=timeout_s)
        if self._echoes_always is False and self._port.echoes:
            raise ModemRestarted
        return answer

    async def wake(self) -> None:
        """Makes it answer, without echo, with numbers for errors."""
        self._echoes_always = None
        for left in reversed(range(_WAKE_TRIES)):
            try:
                await self._port.ask("AT", timeout_s=_WAKE_S)
                break
            except PortLost:
                if not left:
                    raise
        # What was asked before we came may be answered yet.
        await self._port.until_quiet(_QUIET_S)
        await self._port.ask("ATE0")
        await self._port.ask("AT")
        self._echoes_always = self._port.echoes
        await self.ask("AT+CMEE=1")

    async def sim_trouble(self, pin: str, refused_pins: set[str], place: str) -> Reception | None:
        """Why the SIM cannot be used; None when it can.

        A PIN is entered once: what was refused, or not answered, is never entered again, and
        nothing is entered when the SIM says that a try was used up already.

        Args:
            pin: the PIN; empty for none.
            refused_pins: the ICCIDs (or places) whose SIMs refused it; kept up to date.
            place: where the SIM is, for one whose ICCID cannot be read.
        """
        answer = await self.ask("AT+CPIN?", "+CPIN:")
        state = answer.value.upper() if answer.ok else answer.result.upper()
        if state == "READY":
            return None
        if state == "SIM PIN" or state.startswith((_WANTS_PIN, "+CME ERROR: SIM PIN")):
            return await self._unlock(pin, refused_pins, place)
        if state in _NO_SIM or any(word in state for word in _NO_SIM_WORDS):
            return Reception.NO_SIM
        if state in _BUSY or any(word in state for word in _BUSY_WORDS):
            return Reception.SEARCHING
        if answer.ok or state in _LOCKED or "PUK" in state or "PIN" in state:
            return Reception.LOCKED
        # It does not know the question: a SIM that tells its IMSI is there and open.
        return None if await self._imsi() else Reception.NO_SIM

    async def _unlock(self, pin: str, refused_pins: set[str], place: str) -> Reception | None:
        if not pin:
            return Reception.LOCKED
        sim = (await self._iccid())[0] or place
        if sim in refused_pins or not await self._has_all_tries():
            return Reception.LOCKED
        refused_pins.add(sim)
        answer = await self.ask(f'AT+CPIN="{pin}"', timeout_s=_PIN_S)
        if not answer.ok:
            return Reception.LOCKED
        refused_pins.discard(sim)
        return None

    async def _has_all_tries(self) -> bool:
        """Whether no try at the PIN was used up; True where the modem does not tell."""
        answer = await self.ask('AT+CPINR="SIM PIN"', "+CPINR:")
        fields = at.fields_of(answer.first) if answer.ok and answer.first else []
        return len(fields) < 2 or not fields[1].isdecimal() or int(fields[1]) >= _ALL_TRIES_LEFT

    async def card(self) -> Card | None:
        """The SIM that is in it now; None while it does not tell its ICCID, although it could."""
        iccid, command = await self._iccid()
        if command and not iccid:
            return None
        answer = await self.ask("AT+CNUM", "+CNUM:")
        numbers = [at.own_number(line) for line in answer.lines]
        known = [number for number in map(_e164, numbers) if number]
        return Card(iccid, await self._imsi(), known[0] if known else None, command)

    async def has_still(self, card: Card) -> bool:
        """Whether it has the same SIM as before, and tells no more of it."""
        if not card.iccid:
            if any(await self._iccid()):
                return False
            return card.imsi is None or await self._imsi() == card.imsi
        answer = await self.ask(card.iccid_command, *_ICCID_PREFIXES)
        if not answer.ok:  # a SIM may be busy for a moment
            answer = await self.ask(card.iccid_command, *_ICCID_PREFIXES)
        return at.iccid(answer.lines) == card.iccid

    async def _iccid(self) -> tuple[str | None, str]:
        """The ICCID, and what it is given for; the command alone while it is not given yet."""
        untold = ""
        for command in _ICCID_COMMANDS:
            answer = await self._ask_patiently(command, *_ICCID_PREFIXES)
            if answer.ok and (found := at.iccid(answer.lines)):
                return found, command
            if _is_busy(answer):
                return None, command  # so would it be for all others
            if not answer.ok and answer.result.upper() not in _UNKNOWN:
                untold = command
        return None, untold

    async def _imsi(self) -> str | None:
        answer = await self.ask("AT+CIMI", "+CIMI:")
        return at.imsi(answer.lines) if answer.ok else None

    async def set_up(self) -> Reading:
        """Sets it up for reading messages; the SIM is open by then.

        Raises:
            PortLost: it has no PDU mode, or no answer.
        """
        if not (await self._ask_patiently("AT+CMGF=0")).ok:
            raise PortLost("it has no PDU mode")
        if not (await self.ask('AT+CSCS="GSM"')).ok:
            await self.ask('AT+CSCS="IRA"')
        await self.ask("AT+COPS=3,0")  # the operator by its name; chooses none
        storages = await self._storages()
        if await self._taken("AT+CNMI=", _NOTICES):
            return Reading(storages)
        acknowledges = (await self.ask("AT+CSMS=1", "+CSMS:")).ok
        pushing = await self._taken("AT+CNMI=", _DIRECT_NOTICES)
        return Reading(storages, bool(pushing), acknowledges, pushing)

    async def _taken(self, command: str, values: tuple[str, ...]) -> str:
        """The first command that it takes; empty when it takes none."""
        for value in values:
            if (await self.ask(command + value)).ok:
                return command + value
        return ""

    async def _storages(self) -> tuple[str, ...]:
        """SIM before modem: what is stored on a SIM goes where the SIM goes."""
        answer = await self._ask_patiently("AT+CPMS=?", "+CPMS:")
        offered = at.storages(answer.first) if answer.ok and answer.first else ["SM", "ME"]
        wanted = [one for one in ("SM", "ME") if one in offered] or offered[:1]
        usable = []
        for one in reversed(wanted):
            # All three storages where the modem takes them: to read, to write, to receive.
            quoted = f'"{one}"'
            if await self._taken("AT+CPMS=", (",".join([quoted] * 3), quoted)):
                usable.append(one)
        return tuple(reversed(usable))

    async def _ask_patiently(self, command: str, *prefixes: str) -> Answer:
        """Asks again while the SIM is busy, as it is when it was just opened."""
        answer = await self.ask(command, *prefixes)
        for _ in range(_BUSY_TRIES):
            if not _is_busy(answer):
                break
            await self._clock.sleep(_BUSY_PAUSE_S)
            answer = await self.ask(command, *prefixes)
        return answer

    async def line_report(self, place: str, card: Card) -> LineReport:
        """How the line does."""
        signal = await self.ask("AT+CSQ", "+CSQ:")
        operator = await self.ask("AT+COPS?", "+COPS:")
        return LineReport(
            port=place,
            reception=await self._reception(),
            iccid=card.iccid,
            number=card.number,
            imsi=card.imsi,
            signal_dbm=at.signal_dbm(signal.first),
            operator=at.operator_of(operator.first),
        )

    async def _reception(self) -> Reception:
        """Registered with any network that brings messages: GSM and 3G first, else LTE."""
        states = []
        for command in ("AT+CREG?", "AT+CEREG?"):
            answer = await self.ask(command, command[2:-1] + ":")
            state = at.registration(answer.first) if answer.ok and answer.first else None
            if state in _REGISTERED:
                return Reception.READY
            states.append(state)
        if states == [None, None]:
            return Reception.READY
        return Reception.DENIED if _DENIED.intersection(states) else Reception.SEARCHING


def _is_busy(answer: Answer) -> bool:
    result = answer.result.upper()
    return result in _BUSY or (not answer.ok and any(word in result for word in _BUSY_WORDS))


def _e164(number: str | None) -> str | None:
    try:
        return parse_number(number or "")
    except Refused:
        return None
