"""The address and the secrets of an endpoint: each post takes those of its moment."""

import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from calling_back import endpoint, states
from simlet.domain.signing import new_webhook_secret
from simlet.flows.manage_accounts import set_callback
from simlet.flows.manage_endpoints import EndpointChange, change_endpoint
from simlet.store.endpoints import CallbackTarget
from simlet.testing.outbound import FakeOutbound
from simlet.testing.world import World
from workers.callback_desk import REFUSED, URL, Rented, desk_of, rent, shop

pytestmark = pytest.mark.anyio


async def test_a_changed_address_and_secret_are_used_at_once(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    await shop(world)
    rented = await rent(world, await world.dealer(callback_url=URL))
    secret = new_webhook_secret(bytes(range(32)))
    poster = FakeOutbound([REFUSED])
    async with desk_of(world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        target = CallbackTarget("https://new.example/", secret)
        await world.db.write(set_callback, "dealer", target, world.clock.now_ms())
        await desk.pass_time(2)

    assert [post.url for post in poster.posts] == [URL, "https://new.example/"]
    old, new = poster.posts
    assert Webhook(rented.dealer.callback_secret).verify(old.body, old.headers)
    assert Webhook(secret).verify(new.body, new.headers)


async def test_an_address_that_was_taken_away_ends_its_callbacks(rented: Rented) -> None:
    poster = FakeOutbound([REFUSED])
    async with desk_of(rented.world, poster) as desk:
        await rented.receive()
        await desk.deliver()
        await rented.world.db.write(set_callback, "dealer", None, rented.world.clock.now_ms())
        await desk.pass_time(2)

    assert len(poster.posts) == 1
    assert await states(rented.world) == [("dropped", 1, 500, None)]


async def test_both_secrets_sign_while_one_replaces_the_other(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    new = new_webhook_secret(bytes(range(32)))
    change = EndpointChange(new_secret=new, keep_old_secret_s=60)
    await world.db.write(change_endpoint, dealer.id, made.id, change, world.clock.now_ms())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await world.credit(dealer.name, 1)
        await desk.deliver()
        world.clock.advance(60)
        await world.credit(dealer.name, 1)
        await desk.deliver()

    during, after = poster.posts
    assert Webhook(made.secret).verify(during.body, during.headers)
    assert Webhook(new).verify(during.body, during.headers)
    assert Webhook(new).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(after.body, after.headers)


async def test_of_three_secrets_in_a_row_each_verifies(world: World) -> None:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    dealer = await world.dealer()
    made = await endpoint(world, dealer)
    news = [new_webhook_secret(bytes(range(first, first + 32))) for first in (0, 1)]
    for new in news:
        change = EndpointChange(new_secret=new, keep_old_secret_s=60)
        await world.db.write(change_endpoint, dealer.id, made.id, change, world.clock.now_ms())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await world.credit(dealer.name, 1)
        await desk.deliver()

    (post,) = poster.posts
    for secret in (made.secret, *news):
        assert Webhook(secret).verify(post.body, post.headers)
