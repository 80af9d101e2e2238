"""Callbacks over real sockets, as a dealer's server receives and verifies them."""

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from calling_back import states
from simlet.outbound import PUBLIC_ONLY, Outbound, OutboundPolicy
from simlet.testing.outbound import Post
from simlet.testing.world import World
from workers.callback_desk import Rented, desk_of, rent, shop

pytestmark = pytest.mark.anyio

LOOPBACK = OutboundPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))


@dataclass
class Receiver:
    """A dealer's server, which answers with what is in `statuses`, and 200 after that."""

    statuses: list[int] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        await self.goes_on.wait()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Post(request.path, await request.read(), headers))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url + "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.goes_on.set()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.goes_on.set()
        await runner.cleanup()


async def _rented_by(world: World, receiver: Receiver) -> Rented:
    world.clock.set_now_ms(time.time_ns() // 1_000_000)  # the verifier looks at the machine's clock
    await shop(world)
    return await rent(world, await world.dealer(callback_url=receiver.url + "/sms?of=me"))


async def test_a_receiver_can_verify_each_attempt(world: World, receiver: Receiver) -> None:
    one = await _rented_by(world, receiver)
    receiver.statuses = [500, 404, 302]
    async with desk_of(world, Outbound(LOOPBACK)) as desk:
        await one.receive("Mã Yahoo: 486460")
        await desk.deliver()
        for pause_s in (2, 3, 6):
            await desk.pass_time(pause_s)

    assert len(receiver.posts) == 4
    assert {post.url for post in receiver.posts} == {"/sms"}
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    assert len({post.headers["webhook-timestamp"] for post in receiver.posts}) == 4
    webhook = Webhook(one.dealer.callback_secret)
    for post in receiver.posts:
        assert post.headers["content-type"] == "application/json"
        told = webhook.verify(post.body, post.headers)
        assert told == {
            "data": {
                "status": 1,
                "requestId": str(one.id),
                "code": "486460",
                "smsContent": "Mã Yahoo: 486460",
                "isSound": "false",
            }
        }
    assert await states(world) == [("done", 4, 200, None)]


async def test_a_receiver_that_does_not_answer_is_tried_again(
    world: World, receiver: Receiver
) -> None:
    one = await _rented_by(world, receiver)
    receiver.goes_on.clear()
    async with desk_of(world, Outbound(LOOPBACK, timeout_s=0.1)) as desk:
        await one.receive()
        await desk.deliver()
        first = await states(world)
        receiver.goes_on.set()
        await desk.pass_time(2)

    assert first == [("pending", 1, None, "timeout")]
    assert len(receiver.posts) == 1


async def test_private_networks_are_refused(world: World, receiver: Receiver) -> None:
    one = await _rented_by(world, receiver)
    async with desk_of(world, Outbound(PUBLIC_ONLY)) as desk:
        await one.receive()
        await desk.deliver()
        await desk.pass_time(2)

    assert receiver.posts == []
    assert await states(world) == [("pending", 2, None, "refused_address")]
