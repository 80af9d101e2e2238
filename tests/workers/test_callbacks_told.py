"""What is told to whom, in either format, and what is noted of it."""

import msgspec
import pytest

from calling_back import endpoint, states
from simlet.domain.endpoint import BodyFormat
from simlet.flows.manage_endpoints import send_test
from simlet.testing.outbound import FakeOutbound
from simlet.testing.world import World
from simlet.web.recordings import recording_url
from workers.callback_desk import REFUSED, URL, Rented, desk_of, rent, shop

pytestmark = pytest.mark.anyio


async def test_a_code_is_told_as_the_contract_has_it(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.receive('Mã "Yahoo" của bạn: 0486')
        await desk.deliver()

    (post,) = poster.posts
    assert post.url == URL
    assert post.headers["content-type"] == "application/json"
    told = (
        '{"data":{"status":1,"requestId":"%d","code":"0486",'
        '"smsContent":"Mã \\"Yahoo\\" của bạn: 0486","isSound":"false"}}'
    )
    assert post.body.decode() == told % rented.id
    assert await states(rented.world) == [("done", 1, 200, None)]


async def test_an_expired_rental_is_told_with_nulls(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.expire()
        await desk.deliver()

    (post,) = poster.posts
    told = '{"data":{"status":2,"requestId":"%d","code":null,"smsContent":null,"isSound":"false"}}'
    assert post.body.decode() == told % rented.id


async def test_a_call_is_told_with_the_address_of_its_recording(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await rented.world.call(rented.number, transcript="code 1234", wav=b"RIFF....WAVE")
        await desk.deliver()
        view = await rented.world.rental(rented.dealer, rented.id)

    data = msgspec.json.decode(poster.posts[0].body)["data"]
    assert data == {
        "status": 1,
        "requestId": str(rented.id),
        "code": "1234",
        "smsContent": recording_url(rented.world.runtime, view),
        "isSound": "true",
    }
    assert data["smsContent"].startswith("http://simlet.test/recordings/")


async def reads(world: World) -> list[tuple[object, ...]]:
    await world.runtime.reads.flush()
    return [tuple(row) for row in await world.rows("SELECT rental_id, via, times FROM reads")]


@pytest.mark.parametrize("body_format", BodyFormat)
async def test_a_code_that_a_dealer_took_is_noted_as_read(
    world: World, body_format: BodyFormat
) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received", body_format=body_format)
    rented = await rent(world, dealer)
    async with desk_of(world, FakeOutbound([REFUSED])) as desk:
        await rented.receive()
        await desk.deliver()
        assert await reads(world) == []
        await desk.pass_time(1)
        assert await reads(world) == [(rented.id, "callback", 1)]


@pytest.mark.parametrize("body_format", BodyFormat)
async def test_what_tells_no_code_is_not_noted_as_read(
    world: World, body_format: BodyFormat
) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.expired", body_format=body_format)
    rented = await rent(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await rented.expire()
        await desk.deliver()
    assert len(poster.posts) == 1
    assert await reads(world) == []


async def test_each_end_of_a_rental_is_told_once(rented: Rented) -> None:
    poster = FakeOutbound()
    async with desk_of(rented.world, poster) as desk:
        await desk.deliver()
        before = len(poster.posts)
        await rented.receive()
        await desk.deliver()
        await rented.receive("Your new Yahoo code is 111222")
        await rented.expire()
        await desk.deliver()
        await desk.pass_time(3600)

    assert before == 0
    assert len(poster.posts) == 1


async def test_every_account_is_told_of_its_own_rentals(world: World) -> None:
    await shop(world, 6)
    dealers = [await world.dealer(f"d{one}", callback_url=f"{URL}/{one}") for one in range(3)]
    rentals = [await rent(world, dealers[one % 3]) for one in range(6)]
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        for one in rentals:
            await one.receive()
        await desk.deliver()

    told = {
        (post.url, msgspec.json.decode(post.body)["data"]["requestId"]) for post in poster.posts
    }
    assert told == {(f"{URL}/{one.dealer.name[1:]}", str(one.id)) for one in rentals}
    assert len(poster.posts) == 6


async def test_an_account_without_an_address_is_told_nothing(world: World) -> None:
    await shop(world)
    one = await rent(world, await world.dealer())
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await one.receive()
        await desk.deliver()

    assert poster.posts == []
    assert await states(world) == []


# In the format of /v1


async def test_v1_is_told_the_event_as_the_api_shows_it(world: World) -> None:
    await shop(world)
    dealer = await world.dealer()
    await endpoint(world, dealer, "rental.received")
    one = await rent(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        await one.receive()
        await desk.deliver()

    (post,) = poster.posts
    told = msgspec.json.decode(post.body)
    assert (told["object"], told["id"]) == ("event", post.headers["webhook-id"])
    assert (told["type"], told["rental"]["id"]) == ("rental.received", one.id)
    assert told["rental"]["code"] == "486460"


async def test_a_test_is_posted_to_its_endpoint_alone_in_either_format(world: World) -> None:
    dealer = await world.dealer(callback_url=URL)
    (row,) = await world.rows("SELECT id FROM endpoints")
    made = await endpoint(world, dealer)
    poster = FakeOutbound()
    async with desk_of(world, poster) as desk:
        for one_id in (row[0], made.id):
            await world.db.write(send_test, dealer.id, one_id, world.clock.now_ms())
        await desk.deliver()

    by_url = {post.url: msgspec.json.decode(post.body) for post in poster.posts}
    assert len(poster.posts) == 2
    assert by_url[URL]["data"]["requestId"] == "0"
    assert by_url[made.url]["type"] == "callback.test"
