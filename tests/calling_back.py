"""Callbacks by hand: what the worker of callbacks does, step by step, on the world's clock."""

from collections.abc import Collection

from simlet.domain.endpoint import BodyFormat, Endpoint
from simlet.domain.signing import new_webhook_secret
from simlet.flows.deliver_callbacks import (
    Capacity,
    Delivery,
    claim_callbacks,
    queue_callbacks,
    under_way,
)
from simlet.flows.manage_endpoints import EndpointSpec, add_endpoint
from simlet.flows.note_attempts import AttemptResult, note_attempts
from simlet.store import events
from simlet.testing.world import Dealer, World

LEASE_S = 40
NUMBER = "0967000001"
CODE = "Your code is 123456"
URL = "https://dealer.test/codes"


async def queue(world: World, limit: int = 1000) -> int:
    """Numbers what happened, and queues what is to be told of it."""
    await world.db.write(events.number_events)
    return await world.db.write(queue_callbacks, limit, world.clock.now_ms())


async def claim(
    world: World,
    places: int = 10,
    *,
    per_account: int = 10,
    going: Collection[Delivery] = (),
    answering: Collection[int] | None = None,
    after_account: int = 0,
    own: int = 0,
) -> list[Delivery]:
    """Takes what is due; every endpoint is known to answer, if `answering` does not say which."""
    by_account, by_endpoint = under_way(going)
    known = range(1, 10_000) if answering is None else answering
    capacity = Capacity(places, per_account, by_account, by_endpoint, known, after_account, own)
    return await world.db.write(claim_callbacks, world.clock.now_ms(), LEASE_S, capacity)


async def record(
    world: World,
    delivery: Delivery,
    status: int | None,
    error: str | None = None,
    *,
    retry_after: str | None = None,
    answer: str = "",
    took_ms: int = 0,
) -> str:
    """Records how an attempt went that began now; what came of it."""
    now_ms = world.clock.now_ms()
    ended = AttemptResult(
        delivery.callback, now_ms, took_ms, status, error, retry_after, answer, delivery.failover
    )
    outcomes = await world.db.write(note_attempts, [ended], now_ms + took_ms)
    return outcomes[delivery.callback.id]


async def endpoint(
    world: World,
    dealer: Dealer,
    *told: str,
    url: str = "https://dealer.example/v1",
    failover_url: str | None = None,
    body_format: BodyFormat = BodyFormat.V1,
) -> Endpoint:
    """An endpoint of a dealer that is told of everything from now on, or of the events named."""
    world.clock.advance(0.001)
    wish = EndpointSpec(url, told or ("*",), body_format, failover_url)
    secret = new_webhook_secret(world.runtime.random_bytes(32))
    return await world.db.write(add_endpoint, dealer.id, wish, secret, world.clock.now_ms())


def kinds(deliveries: Collection[Delivery]) -> list[str]:
    """What deliveries in the format of /v1 tell."""
    return [one.detail.event.kind.value for one in deliveries if one.detail is not None]


async def renting_dealer(world: World, *, callback_url: str | None = URL) -> Dealer:
    """A dealer with a rental of 60 s that waits."""
    await world.service(4, waiting_s=60)
    await world.lines(NUMBER, "0967000002")
    dealer = await world.dealer(callback_url=callback_url)
    await world.rent(dealer, 4, wanted=("967000001",))
    return dealer


async def told_of_a_code(world: World) -> Delivery:
    """The first attempt to tell a code in the format of the first API."""
    await renting_dealer(world)
    await world.sms(NUMBER, CODE)
    await queue(world)
    (delivery,) = await claim(world)
    return delivery


async def told_of_a_credit(world: World, dealer: Dealer) -> Delivery:
    """The first attempt to tell a dealer's only endpoint that it was credited with 1 đồng."""
    await world.credit(dealer.name, 1)
    await queue(world)
    (delivery,) = await claim(world)
    return delivery


async def states(world: World) -> list[tuple[object, ...]]:
    """State, attempts, last status and last error of each callback."""
    rows = await world.rows(
        "SELECT state, attempts, last_status, last_error FROM callbacks ORDER BY id"
    )
    return [tuple(row) for row in rows]
