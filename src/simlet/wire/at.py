"""The dialogue with a modem: octets in, lines, answers and what the modem says by itself out.

Source: 3GPP TS 27.007, 4 (commands and answers); TS 27.005, 3.4 (messages that are pushed);
ITU-T V.250, 5 (lines, echo and result codes).
"""

import re
from dataclasses import dataclass, replace
from typing import Final

LONGEST_LINE_OCTETS: Final = 4096
"""A PDU has up to 176 octets, 352 digits; what is longer is noise."""

PROMPT: Final = "> "
"""What a modem says when it waits for a text: nobody here ever has one for it."""

_MOST_LINES: Final = 4096
_FINAL: Final = re.compile(
    r"OK|ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT|TOO MANY PARAMETERS", re.IGNORECASE
)
_PUSHED: Final = ("+CMT:", "+CDS:", "+CBM:")
_CODED: Final = re.compile(r"[+^*#%$][A-Z][A-Z0-9_]*\b ?:?", re.IGNORECASE)
_WORDS: Final = re.compile(
    "RING|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|RDY|SYSSTART|START|MODEM:STARTUP|CALL READY|"
    "SMS READY|SMS DONE|PB DONE|NORMAL POWER DOWN|POWERED DOWN|(?:UNDER|OVER)-VOLTAGE WARN+ING",
    re.IGNORECASE,
)
_BOOT: Final = re.compile(r"RDY|\^?SYSSTART|\^BOOT\b.*|MODEM:STARTUP|START", re.IGNORECASE)
_SIM_OR_NETWORK: Final = re.compile(
    r"\+CPIN:|\+C(?:E|G|5G)?REG:|\^SIMST:|\^SRVST:|\+Q?USIM|\+QSIMSTAT|\+SIM|#QSS:|\*SIM",
    re.IGNORECASE,
)
_READ_REGISTRATION: Final = re.compile(r"\+C(?:E|G)?REG: *\d+ *, *\d+", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class LineReader:
    """Cuts what comes into lines, however it is cut on the way.

    Empty lines and octets that no line has are left out; a line longer than
    `LONGEST_LINE_OCTETS` is dropped as a whole.
    """

    __slots__ = ("_held", "_skipping")

    def __init__(self) -> None:
        self._held = b""
        self._skipping = False

    def feed(self, octets: bytes) -> list[str]:
        """The lines that are complete now; `PROMPT` is one although no line end follows."""
        *ended, self._held = re.split(rb"[\r\n]", self._held + octets)
        lines = [self._line(one) for one in ended]
        if self._held.strip(b" \x00") == b">":
            lines.append(PROMPT)
            self._held = b""
        if len(self._held) > LONGEST_LINE_OCTETS:
            self._held, self._skipping = b"", True
        return [line for line in lines if line]

    def _line(self, octets: bytes) -> str:
        if self._skipping or len(octets) > LONGEST_LINE_OCTETS:
            self._skipping = False
            return ""
        line = _UNPRINTABLE.sub("", octets.decode("latin-1"))
        return line if line == PROMPT else line.strip()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a modem answers to a command.

    Attributes:
        lines: what stands before the result code.
        result: the result code, as `OK` or `+CME ERROR: 10`.
        first: the first line that begins as it should; of an answer that has none the first one,
            empty when there is no line at all.
    """

    lines: tuple[str, ...]
    result: str
    first: str = ""

    @property
    def ok(self) -> bool:
        return self.result.upper() == "OK"

    @property
    def value(self) -> str:
        """The first line without its prefix; empty when there is none."""
        return value_of(self.first)


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """What a modem says by itself.

    Attributes:
        line: what it says.
        body: the line behind it, where the message itself is pushed.
    """

    line: str
    body: str | None = None

    @property
    def is_boot(self) -> bool:
        """It has started anew, so what was set is forgotten."""
        return _BOOT.fullmatch(self.line) is not None

    @property
    def is_of_sim_or_network(self) -> bool:
        """The SIM, the registration or the signal is not what it was."""
        return _SIM_OR_NETWORK.match(self.line) is not None


@dataclass(frozen=True, slots=True)
class Echo:
    """The modem repeats what it is told."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A line of an answer that is not complete yet."""


Said = Answer | Unsolicited | Echo | Progress


class Dialogue:
    """Tells answers from what a modem says by itself, one line after the other.

    One command at a time: `ask` before it is sent, then `take` each line until an `Answer`.
    """

    __slots__ = ("_command", "_lines", "_prefixes", "_pushed")

    def __init__(self) -> None:
        self._command: str | None = None
        self._prefixes: tuple[str, ...] = ()
        self._lines: list[str] = []
        self._pushed: str | None = None

    def ask(self, command: str, prefixes: tuple[str, ...] = ()) -> None:
        """A command is sent now, what was asked before is over.

        Args:
            command: as it is sent, without the line end.
            prefixes: what lines of its answer begin with, as `+CSQ:`; a line with another such
                prefix is nothing of the answer.
        """
        self._command, self._lines = command, []
        self._prefixes = tuple(one.upper() for one in prefixes)

    def take(self, line: str) -> Said | None:
        """What a line means; None for one that means nothing by itself, as stray ones do."""
        if self._pushed is not None:
            return self._take_body(self._pushed, line)
        if line.upper().startswith(_PUSHED):
            self._pushed = line
            return None
        if self._command is not None and line == self._command:
            return Echo()
        if _FINAL.fullmatch(line):
            return self._take_result(line)
        if self._is_of_answer(line):
            if len(self._lines) < _MOST_LINES:
                self._lines.append(line)
            return Progress()
        return None if line == PROMPT or not _is_unsolicited(line) else Unsolicited(line)

    def _take_body(self, pushed: str, line: str) -> Said | None:
        """The line behind the header of a pushed message, or, when that was lost, the next one."""
        self._pushed = None
        if _HEX.fullmatch(line):
            return Unsolicited(pushed, line)
        return self.take(line)

    def _take_result(self, line: str) -> Said | None:
        if self._command is None:
            return None
        self._command = None
        fitting = (one for one in self._lines if one.upper().startswith(self._prefixes))
        first = next(fitting, self._lines[0] if self._lines else "")
        return Answer(tuple(self._lines), line, first)

    def _is_of_answer(self, line: str) -> bool:
        if self._command is None or line == PROMPT:
            return False
        upper = line.upper()
        if upper.startswith(self._prefixes) and self._prefixes:
            # Of a registration that changes the modem tells fewer values by itself.
            is_registration = _CODED.match(line) and "REG:" in upper[:8]
            return not is_registration or bool(_READ_REGISTRATION.match(line))
        return not _is_unsolicited(line)


def _is_unsolicited(line: str) -> bool:
    return _WORDS.fullmatch(line) is not None or _CODED.match(line) is not None


# Values of answers.

_PREFIX: Final = re.compile(r"[+^*#%$]?[A-Z][A-Z0-9]*: *", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"\d+")
_QUOTED: Final = re.compile(r'"([^"]*)"')
# The name that a phone book has for the sender; commas may stand in it.
_NAME: Final = r'(?:(?: *"[^"]*" *|[^,]*),)?'
_LISTED: Final = re.compile(rf"\+CMGL: *(\d+) *, *(\d+) *,{_NAME} *(\d+)", re.IGNORECASE)
_READ: Final = re.compile(rf"\+CMGR: *(\d+) *,{_NAME} *(\d+)", re.IGNORECASE)
_ARRIVED: Final = re.compile(r'\+C[MD][TS]I: *"?(\w+)"? *, *(\d+)', re.IGNORECASE)
_PUSHED_LENGTH: Final = re.compile(rf"\+C(?:MT|DS): *{_NAME} *(\d+)", re.IGNORECASE)
_ICCID: Final = re.compile(r"(?<![0-9A-F])([0-9]{18,20})F{0,2}(?![0-9A-F])", re.IGNORECASE)
_RAW_ICCID: Final = re.compile(r'\+CRSM: *144 *, *\d+ *, *"?([0-9A-F]{20})', re.IGNORECASE)
_IMSI: Final = re.compile(r"\d{6,15}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that lies in a modem's storage.

    Attributes:
        index: its place; None where the modem does not tell.
        status: 0 new, 1 read, 2 and 3 of the SIM's own (TS 27.005, 3.1).
        length: of the TPDU in octets, as the modem announces it.
        pdu: in hex, as it came; empty or odd when the line was damaged on its way.
    """

    index: int | None
    status: int
    length: int
    pdu: str


def value_of(line: str) -> str:
    """A line without its prefix and without quotation marks around all of it."""
    value = _PREFIX.sub("", line, count=1).strip()
    quoted = _QUOTED.fullmatch(value)
    return quoted[1] if quoted else value


def fields_of(line: str) -> list[str]:
    """The values of a line, without prefix and quotation marks."""
    fields = [""]
    for at, piece in enumerate(_PREFIX.sub("", line, count=1).split('"')):
        first, *others = [piece] if at % 2 else piece.split(",")
        fields[-1] += first
        fields += others
    return [one.strip() for one in fields]


def listed(lines: tuple[str, ...]) -> list[Stored]:
    """The messages of an answer to +CMGL or +CMGR; a header without a line behind it is none."""
    found: list[Stored] = []
    for line in lines:
        if match := _LISTED.match(line):
            found.append(Stored(int(match[1]), int(match[2]), int(match[3]), ""))
        elif match := _READ.match(line):
            found.append(Stored(None, int(match[1]), int(match[2]), ""))
        elif found and not is_hex(found[-1].pdu):
            # The line behind the header; what is no PDU may be noise before it.
            found[-1] = replace(found[-1], pdu=line)
    return [one for one in found if one.pdu]


def is_hex(text: str) -> bool:
    """Whether it is octets in hex."""
    return _HEX.fullmatch(text) is not None


def arrived(line: str) -> tuple[str, int] | None:
    """The storage and the place that +CMTI or +CDSI tells."""
    match = _ARRIVED.match(line)
    return (match[1].upper(), int(match[2])) if match else None


def pushed_length(line: str) -> int | None:
    """The length that +CMT or +CDS announces."""
    match = _PUSHED_LENGTH.match(line)
    return int(match[1]) if match else None


def storages(line: str) -> list[str]:
    """The storages that +CPMS=? offers for reading and deleting."""
    first = re.search(r"\(([^)]*)\)", line)
    return [one.upper() for one in _QUOTED.findall(first[1])] if first else []


def fullness(line: str) -> tuple[int, int] | None:
    """How many places of the storage for reading are used, and how many it has, from +CPMS."""
    numbers = [int(one) for one in fields_of(line) if _NUMBERS.fullmatch(one)]
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else None


def signal_dbm(line: str) -> int | None:
    """The signal of +CSQ in dBm.

    Source: 3GPP TS 27.007, 8.5.
    """
    found = _NUMBERS.search(value_of(line))
    steps = int(found[0]) if found else 99
    return 2 * steps - 113 if steps <= 31 else None


def registration(line: str) -> int | None:
    """The state of +CREG or its kin.

    Source: 3GPP TS 27.007, 7.2.
    """
    fields = fields_of(line)
    return int(fields[1]) if len(fields) >= 2 and _NUMBERS.fullmatch(fields[1]) else None


def operator_of(line: str) -> str | None:
    """The operator's name of +COPS, as it is spelt there."""
    fields = fields_of(line)
    return fields[2] or None if len(fields) >= 3 else None


def own_number(line: str) -> str | None:
    """The number of +CNUM, as it is spelt there."""
    fields = fields_of(line)
    return fields[1] or None if len(fields) >= 2 else None


def imsi(lines: tuple[str, ...]) -> str | None:
    """The IMSI of +CIMI."""
    return next((value_of(line) for line in lines if _IMSI.fullmatch(value_of(line))), None)


def iccid(lines: tuple[str, ...]) -> str | None:
    """The ICCID of any of the commands that give it, digits alone.

    Raw contents of its file come with the half octets swapped, and some modems forget to swap
    them: an ICCID begins with 89.

    Source: ITU-T E.118, 4.1; ETSI TS 102 221, 13.2 (the file), 3GPP TS 27.007, 8.18 (+CRSM).
    """
    for line in lines:
        raw = _RAW_ICCID.match(line)
        digits = _swapped(raw[1]) if raw else line
        found = _ICCID.search(digits)
        if found is None and not raw and (hexed := re.search(r"[0-9A-F]{20}", line, re.IGNORECASE)):
            found = _ICCID.search(_swapped(hexed[0]))
        if found:
            return _swapped(found[1]) if _is_swapped(found[1]) else found[1]
    return None


def _is_swapped(digits: str) -> bool:
    return digits.startswith("98") and len(digits) % 2 == 0


def _swapped(digits: str) -> str:
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits) - 1, 2))
