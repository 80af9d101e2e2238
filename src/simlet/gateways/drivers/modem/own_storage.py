"""Whose the messages are that lie in a modem's own storage: that stays when the SIM goes.

What lay there when another SIM was found is nobody's: it is handed over without a SIM, for the
operator. What comes later is the SIM's that is in the modem.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from simlet.gateways.contract import DriverContext
from simlet.gateways.drivers.modem.equipment import Card
from simlet.log import get_log

OWN: Final = "ME"
_ASK_S: Final = 5.0
_NOBODY: Final = Card(None, None, None)

_log = get_log("modem")


@dataclass(slots=True)
class OwnStorage:
    """The storage of the modem in one port; it outlives the port.

    Attributes:
        _card: the SIM that is in the modem.
        _seen_with: what the SIM is known by with which it was looked at last; None for what an
            earlier process saw.
        _strangers: places whose messages may be those of another SIM.
        _is_looked_at: whether it was read since this SIM was found.
    """

    context: DriverContext
    place: str
    _card: Card = _NOBODY
    _seen_with: frozenset[str] | None = None
    _strangers: set[int] = field(default_factory=set)
    _is_looked_at: bool = False

    def begin(self, card: Card) -> None:
        """A SIM was found, the same one or another."""
        self._card = card
        self._is_looked_at = False

    @property
    def is_looked_at(self) -> bool:
        """Whether it was read since this SIM was found."""
        return self._is_looked_at

    def card_of(self, index: int | None) -> Card:
        """The SIM that a message came to; that of nobody where it is not known."""
        return _NOBODY if index in self._strangers else self._card

    def forget(self, index: int) -> None:
        """A place is empty now: what comes there next is the SIM's that is in the modem."""
        self._strangers.discard(index)

    async def look(self, found: set[int]) -> bool:
        """Takes note of the places where messages lie: whether they may be handed over now.

        They may not while it is not known which SIM was there before.
        """
        if found and not self._is_looked_at:
            before = await self._sim_before()
            if before is None:
                return False
            if before.isdisjoint(_known_by(self._card)):
                self._strangers |= found
                _log.warning(
                    "modem_owner_unknown",
                    gateway=self.context.gateway,
                    port=self.place,
                    messages=len(found),
                )
        self._is_looked_at = True
        self._seen_with = _known_by(self._card)
        self._strangers &= found
        return True

    async def _sim_before(self) -> frozenset[str] | None:
        if self._seen_with is not None:
            return self._seen_with
        try:
            async with asyncio.timeout(_ASK_S):
                return await self.context.last_sim(self.place)
        except Exception as error:  # noqa: BLE001 - they lie safe there, and are looked at again
            _log.warning(
                "modem_owner_not_read",
                gateway=self.context.gateway,
                port=self.place,
                error=type(error).__name__,
            )
            return None


def _known_by(card: Card) -> frozenset[str]:
    return frozenset(one for one in (card.iccid, card.imsi) if one)
