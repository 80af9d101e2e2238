"""The address that a rental names for itself."""

import pytest

from calling_back import claim, kinds, queue, record
from flows.changing_endpoints import SECRET, URL, change, refusal
from simlet.domain.allocate import Chance
from simlet.domain.endpoint import EndpointState
from simlet.domain.errors import INVALID
from simlet.domain.extras import Extras
from simlet.flows.manage_endpoints import endpoint_for_url, remove_endpoint, show_endpoint
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.store.sql import Tx
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


def renting_with(
    tx: Tx, dealer_id: int, url: str, now_ms: int, chance: Chance
) -> tuple[int, str | None, int]:
    """As /v1 rents with a `callback_url`: endpoint, secret and rental."""
    endpoint_id, secret = endpoint_for_url(tx, dealer_id, url, SECRET, now_ms)
    request = RentRequest(
        account_id=dealer_id,
        service_id=4,
        max_price_dong=None,
        networks=(),
        wanted=(),
        unwanted=(),
        extras=Extras({}, endpoint_id),
    )
    rented = rent_number(tx, request, now_ms, chance)
    return endpoint_id, secret, rented.rental.id


async def test_an_address_of_rentals_is_one_endpoint_whose_secret_is_told_once(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002", "0967000003")
    dealer, other = await world.dealer(), await world.dealer("other")
    now_ms, chance = world.clock.now_ms(), world.runtime.chance

    first = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    second = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    theirs = await world.db.write(renting_with, other.id, URL, now_ms, chance)

    assert (first[1], second[1], theirs[1]) == (SECRET, None, SECRET)
    assert first[0] == second[0] != theirs[0]


async def test_a_rental_s_own_endpoint_is_told_of_all_of_that_rental_and_of_no_other(
    world: World,
) -> None:
    await world.service(4)
    await world.lines("0967000001", "0967000002")
    dealer = await world.dealer()
    now_ms, chance = world.clock.now_ms(), world.runtime.chance
    one_id, _, rental_id = await world.db.write(renting_with, dealer.id, URL, now_ms, chance)
    await world.rent(dealer, 4)
    for number in ("0967000001", "0967000002"):
        await world.sms(number, "Your code is 123456")
    await queue(world)

    told = []
    while claimed := await claim(world):
        (delivery,) = claimed
        assert (delivery.callback.endpoint_id, delivery.callback.rental_id) == (one_id, rental_id)
        told += kinds(claimed)
        await record(world, delivery, 200)
    assert told == ["rental.waiting", "message.kept", "rental.received"]


async def test_the_address_of_rentals_cannot_be_changed_to_another(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)

    assert await refusal(change(world, dealer, one_id, url="https://c.example/")) is INVALID
    await change(world, dealer, one_id, url=URL, events=("rental.received",))


async def test_an_address_that_is_named_again_is_active_again(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)
    await change(world, dealer, one_id, active=False)

    assert await world.db.write(endpoint_for_url, dealer.id, URL, "new", now_ms) == (one_id, None)
    assert (await world.db.read(show_endpoint, dealer.id, one_id)).state is EndpointState.ACTIVE


async def test_a_removed_address_of_rentals_is_made_anew(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    one_id, _ = await world.db.write(endpoint_for_url, dealer.id, URL, SECRET, now_ms)
    await world.db.write(remove_endpoint, dealer.id, one_id, now_ms)

    made_id, secret = await world.db.write(endpoint_for_url, dealer.id, URL, "new", now_ms)

    assert (made_id != one_id, secret) == (True, "new")


async def test_long_addresses_of_rentals_are_told_apart(world: World) -> None:
    dealer = await world.dealer()
    now_ms = world.clock.now_ms()
    urls = [f"https://dealer.example/{'đ' * 1950}/{one}" for one in range(2)]

    made = [await world.db.write(endpoint_for_url, dealer.id, url, SECRET, now_ms) for url in urls]

    assert made[0][0] != made[1][0]
