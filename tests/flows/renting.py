"""What the tests of renting ask again and again."""

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refusal, Refused
from simlet.testing.world import Dealer, World


async def refusal_of_rent(
    world: World, dealer: Dealer, service_id: int, *, networks: tuple[str, ...] = ()
) -> Refusal:
    with pytest.raises(Refused) as refused:
        await world.rent(dealer, service_id, networks=networks)
    return refused.value.refusal


async def rent_all(
    world: World,
    dealer: Dealer,
    service_id: int,
    *,
    networks: tuple[str, ...] = (),
    wanted: tuple[str, ...] = (),
    unwanted: tuple[str, ...] = (),
) -> list[str]:
    """The numbers of all that can be rented, one after the other, with the 0 in front."""
    numbers: list[str] = []
    while True:
        try:
            rented = await world.rent(
                dealer, service_id, networks=networks, wanted=wanted, unwanted=unwanted
            )
        except Refused as refused:
            if refused.refusal is not errors.OUT_OF_STOCK:
                raise
            return numbers
        numbers.append("0" + rented.rental.number.removeprefix("+84"))
