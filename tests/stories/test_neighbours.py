"""What one rental must not do to the next, and one message not to the last."""

import asyncio
from pathlib import Path

import pytest

from calling_back import LEASE_S, claim, queue, record
from conftest import world_in
from simlet.domain.errors import ACCOUNT_IS_SUSPENDED, OUT_OF_STOCK, Refused
from simlet.domain.matching import Candidate, choose_owner
from simlet.domain.rental import Rental, RentalState
from simlet.domain.service import MatchRules
from simlet.flows.forget_old import forget_old
from simlet.flows.manage_accounts import approve_account, suspend_account
from simlet.flows.receive_message import receive_message
from simlet.testing.site import Site
from simlet.testing.world import World

pytestmark = pytest.mark.anyio

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
NUMBER = "0967000001"
TEXT = "Ma xac thuc cua ban la 482913"


async def test_a_whole_second_that_two_tenants_share_is_the_earlier_ones(world: World) -> None:
    await world.service(4, waiting_s=1)
    await world.lines(NUMBER)
    first, second = await world.dealer("first"), await world.dealer("second")
    world.clock.set_now_ms(1_700_000_000_250)
    earlier = await world.rent(first, 4)
    world.clock.advance(1.05)
    await world.expire()
    world.clock.advance(0.2)
    later = await world.rent(second, 4)
    world.clock.advance(0.4)

    await world.sms(NUMBER, TEXT, sent_at_ms=1_700_000_001_000)

    assert (await world.rental(second, later.rental.id)).code is None
    assert (await world.rental(first, earlier.rental.id)).state is RentalState.EXPIRED
    assert await world.book_findings() == []


def rental(rental_id: int, account_id: int, created_at_ms: int, state: RentalState) -> Rental:
    return Rental(
        id=rental_id,
        account_id=account_id,
        service_id=4,
        store="01",
        line_id=256,
        number="+84967000001",
        price_dong=470,
        state=state,
        created_at_ms=created_at_ms,
        deadline_at_ms=created_at_ms + 1000,
        closed_at_ms=None,
        again=False,
        listening=state is RentalState.WAITING,
    )


async def test_two_tenants_whose_times_overlap_by_a_stale_clock_do_not_mix() -> None:
    rules = MatchRules(catch_all=True)
    over = Candidate(rental(1, 1, 1000, RentalState.EXPIRED), rules)
    waits = Candidate(rental(2, 2, 1990, RentalState.WAITING), rules)
    assert choose_owner([waits, over], "Yahoo", TEXT) is over


async def test_a_call_without_a_code_does_not_hide_the_code_that_came(world: World) -> None:
    await world.service(4, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)
    await world.sms(NUMBER, TEXT)
    await world.call(NUMBER, wav=WAV)
    assert (await world.rental(dealer, rented.rental.id)).code == "482913"


async def test_an_older_message_that_comes_later_does_not_hide_the_newer_one(world: World) -> None:
    await world.service(4, catch_all=True)
    await world.lines(NUMBER)
    dealer = await world.dealer()
    rented = await world.rent(dealer, 4)
    began_ms = world.clock.now_ms()
    world.clock.advance(20)
    await world.sms(NUMBER, "Ma la 222222", sent_at_ms=began_ms + 10_500)
    await world.sms(NUMBER, "Ma la 111111", sent_at_ms=began_ms + 5_500)
    assert (await world.rental(dealer, rented.rental.id)).code == "222222"
    await world.sms(NUMBER, "Ma la 333333", sent_at_ms=began_ms + 15_500)
    assert (await world.rental(dealer, rented.rental.id)).code == "333333"


async def test_searches_that_lead_through_many_blocks_do_not_hold_each_other_up(
    world: World,
) -> None:
    await world.service(4)
    for prefix in ("961", "962", "963", "971", "972", "981"):
        await world.lines(*(f"0{prefix}{n:06}" for n in range(3)))
        await world.lines(*(f"0{prefix}{n:06}" for n in range(3, 6)), network="MOBIFONE")
    dealers = [await world.dealer(f"dealer{n}") for n in range(4)]

    tries = [world.rent(one, 4, wanted=("969", "979")) for one in dealers for _ in range(3)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert [one.refusal for one in outcomes if isinstance(one, Refused)] == [OUT_OF_STOCK] * 12
    found = await world.rent(dealers[0], 4, wanted=("969", "963"))
    assert found.rental.number.startswith("+84963")


async def test_an_attempt_that_was_given_up_does_not_reopen_a_callback(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(callback_url="https://dealer.example/hook")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, TEXT)
    await queue(world)
    (slow,) = await claim(world)
    world.clock.advance(LEASE_S)
    (again,) = await claim(world)
    await record(world, again, 200, None)
    await record(world, slow, None, "timeout")
    world.clock.advance(3600)
    assert await claim(world) == []


async def test_a_callback_does_not_tell_half_of_what_was_forgotten(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(callback_url="https://dealer.example/hook")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, TEXT)
    await queue(world)
    world.clock.advance(7200)
    await world.db.write(forget_old, world.clock.now_ms(), 1, 100)
    assert await claim(world) == []


async def test_what_is_forgotten_leaves_the_file_of_sqlite(sqlite_url: str) -> None:
    async with world_in(sqlite_url) as world:
        await world.service(4)
        await world.lines(NUMBER)
        await world.rent(await world.dealer(), 4)
        await world.sms(NUMBER, TEXT)
        world.clock.advance(7200)
        await world.db.write(forget_old, world.clock.now_ms(), 1, 100)
    assert TEXT.encode() not in bytes_of(sqlite_url)


def bytes_of(sqlite_url: str) -> bytes:
    return Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()


async def test_a_search_that_fails_does_not_keep_a_message_from_being_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    await world.service(4)
    await world.lines(NUMBER)
    rented = await world.rent(await world.dealer(), 4)
    monkeypatch.setitem(receive_message.__globals__, "find_code", fail)
    assert (await world.sms(NUMBER, TEXT)).rental_id == rented.rental.id


async def test_an_approval_does_not_lift_a_suspension(world: World) -> None:
    await world.dealer("binh")
    await world.db.write(suspend_account, "binh", world.clock.now_ms())
    with pytest.raises(Refused) as refused:
        await world.db.write(approve_account, "binh", "a tester", world.clock.now_ms())
    assert refused.value.refusal is ACCOUNT_IS_SUSPENDED


async def test_headers_without_end_are_refused(site: Site) -> None:
    dealer = await site.world.dealer()
    head = f"GET /api/?show=balance&token={dealer.token} HTTP/1.1\r\nhost: x\r\n".encode()
    reply = await site.raw(head + b"x-a: " + b"a" * 70_000 + b"\r\n\r\n")
    assert reply.status == 200
    assert reply.json["status_code"] == -1


async def test_a_callback_made_again_tells_what_it_told_first(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(callback_url="https://dealer.example/hook")
    await world.rent(dealer, 4)
    await world.sms(NUMBER, TEXT)
    await queue(world)
    (first,) = await claim(world)
    await record(world, first, 500, None)
    await world.sms(NUMBER, "Ma la 777888")
    world.clock.advance(2)
    (again,) = await claim(world)
    codes = [one.view and one.view.code for one in (first, again)]
    assert codes == ["482913", "482913"]
