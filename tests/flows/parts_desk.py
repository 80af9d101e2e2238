"""A dealer that waits, and the parts of long messages that come in."""

from dataclasses import dataclass
from typing import Any

from simlet.domain.inbound import Inbound, MessageKind, Part
from simlet.domain.rental import RentalState
from simlet.flows.give_up_parts import give_up_parts, overdue_parts
from simlet.testing.world import Dealer, World

NUMBER = "+84967000001"
OTHER = "+84967000002"
PATIENCE_S = 30.0
HALVES = ("Your Yahoo code is 48", "6460. Do not share it.")
WHOLE = "".join(HALVES)


@dataclass
class Desk:
    """A dealer that waits for Yahoo on a line, and parts that come in."""

    world: World
    dealer: Dealer
    rental_id: int

    def part(
        self, text: str, number: int, total: int = 2, reference: int = 7, **changes: Any
    ) -> Inbound:
        whole = Inbound(MessageKind.SMS, NUMBER, "Yahoo", text, self.world.clock.now_ms())
        return whole._replace(part=Part(reference, total, number), **changes)

    async def receive(self, *inbounds: Inbound) -> list[Any]:
        return [await self.world.receive(one, None) for one in inbounds]

    async def give_up(self) -> int:
        now_ms = self.world.clock.now_ms()
        overdue = await self.world.db.read(overdue_parts, now_ms, PATIENCE_S, 100)
        return sum([await self.world.db.write(give_up_parts, one, now_ms) for one in overdue])

    async def texts(self) -> list[str]:
        return [row[0] for row in await self.world.rows("SELECT body FROM messages ORDER BY id")]

    async def shown(self) -> tuple[RentalState, str | None, str | None]:
        view = await self.world.rental(self.dealer, self.rental_id)
        return view.state, view.text, view.code
