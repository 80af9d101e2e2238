"""The messages of one SIM: read, handed over, and deleted once they are kept."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from simlet.domain.inbound import Inbound
from simlet.gateways.at_port import ModemRestarted
from simlet.gateways.contract import DriverContext, Result
from simlet.gateways.drivers.modem.bell import Bell, timer
from simlet.gateways.drivers.modem.board import Board
from simlet.gateways.drivers.modem.equipment import Card, Modem, Reading
from simlet.gateways.drivers.modem.messages import inbound_of
from simlet.gateways.drivers.modem.own_storage import OWN, OwnStorage
from simlet.log import get_log
from simlet.wire import at
from simlet.wire.at import Stored, Unsolicited

MOST_AT_ONCE: Final = 20
MOST_PUSHED: Final = 200
_SURE_S: Final = 2.0
_MOST_FAILURES: Final = 3

_log = get_log("modem")

Place = tuple[str, int]
Pushed = tuple[Unsolicited, Card]
"""A message that came without being stored, and the SIM that it came to."""


@dataclass(slots=True)
class Mailbox:
    """Where the messages of one SIM lie.

    Attributes:
        place: the port, for the log.
        pushed: messages that came without being stored.
        _arrived: places that the modem told of, in order.
        _settled: what could not be deleted although it was kept, by its PDU.
        _unreadable: rounds in a row in which the storage could not be read.
    """

    context: DriverContext
    board: Board
    place: str
    modem: Modem
    card: Card
    reading: Reading
    poll_s: float
    pushed: deque[Pushed]
    bell: Bell = field(default_factory=Bell)
    _arrived: dict[Place, None] = field(default_factory=dict)
    _settled: dict[Place, str] = field(default_factory=dict)
    _selected: str = ""
    _unreadable: int = 0
    _own: OwnStorage = field(init=False)

    def __post_init__(self) -> None:
        self._own = self.board.own_storage(self.place)
        self._own.begin(self.card)

    def hear(self, said: Unsolicited) -> None:
        """Takes note of a message that the modem tells of."""
        if said.body is not None:
            self._hear_pushed(said)
        elif (place := at.arrived(said.line)) is not None:
            self._arrived[place] = None
        else:
            return
        self.bell.ring()

    def _hear_pushed(self, said: Unsolicited) -> None:
        if len(self.pushed) < MOST_PUSHED:
            self.pushed.append((said, self.card))
        elif not self.reading.acknowledges:
            # Nobody has it any more, and it could not have been refused.
            _log.error(
                "modem_pushed_lost", gateway=self.context.gateway, port=self.place, messages=1
            )

    async def run(self) -> None:
        """Reads what lies there, and what comes; looks again also when nothing is told.

        Raises:
            PortLost: no answer.
            ModemRestarted: the modem or its SIM is not the one it was.
        """
        while True:
            await self._read_all()
            async with timer(self.context.clock, self.poll_s) as time:
                while not time.done():
                    if await self.bell.wait(time) and not await self._read_told():
                        break

    async def _read_told(self) -> bool:
        """Reads what the modem told of; False when all has to be looked at for that."""
        await self._expect_same_card()
        await self._take_pushed()
        told, self._arrived = list(self._arrived), {}
        if any(storage not in self.reading.storages for storage, _ in told):
            return False
        if not self._own.is_looked_at and any(storage == OWN for storage, _ in told):
            return False
        for storage, index in told:
            if storage != self._selected:
                await self._select(storage)
            stored = await self._read(index)
            await self._settle(storage, [stored] if stored else [])
        return True

    async def _read_all(self) -> None:
        await self._expect_same_card()
        await self._take_pushed()
        for storage in self.reading.storages or ("",):
            self._arrived = {one: None for one in self._arrived if one[0] != storage}
            used, total = await self._select(storage)
            stored = await self._listed(total) if used else []
            if storage == OWN and not await self._look_at_own(used, total, stored):
                continue
            deleted = 0
            for first in range(0, len(stored), MOST_AT_ONCE):
                deleted += await self._settle(storage, stored[first : first + MOST_AT_ONCE])
            if total:
                self.board.tell_storage(self.place, storage, (used - deleted) / total)

    async def _look_at_own(self, used: int, total: int, stored: list[Stored]) -> bool:
        """Whether it is known whose the messages are that lie in the modem's own storage."""
        is_read = not self._unreadable if used else total > 0
        if not is_read:
            return self._own.is_looked_at
        return await self._own.look({one.index for one in stored if one.index is not None})

    async def _expect_same_card(self) -> None:
        if not await self.modem.has_still(self.card):
            raise ModemRestarted

    async def _select(self, storage: str) -> tuple[int, int]:
        """How many places are used, and how many there are; at least one, where it is unknown."""
        self._selected = ""
        if storage:
            answer = await self.modem.ask(f'AT+CPMS="{storage}"', "+CPMS:")
            if not answer.ok:
                self._count_failure()
                return 0, 0
            self._selected = storage
            if full := at.fullness(answer.first):
                return full
        return 1, 0

    async def _listed(self, total: int) -> list[Stored]:
        """All messages of the selected storage that are the network's."""
        answer = await self.modem.ask("AT+CMGL=4", "+CMGL:")
        if answer.ok:
            self._unreadable = 0
            return at.listed(answer.lines)
        # Some count places from 0, others from 1.
        each = [await self._read(index) for index in range(total + 1)]
        found = [stored for stored in each if stored]
        if found:
            self._unreadable = 0
        else:
            self._count_failure()
        return found

    def _count_failure(self) -> None:
        """A modem that does not let itself be read for long is set up anew."""
        self._unreadable += 1
        if self._unreadable >= _MOST_FAILURES:
            raise ModemRestarted

    async def _read(self, index: int) -> Stored | None:
        answer = await self.modem.ask(f"AT+CMGR={index}", "+CMGR:")
        found = at.listed(answer.lines) if answer.ok else []
        if not found:
            return None
        return Stored(index, found[0].status, found[0].length, found[0].pdu)

    async def _settle(self, storage: str, many: list[Stored]) -> int:
        """Hands messages over and deletes what is kept: how many were deleted."""
        letters: list[tuple[Stored, Inbound]] = []
        done: list[Stored] = []
        for one in many:
            if one.status > 1 or one.index is None:
                continue  # the SIM's owner wrote it
            if self._settled.get((storage, one.index)) == one.pdu:
                done.append(one)
                continue
            read = await self._message(storage, one)
            if read is None:
                done.append(one)
            elif isinstance(read, Inbound):
                letters.append((one, read))
        began_s = self.context.clock.monotonic_s()
        results = await self.context.deliver([read for _, read in letters]) if letters else []
        pairs = zip(letters, results, strict=True)
        done += [one for (one, _), result in pairs if result is not Result.FAILED]
        is_sure = self.context.clock.monotonic_s() - began_s < _SURE_S
        return sum([await self._delete(storage, one, is_sure=is_sure) for one in done])

    async def _message(self, storage: str, stored: Stored) -> Inbound | Stored | None:
        """The message; None for what is none; what came instead when it is to be read later.

        What cannot be read is read once more: the line may be at fault and not the message.
        """
        card = self._own.card_of(stored.index) if storage == OWN else self.card
        read = inbound_of(stored.pdu, stored.length, card)
        if read is None or not read.damaged or stored.index is None:
            return read
        again = await self._read(stored.index)
        if again is None:
            return stored
        read = inbound_of(again.pdu, again.length, card)
        is_same = (again.pdu, again.length) == (stored.pdu, stored.length)
        return read if is_same or read is None or not read.damaged else again

    async def _delete(self, storage: str, stored: Stored, *, is_sure: bool) -> int:
        """Deletes a message that is kept, and nothing else: 1 when it did."""
        index = stored.index or 0
        if not is_sure:
            # Keeping took its time: another message may lie there by now.
            await self._expect_same_card()
            if storage:
                await self._select(storage)
            there = await self._read(index)
            if there is None or there.pdu != stored.pdu:
                return 0
        answer = await self.modem.ask(f"AT+CMGD={index}")
        if answer.ok:
            self._settled.pop((storage, index), None)
            if storage == OWN:
                self._own.forget(index)
            return 1
        self._settled[storage, index] = stored.pdu
        _log.warning("modem_not_deleted", gateway=self.context.gateway, port=self.place)
        return 0

    async def _take_pushed(self) -> None:
        """Hands over what came without being stored, and acknowledges it where that is asked."""
        while self.pushed:
            is_kept = await _is_kept(self.context, self.pushed[0])
            if not is_kept and not self.reading.acknowledges:
                return  # nobody else has it: it waits here
            self.pushed.popleft()
            if not is_kept:
                # The network sends it again, to a modem that is told anew to pass it on.
                raise ModemRestarted
            if self.reading.acknowledges:
                await self._acknowledge()

    async def _acknowledge(self) -> None:
        if (await self.modem.ask("AT+CNMA")).ok or not self.reading.pushing:
            return
        # It came too late, and the modem passes nothing on any more: TS 27.005, 3.4.4.
        if not (await self.modem.ask(self.reading.pushing)).ok:
            raise ModemRestarted


async def hand_over_pushed(context: DriverContext, pushed: deque[Pushed]) -> bool:
    """Hands messages over and takes them out, until one is not kept: whether all are."""
    while pushed:
        if not await _is_kept(context, pushed[0]):
            return False
        pushed.popleft()
    return True


async def _is_kept(context: DriverContext, pushed: Pushed) -> bool:
    """Hands one message over: whether it is kept, or is none."""
    said, card = pushed
    read = inbound_of(said.body or "", at.pushed_length(said.line), card)
    return read is None or (await context.deliver([read]))[0] is not Result.FAILED
