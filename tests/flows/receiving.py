"""A rental that waits, and what its tests say of a message."""

from simlet.domain.inbound import Quarantine
from simlet.domain.rental import Rental
from simlet.flows.receive_message import Receipt
from simlet.testing.world import Dealer, World

NUMBER = "0967000001"
CODE = "Your code is 123456"
OTHER_CODE = "Your code is 654321"
NO_CODE = "Welcome, and thank you for being with us"


async def waiting_rental(world: World) -> tuple[Dealer, Rental]:
    """A dealer with a rental of 60 s, which takes messages of the sender Yahoo."""
    await world.gateway("default")
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000)
    return dealer, (await world.rent(dealer, 4)).rental


async def balances(world: World, dealer: Dealer) -> tuple[int, int, int]:
    account = await world.account(dealer)
    return account.available_dong, account.held_dong, account.waiting_count


def quarantined(receipt: Receipt, reason: Quarantine) -> bool:
    return receipt.quarantine is reason and receipt.rental_id is None and not receipt.duplicate
