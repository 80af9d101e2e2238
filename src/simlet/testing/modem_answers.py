"""What a pretend modem answers: its SIM, its storages, its network, without a port.

It answers in PDU mode alone.
Source: 3GPP TS 27.007, TS 27.005; ITU-T V.250.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from simlet.testing.sms_pdus import SMSC, tpdu_length

_NEW, _READ = 0, 1

# Results, with the numbers of TS 27.007, 9.2 and TS 27.005, 3.2.5.
_OK, _ERROR = "OK", "ERROR"
_NO_SIM, _PIN_WANTED, _WRONG_PIN, _PUK_WANTED = (
    *("+CME ERROR: 10", "+CME ERROR: 11", "+CME ERROR: 16", "+CME ERROR: 12"),
)
_NO_SUCH_PLACE: Final = "+CMS ERROR: 321"


@dataclass
class Sim:
    """A SIM card.

    Attributes:
        number: what it knows of its own number; empty for nothing.
        pin: what opens it; empty when it is open.
        tries: how many tries at the PIN are left.
        places: how many messages it can hold.
        stored: the messages in it, by place.
    """

    iccid: str = "8984048000012345678"
    imsi: str = "452040000000001"
    number: str = "+84912345678"
    pin: str = ""
    tries: int = 3
    places: int = 20
    stored: dict[int, "StoredMessage"] = field(default_factory=dict)


@dataclass
class StoredMessage:
    """A message in a storage: its PDU in hex, the announced length, whether it was read."""

    pdu: str
    length: int
    status: int = _NEW


@dataclass
class Faults:
    """What a modem can do wrong.

    Attributes:
        silent: it answers nothing.
        echo_forever: `ATE0` changes nothing.
        between: lines that it says in the middle of each answer.
        unknown: commands that it does not know, as the beginnings of what is asked.
        results: results for the next commands with such a beginning; nothing is done for them.
        pieces: its octets come one by one.
        noise: octets that it says before each answer.
        halves: so many of the next PDUs lose their second half on the way.
        prompts: somebody left it waiting for a text: until it is escaped from, all is text.
        tells_twice: each +CMTI comes twice.
        tells_not: no +CMTI comes.
    """

    silent: bool = False
    echo_forever: bool = False
    between: Sequence[str] = ()
    unknown: tuple[str, ...] = ()
    results: dict[str, list[str]] = field(default_factory=dict)
    pieces: bool = False
    noise: bytes = b""
    halves: int = 0
    prompts: bool = False
    tells_twice: bool = False
    tells_not: bool = False


_OF_SIM: Final = frozenset(
    ("+CCID", "+CRSM", "+CIMI", "+CNUM", "+CSCA", "+CPMS", "+CNMI", "+CMGL", "+CMGR", "+CMGD")
)


def _place(asked: str) -> int:
    found = re.match(r"=(\d{1,4})", asked)
    return int(found[1]) if found else -1


def _fixed(*lines: str) -> Callable[["ModemAnswers", str], list[str]]:
    return lambda _modem, asked: [_OK] if asked == "=?" else [*lines, _OK]


@dataclass
class ModemAnswers:
    """A modem without its port.

    Attributes:
        sim: the SIM that is in it; None for none.
        own: the modem's own storage.
        own_places: how many messages that holds.
        registration: the state that +CREG tells.
        waiting: messages that the network keeps, as there is no room: PDU, length, storage.
    """

    sim: Sim | None = field(default_factory=Sim)
    own: dict[int, StoredMessage] = field(default_factory=dict)
    own_places: int = 23
    faults: Faults = field(default_factory=Faults)
    registration: int = 1
    signal: int = 20
    operator: str = "Viettel"
    waiting: deque[tuple[str, int, str]] = field(default_factory=deque)
    _echoes: bool = True
    _unlocked: bool = False
    _storages: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    _notices: list[str] = field(default_factory=lambda: ["0"] * 5)
    _service: int = 0
    _unacknowledged: bool = False

    def say(self, *lines: str) -> None:
        """Says lines by itself."""
        raise NotImplementedError

    def receive(self, pdu: bytes, length: int | None = None, storage: str = "") -> None:
        """A message comes from the network, or is put into a storage by hand.

        Args:
            pdu: with the address of the SMSC in front.
            length: the length to announce; None for the right one.
            storage: `SM` or `ME`; empty for the one that was chosen for what comes in.
        """
        announced = tpdu_length(pdu) if length is None else length
        self.waiting.append((pdu.hex().upper(), announced, storage))
        self.take_in()

    def reboot(self, *greeting: str) -> None:
        """Forgets all that was set."""
        self._echoes, self._unlocked, self._service = True, False, 0
        self._storages, self._notices = ["SM", "SM", "SM"], ["0"] * 5
        self.say(*greeting)

    def swap_sim(self, sim: Sim | None, *notice: str) -> None:
        """Puts another SIM in, or none."""
        self.sim, self._unlocked = sim, False
        self.say(*notice)
        self.take_in()

    @property
    def is_set_up(self) -> bool:
        """Whether it was told to tell of messages."""
        return self._notices[1] != "0"

    def stored(self, storage: str) -> dict[int, StoredMessage]:
        """The messages in a storage, by place."""
        if storage == "ME":
            return self.own
        return self.sim.stored if self.sim else {}

    def _places(self, storage: str) -> int:
        if storage == "ME":
            return self.own_places
        return self.sim.places if self.sim else 0

    def take_in(self) -> None:
        """Takes in what the network has, as far as there is room for it."""
        while self.waiting and not self._unacknowledged:
            pdu, length, storage = self.waiting[0]
            if not storage and self._notices[1] == "2":
                self.say(f"+CMT: ,{length}", pdu)
                self._unacknowledged = self._service == 1
                if not self._unacknowledged:
                    self.waiting.popleft()
                continue
            storage = storage or self._storages[2]
            free = set(range(1, self._places(storage) + 1)) - set(self.stored(storage))
            if not free:
                return
            self.waiting.popleft()
            self.stored(storage)[min(free)] = StoredMessage(pdu, length)
            if self._notices[1] == "1" and not self.faults.tells_not:
                self.say(*[f'+CMTI: "{storage}",{min(free)}'] * (1 + self.faults.tells_twice))

    def answer(self, asked: str) -> list[str]:
        """The lines of an answer, the result the last of them; `asked` is what stands behind AT.

        One line may hold several commands, as `E0;+CMEE=1` (V.250, 5.2.1).
        """
        answers: list[str] = []
        for part in asked.upper().split(";"):
            *lines, result = self._answer(part)
            answers += lines
            if result != _OK:
                return [*answers, result]
        return [*answers, _OK]

    def _answer(self, asked: str) -> list[str]:
        for start, results in self.faults.results.items():
            if results and asked.startswith(start):
                return [results.pop(0)]
        name = re.match(r"[+^*#%$]?[A-Z]+|", asked)
        command = name[0] if name else ""
        if command not in self._COMMANDS or asked.startswith(self.faults.unknown):
            return [_ERROR]
        if command in _OF_SIM and (trouble := self._sim_trouble()):
            return [trouble]
        return self._COMMANDS[command](self, asked.removeprefix(command))

    def _echo(self, asked: str) -> list[str]:
        self._echoes = asked != "0" or self.faults.echo_forever
        return [_OK]

    def _sim_trouble(self) -> str:
        if self.sim is None:
            return _NO_SIM
        if self.sim.pin and not self._unlocked:
            return _PIN_WANTED if self.sim.tries else _PUK_WANTED
        return ""

    def _power(self, asked: str) -> list[str]:
        known = {"=?": ["+CFUN: (1),(0)", _OK], "?": ["+CFUN: 1", _OK], "=1": [_OK]}
        return known.get(asked, [_ERROR])

    def _pin(self, asked: str) -> list[str]:
        if self.sim is None:
            return [_NO_SIM]
        if asked == "?":
            state = {_PIN_WANTED: "SIM PIN", _PUK_WANTED: "SIM PUK"}.get(self._sim_trouble())
            return [f"+CPIN: {state or 'READY'}", _OK]
        if asked == "=?":
            return [_OK]
        if not self.sim.tries:
            return [_PUK_WANTED]
        self._unlocked = asked.strip('="') == self.sim.pin
        self.sim.tries = 3 if self._unlocked else self.sim.tries - 1
        return [_OK if self._unlocked else _WRONG_PIN]

    def _pin_tries(self, _asked: str) -> list[str]:
        return [f"+CPINR: SIM PIN,{self.sim.tries},3", _OK] if self.sim else [_NO_SIM]

    def _iccid(self, _asked: str) -> list[str]:
        return [f"+CCID: {self.sim.iccid}" if self.sim else "", _OK]

    def _raw_iccid(self, asked: str) -> list[str]:
        if asked != "=176,12258,0,0,10" or not self.sim:
            return [_ERROR]
        padded = self.sim.iccid.ljust(20, "F")
        swapped = "".join(padded[at + 1] + padded[at] for at in range(0, 20, 2))
        return [f'+CRSM: 144,0,"{swapped}"', _OK]

    def _imsi(self, asked: str) -> list[str]:
        return [_OK] if asked == "=?" or not self.sim else [self.sim.imsi, _OK]

    def _number(self, asked: str) -> list[str]:
        if asked == "=?" or not self.sim or not self.sim.number:
            return [_OK]
        kind = 145 if self.sim.number.startswith("+") else 129
        return [f'+CNUM: "own","{self.sim.number}",{kind}', _OK]

    def _registered(self, asked: str) -> list[str]:
        return [f"+CREG: 0,{self.registration}", _OK] if asked == "?" else [_OK]

    def _signal(self, asked: str) -> list[str]:
        return ["+CSQ: (0-31,99),(99)" if asked == "=?" else f"+CSQ: {self.signal},99", _OK]

    def _network(self, asked: str) -> list[str]:
        return [f'+COPS: 0,0,"{self.operator}"', _OK] if asked == "?" else [_OK]

    def _smsc(self, asked: str) -> list[str]:
        return [f'+CSCA: "{SMSC}",145', _OK] if asked == "?" else [_OK]

    def _format(self, asked: str) -> list[str]:
        known = {"=?": ["+CMGF: (0)", _OK], "?": ["+CMGF: 0", _OK], "=0": [_OK]}
        return known.get(asked, [_ERROR])

    def _alphabet(self, asked: str) -> list[str]:
        known = {"=?": ['+CSCS: ("GSM","IRA")', _OK], "?": ['+CSCS: "GSM"', _OK]}
        return known.get(asked, [_OK if asked in {'="GSM"', '="IRA"'} else _ERROR])

    def _message_service(self, asked: str) -> list[str]:
        if asked == "=?":
            return ["+CSMS: (0,1)", _OK]
        if asked == "?":
            return [f"+CSMS: {self._service},1,1,1", _OK]
        if asked not in {"=0", "=1"}:
            return [_ERROR]
        self._service = int(asked[1])
        return ["+CSMS: 1,1,1", _OK]

    def _choose_storage(self, asked: str) -> list[str]:
        if asked == "=?":
            both = '("SM","ME")'
            return [f"+CPMS: {both},{both},{both}", _OK]
        if asked == "?":
            shares = [f'"{one}",{self._share(one)}' for one in self._storages]
            return ["+CPMS: " + ",".join(shares), _OK]
        chosen = re.findall(r'"(\w+)"', asked)
        if not 1 <= len(chosen) <= 3 or not set(chosen) <= {"SM", "ME"}:
            return ["+CMS ERROR: 302"]
        self._storages[: len(chosen)] = chosen
        return ["+CPMS: " + ",".join(self._share(one) for one in self._storages), _OK]

    def _share(self, storage: str) -> str:
        return f"{len(self.stored(storage))},{self._places(storage)}"

    def _choose_notices(self, asked: str) -> list[str]:
        if asked == "=?":
            return ["+CNMI: (0-2),(0-2),(0),(0),(0,1)", _OK]
        if asked == "?":
            return ["+CNMI: " + ",".join(self._notices), _OK]
        chosen = asked[1:].split(",")
        if not asked.startswith("=") or len(chosen) > 5 or not set(chosen) <= set("012"):
            return [_ERROR]
        self._notices[: len(chosen)] = chosen
        # A message that nobody acknowledged comes again to who asks for messages again.
        self._unacknowledged = False
        return [_OK]

    def _acknowledge(self, _asked: str) -> list[str]:
        if not self._unacknowledged:
            return ["+CMS ERROR: 340"]
        self._unacknowledged = False
        self.waiting.popleft()
        return [_OK]

    def _list(self, asked: str) -> list[str]:
        if asked == "=?":
            return ["+CMGL: (0-4)", _OK]
        if re.fullmatch(r"(=[0-4])?", asked) is None:
            return ["+CMS ERROR: 305"]
        wanted = int(asked[1:] or 0)
        lines = []
        for place, one in sorted(self.stored(self._storages[0]).items()):
            if wanted in {4, one.status}:
                lines += [f"+CMGL: {place},{one.status},,{one.length}", one.pdu]
                one.status = max(one.status, _READ)
        return [*lines, _OK]

    def _read_one(self, asked: str) -> list[str]:
        if asked == "=?":
            return [_OK]
        one = self.stored(self._storages[0]).get(_place(asked))
        if one is None:
            return [_NO_SUCH_PLACE]
        status, one.status = one.status, max(one.status, _READ)
        return [f"+CMGR: {status},,{one.length}", one.pdu, _OK]

    def _delete(self, asked: str) -> list[str]:
        stored = self.stored(self._storages[0])
        if asked == "=?":
            return [f"+CMGD: ({','.join(map(str, sorted(stored)))}),(0-4)", _OK]
        flag = int((re.findall(r",([0-4])$", asked) or ["0"])[0])
        if flag == 0:
            return [_OK if stored.pop(_place(asked), None) else _NO_SUCH_PLACE]
        for place, one in list(stored.items()):
            if flag == 4 or one.status in range(_READ, flag + 1):
                del stored[place]
        return [_OK]

    _COMMANDS: ClassVar[Mapping[str, Callable[["ModemAnswers", str], list[str]]]] = {
        **dict.fromkeys(("", "Z", "&F", "&D", "&C", "V", "Q", "X", "S"), _fixed()),
        "E": _echo,
        "I": _fixed("simlet", "pretend modem", "revision 1"),
        "+CGMI": _fixed("simlet"),
        "+GMI": _fixed("simlet"),
        "+CGMM": _fixed("pretend modem"),
        "+GMM": _fixed("pretend modem"),
        "+CGMR": _fixed("1"),
        "+GMR": _fixed("1"),
        "+CGSN": _fixed("490154203237518"),  # the example of TS 23.003, of no real device
        "+CMEE": _fixed(),
        "+CFUN": _power,
        "+CPIN": _pin,
        "+CPINR": _pin_tries,
        "+CCID": _iccid,
        "+CRSM": _raw_iccid,
        "+CIMI": _imsi,
        "+CNUM": _number,
        "+CREG": _registered,
        "+CSQ": _signal,
        "+COPS": _network,
        "+CSCA": _smsc,
        "+CMGF": _format,
        "+CSCS": _alphabet,
        "+CSMS": _message_service,
        "+CPMS": _choose_storage,
        "+CNMI": _choose_notices,
        "+CNMA": _acknowledge,
        "+CMGL": _list,
        "+CMGR": _read_one,
        "+CMGD": _delete,
    }
