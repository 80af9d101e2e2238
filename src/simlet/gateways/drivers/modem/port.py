"""The life of one port: opened, set up, read, and begun again whenever it fails."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from simlet.domain.health import LineReport, Reception
from simlet.gateways.at_port import AtPort, ModemRestarted, PortLost, open_port
from simlet.gateways.contract import DriverContext
from simlet.gateways.drivers.modem.bell import Bell, timer, until_first_ends
from simlet.gateways.drivers.modem.board import Board
from simlet.gateways.drivers.modem.equipment import Card, Modem
from simlet.gateways.drivers.modem.mailbox import Mailbox, Pushed, hand_over_pushed
from simlet.log import get_log
from simlet.wire.at import Unsolicited

LOOK_S: Final = 15.0
NO_SIM_S: Final = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
_STEADY_S: Final = 60.0
_BETWEEN_LOOKS_S: Final = 1.0
_BETWEEN_BOOTS_S: Final = 20.0
_MOST_EARLY: Final = 50

_log = get_log("modem")


@dataclass(frozen=True, slots=True)
class PortSettings:
    """See the settings of the kind."""

    baud: int
    pin: str = field(repr=False)
    command_timeout_s: float
    poll_s: float


@dataclass(slots=True)
class Port:
    """One port, by its address.

    Attributes:
        _card: the SIM that it had last.
        _mailbox: that of the SIM that it has now.
        _pushed: messages that no storage has; they outlive the connection.
        _early: those of them that came before the SIM was known.
        _bell: rings when the SIM or the network is not what it was.
        _booted_at_s: when the modem last said that it starts anew.
        _starts_anew: it said so just now.
    """

    context: DriverContext
    board: Board
    settings: PortSettings
    place: str
    _card: Card | None = None
    _mailbox: Mailbox | None = None
    _pushed: deque[Pushed] = field(default_factory=deque)
    _early: deque[Unsolicited] = field(default_factory=lambda: deque(maxlen=_MOST_EARLY))
    _bell: Bell = field(default_factory=Bell)
    _booted_at_s: float | None = None
    _starts_anew: bool = False

    async def run(self) -> None:
        """Reads the port until it is cancelled; a failure of any kind is its own alone."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self.context.clock.monotonic_s()
            try:
                await self._read_port()
            except ModemRestarted:
                pause_s = FIRST_PAUSE_S
                _log.info("modem_restarted", gateway=self.context.gateway, port=self.place)
            except PortLost as lost:
                self._tell_silent(str(lost))
            except Exception as error:  # noqa: BLE001 - logged, and the other ports go on
                _log.exception("modem_port_failed", gateway=self.context.gateway, port=self.place)
                self._tell_silent(type(error).__name__)
            if self.context.clock.monotonic_s() - began_s > _STEADY_S:
                pause_s = FIRST_PAUSE_S
            await self.context.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def hand_over_rest(self) -> None:
        """Hands over what was pushed and nobody else may have; the port is not read any more.

        It tries until all is kept; what is not when it is cancelled is lost, and told.
        """
        # What came before its SIM was known is nobody's.
        self._pushed.extend((said, Card(None, None, None)) for said in self._early)
        self._early.clear()
        pause_s = FIRST_PAUSE_S
        try:
            while not await hand_over_pushed(self.context, self._pushed):
                await self.context.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        finally:
            if self._pushed:
                self._tell_lost(len(self._pushed))

    def _tell_lost(self, messages: int) -> None:
        _log.error(
            "modem_pushed_lost", gateway=self.context.gateway, port=self.place, messages=messages
        )

    def tell_gone(self) -> None:
        """The port is not there any more."""
        self._tell_silent("is gone")
        self.board.forget(self.place)

    def _tell_silent(self, reason: str) -> None:
        self.board.release(self.place)
        self.board.tell_silent(self.place, reason, self._card.iccid if self._card else None)

    async def _read_port(self) -> None:
        self._starts_anew = False
        chosen = self.settings
        opened = open_port(self.place, chosen.baud, chosen.command_timeout_s, self._hear)
        try:
            async with opened as port:
                await until_first_ends(port.until_lost(), self._read_modem(port))
        finally:
            self._mailbox = None
            self.board.release(self.place)

    async def _read_modem(self, port: AtPort) -> None:
        modem = Modem(port, self.context.clock)
        await modem.wake()
        await self._until_sim(modem)
        reading = await modem.set_up()
        card = await self._until_claimed(modem)
        self._card = card
        self._mailbox = Mailbox(
            *(self.context, self.board, self.place, modem, card, reading),
            poll_s=self.settings.poll_s,
            pushed=self._pushed,
        )
        while self._early:
            self._mailbox.hear(self._early.popleft())
        self.board.tell_working(self.place)
        await until_first_ends(self._mailbox.run(), self._look(modem, card))

    def _hear(self, said: Unsolicited) -> None:
        if self._mailbox:
            self._mailbox.hear(said)
        elif said.body is not None:
            if len(self._early) == _MOST_EARLY:
                self._tell_lost(1)
            self._early.append(said)
        if said.is_boot and not self._booted_lately():
            self._starts_anew = True
            self._bell.ring()
        elif said.is_of_sim_or_network:
            self._bell.ring()

    def _booted_lately(self) -> bool:
        """Some modems say that they boot every few seconds, although they do not."""
        now_s = self.context.clock.monotonic_s()
        before_s, self._booted_at_s = self._booted_at_s, now_s
        return before_s is not None and now_s - before_s < _BETWEEN_BOOTS_S

    async def _until_sim(self, modem: Modem) -> None:
        """Waits for a SIM that can be used, and tells meanwhile what is the matter."""
        while True:
            trouble = await self._sim_trouble(modem)
            if trouble is None:
                return
            self.board.tell_working(self.place)
            self.context.report(LineReport(self.place, trouble))
            await self._pause(NO_SIM_S)

    async def _sim_trouble(self, modem: Modem) -> Reception | None:
        return await modem.sim_trouble(self.settings.pin, self.board.refused_pins, self.place)

    async def _until_claimed(self, modem: Modem) -> Card:
        """Waits while the SIM does not tell its ICCID, or another port reads the same one.

        A message that is handed over without its SIM's ICCID may be matched to nobody, and it is
        deleted then all the same.
        """
        while True:
            card = await modem.card()
            if card is None:
                await self._tell_untold(modem)
                await self._pause(NO_SIM_S)
                continue
            holder = self.board.claim(card.iccid, self.place)
            if holder == self.place:
                return card
            self.board.tell_idle(self.place, holder)
            await self._pause(LOOK_S)

    async def _tell_untold(self, modem: Modem) -> None:
        if await self._sim_trouble(modem) is not None:
            raise ModemRestarted
        self.board.tell_untold(self.place)
        self.context.report(LineReport(self.place, Reception.SEARCHING))

    async def _pause(self, seconds: float) -> None:
        """Waits for a while, or until the modem says that something is new."""
        async with timer(self.context.clock, seconds) as time:
            await self._bell.wait(time)
        if self._starts_anew:
            raise ModemRestarted

    async def _look(self, modem: Modem, card: Card) -> None:
        """Tells how the line does, again and again."""
        while True:
            if await self._sim_trouble(modem) is not None or not await modem.has_still(card):
                raise ModemRestarted
            self.context.report(await modem.line_report(self.place, card))
            await self.context.clock.sleep(_BETWEEN_LOOKS_S)
            await self._pause(LOOK_S - _BETWEEN_LOOKS_S)
