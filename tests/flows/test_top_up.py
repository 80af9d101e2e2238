import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.flows.top_up import MAX_AMOUNT_DONG, ToppedUp, top_up
from simlet.testing.world import World

pytestmark = pytest.mark.anyio


async def credit(
    world: World, name: str = "dealer", amount_dong: int = 500, *, reference: str = "bank-1",
    reason: str = "a transfer",
) -> ToppedUp:  # fmt: skip
    return await world.db.write(top_up, name, amount_dong, reference, reason, world.clock.now_ms())


async def test_a_credit_becomes_available(world: World) -> None:
    dealer = await world.dealer(balance_dong=0)

    assert await credit(world) == ToppedUp(500, repeated=False)
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

    assert await credit(world, reason="the same transfer, told again") == ToppedUp(
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

    assert await credit(world, reference="bank-2") == ToppedUp(1000, repeated=False)
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
