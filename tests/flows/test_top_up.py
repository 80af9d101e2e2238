"""Money comes from outside, and goes back there, once for each reference."""

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.flows.top_up import MAX_AMOUNT_DONG, BalanceAfter, take_back, top_up
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def credit(
    world: World, name: str = "dealer", amount_dong: int = 500, *, reference: str = "bank-1",
    reason: str = "a transfer",
) -> BalanceAfter:  # fmt: skip
    return await world.db.write(top_up, name, amount_dong, reference, reason, world.clock.now_ms())


async def test_a_credit_becomes_available(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)

    assert await credit(world) == BalanceAfter(500, repeated=False)
    assert (await world.account(dealer)).available_dong == 500
    assert await world.book_findings() == []


async def test_a_credit_is_told_by_one_event(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    before = await world.events()

    await credit(world)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.account_id) == (EventKind.BALANCE_CREDITED, dealer.id)
    assert event.data == {"credited_dong": 500}


async def test_the_reason_stands_in_the_books(world: World) -> None:
    await world.dealer(balance_dong=0)
    await credit(world, reason="cash, receipt 12")

    assert [row[0] for row in await world.rows("SELECT reason FROM postings")] == [
        "cash, receipt 12"
    ]


async def test_a_reference_counts_once(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    await credit(world)
    before = await world.events()

    assert await credit(world, reason="the same transfer, told again") == BalanceAfter(
        500, repeated=True
    )
    assert (await world.account(dealer)).available_dong == 500
    assert await world.events() == before


async def test_a_reference_with_another_amount_is_refused(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    await credit(world)

    with pytest.raises(Refused) as refused:
        await credit(world, amount_dong=501)

    assert refused.value.refusal is errors.CREDIT_REUSED
    assert (await world.account(dealer)).available_dong == 500


async def test_a_reference_of_another_account_is_refused(world: World) -> None:
    await world.dealer(balance_dong=0)
    other = await world.dealer("other", balance_dong=0)
    await credit(world)

    with pytest.raises(Refused) as refused:
        await credit(world, "other")

    assert refused.value.refusal is errors.CREDIT_REUSED
    assert (await world.account(other)).available_dong == 0


async def test_two_references_are_two_credits(world: World) -> None:
    await world.dealer(balance_dong=0)
    await credit(world)

    assert await credit(world, reference="bank-2") == BalanceAfter(1000, repeated=False)
    assert await world.book_findings() == []


async def test_a_reference_cannot_look_like_a_rentals(world: World) -> None:
    await world.service(4, waiting_s=60)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=0)
    await credit(world, reference="hold:1000001")
    await credit(world, reference="close:1000001")

    rental = (await world.rent(dealer, 4)).rental
    world.clock.advance(60)
    await world.expire()

    assert rental.id == 1_000_001
    assert await world.book_findings() == []


@pytest.mark.parametrize("amount_dong", [0, -1, -500, MAX_AMOUNT_DONG + 1])
async def test_an_amount_out_of_range_is_refused(world: World, amount_dong: int) -> None:
    await world.dealer(balance_dong=0)

    with pytest.raises(Refused) as refused:
        await credit(world, amount_dong=amount_dong)

    assert refused.value.refusal is errors.INVALID
    assert refused.value.details["name"] == "amount"


@pytest.mark.parametrize("amount_dong", [1, MAX_AMOUNT_DONG])
async def test_the_least_and_the_largest_amount_are_taken(world: World, amount_dong: int) -> None:
    await world.dealer(balance_dong=0)
    assert (await credit(world, amount_dong=amount_dong)).available_dong == amount_dong
    assert await world.book_findings() == []


@pytest.mark.parametrize("reason", ["", "  "])
async def test_a_credit_needs_a_reason(world: World, reason: str) -> None:
    await world.dealer(balance_dong=0)

    with pytest.raises(Refused) as refused:
        await credit(world, reason=reason)

    assert refused.value.details["name"] == "reason"


async def test_an_account_that_is_not_there_is_not_credited(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await credit(world, "nobody")

    assert refused.value.refusal is errors.ACCOUNT_UNKNOWN


async def debit(
    world: World, name: str = "dealer", amount_dong: int = 300, *, reference: str = "back-1",
    reason: str = "credited by mistake",
) -> BalanceAfter:  # fmt: skip
    now_ms = world.clock.now_ms()
    return await world.db.write(take_back, name, amount_dong, reference, reason, now_ms)


async def test_what_is_taken_back_is_available_no_more(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    await credit(world)

    assert await debit(world) == BalanceAfter(200, repeated=False)
    assert (await world.account(dealer)).available_dong == 200
    assert await world.book_findings() == []


async def test_all_that_is_available_can_be_taken_back_and_no_more(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    await credit(world)

    with pytest.raises(Refused) as refused:
        await debit(world, amount_dong=501)

    assert refused.value.refusal is errors.BALANCE_TOO_LOW
    assert (await world.account(dealer)).available_dong == 500
    assert (await debit(world, amount_dong=500)).available_dong == 0
    assert await world.book_findings() == []


async def test_what_a_waiting_rental_holds_cannot_be_taken_back(world: World) -> None:
    await world.service(4, price_dong=470)
    await world.lines("0967000001")
    dealer = await world.dealer(balance_dong=500)
    await world.rent(dealer, 4)

    with pytest.raises(Refused) as refused:
        await debit(world, amount_dong=31)

    assert refused.value.refusal is errors.BALANCE_TOO_LOW
    assert (await debit(world, amount_dong=30)).available_dong == 0
    assert await world.book_findings() == []


async def test_a_debit_is_told_by_one_event(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)
    await credit(world)
    before = await world.events()

    await debit(world)

    (event,) = (await world.events())[len(before) :]
    assert (event.kind, event.account_id) == (EventKind.BALANCE_DEBITED, dealer.id)
    assert event.data == {"debited_dong": 300}


async def test_a_reference_is_debited_once(world: World) -> None:
    await world.dealer(balance_dong=0)
    await credit(world)
    await debit(world)

    assert await debit(world) == BalanceAfter(200, repeated=True)
    with pytest.raises(Refused) as refused:
        await debit(world, amount_dong=1)
    assert refused.value.refusal is errors.DEBIT_REUSED


async def test_a_credit_can_be_taken_back_under_its_own_reference(world: World) -> None:
    await world.dealer(balance_dong=0)
    await credit(world, reference="bank-1")

    assert (await debit(world, amount_dong=500, reference="bank-1")).available_dong == 0
    assert await world.book_findings() == []


@pytest.mark.parametrize("amount_dong", [0, -1, MAX_AMOUNT_DONG + 1])
async def test_a_debit_out_of_range_is_refused(world: World, amount_dong: int) -> None:
    await world.dealer(balance_dong=500)

    with pytest.raises(Refused) as refused:
        await debit(world, amount_dong=amount_dong)

    assert refused.value.details["name"] == "amount"


async def test_a_debit_needs_a_reason_and_an_account(world: World) -> None:
    await world.dealer(balance_dong=500)

    with pytest.raises(Refused) as refused:
        await debit(world, reason=" ")
    assert refused.value.details["name"] == "reason"
    with pytest.raises(Refused) as refused:
        await debit(world, "nobody")
    assert refused.value.refusal is errors.ACCOUNT_UNKNOWN
