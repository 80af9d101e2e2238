import asyncio
from collections.abc import Callable

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.flows.answer_once import KEPT_FOR_MS, GivenAnswer, answer_once, keep_refusal
from simlet.flows.forget_old import forget_old
from simlet.flows.hold import Rented
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.store.sql import Sql, Tx
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

ASKED = b"a hash of what was asked........"
ELSE = b"a hash of something else........"
_CREDIT = Sql("UPDATE accounts SET available_dong = available_dong + 1 WHERE id = :id")


def renting(world: World, dealer: Dealer, service_id: int = 4) -> Callable[[Tx], GivenAnswer]:
    """A request that rents, and answers with the number of its rental."""
    request = RentRequest(dealer.id, service_id)

    def run(tx: Tx) -> GivenAnswer:
        rented: Rented = rent_number(tx, request, world.clock.now_ms(), world.runtime.chance)
        return GivenAnswer(201, b"%d" % rented.rental.id)

    return run


async def ask(
    world: World, dealer: Dealer, key: str, asked: bytes = ASKED, service_id: int = 4
) -> GivenAnswer:
    run = renting(world, dealer, service_id)
    return await world.db.write(answer_once, dealer.id, key, asked, world.clock.now_ms(), run)


async def shop(world: World, *, lines: int = 3) -> Dealer:
    await world.service(4)
    if lines:
        await world.lines(*(f"096700000{one}" for one in range(lines)))
    return await world.dealer()


async def count(world: World, table: str) -> int:
    ((found,),) = await world.rows(f"SELECT count(*) FROM {table}")
    return int(found)


async def test_a_repeated_request_gets_its_first_answer_and_does_nothing(world: World) -> None:
    dealer = await shop(world)

    first = await ask(world, dealer, "key-1")
    again = await ask(world, dealer, "key-1")

    assert first == GivenAnswer(201, first.body, replayed=False)
    assert again == GivenAnswer(201, first.body, replayed=True)
    assert await count(world, "rentals") == 1


async def test_another_key_is_another_request(world: World) -> None:
    dealer = await shop(world)

    answers = {(await ask(world, dealer, key)).body for key in ("key-1", "key-2", "KEY-1")}

    assert len(answers) == 3


async def test_a_key_with_another_request_is_refused(world: World) -> None:
    dealer = await shop(world)
    await ask(world, dealer, "key-1")

    with pytest.raises(Refused) as refused:
        await ask(world, dealer, "key-1", ELSE)

    assert refused.value.refusal is errors.IDEMPOTENCY_KEY_REUSED
    assert await count(world, "rentals") == 1


async def test_the_same_key_of_another_account_is_another_key(world: World) -> None:
    dealer = await shop(world)
    other = await world.dealer("other")
    await ask(world, dealer, "key-1")

    assert not (await ask(world, other, "key-1", ELSE)).replayed
    assert await count(world, "rentals") == 2


async def test_what_is_refused_leaves_its_key_free(world: World) -> None:
    dealer = await shop(world, lines=0)
    with pytest.raises(Refused):
        await ask(world, dealer, "key-1")
    await world.lines("0967000001")

    assert (await ask(world, dealer, "key-1")).status == 201


async def test_a_fault_leaves_its_key_free(world: World) -> None:
    dealer = await shop(world)

    def fail(tx: Tx) -> GivenAnswer:
        tx.run(_CREDIT, id=dealer.id)
        raise ArithmeticError

    now_ms = world.clock.now_ms()
    with pytest.raises(ArithmeticError):
        await world.db.write(answer_once, dealer.id, "key-1", ASKED, now_ms, fail)

    assert not (await ask(world, dealer, "key-1")).replayed
    assert await world.book_findings() == []


async def test_a_refusal_that_is_kept_is_given_again(world: World) -> None:
    dealer = await shop(world, lines=0)
    now_ms = world.clock.now_ms()
    refusal = GivenAnswer(409, b"out of stock")

    kept = await world.db.write(keep_refusal, dealer.id, "key-1", ASKED, refusal, now_ms)
    await world.lines("0967000001")

    assert kept == refusal
    assert await ask(world, dealer, "key-1") == GivenAnswer(409, b"out of stock", replayed=True)
    assert await count(world, "rentals") == 0


async def test_a_refusal_gives_way_to_what_was_kept_meanwhile(world: World) -> None:
    dealer = await shop(world)
    first = await ask(world, dealer, "key-1")
    now_ms = world.clock.now_ms()
    refusal = GivenAnswer(409, b"out of stock")

    kept = await world.db.write(keep_refusal, dealer.id, "key-1", ASKED, refusal, now_ms)

    assert kept == GivenAnswer(201, first.body, replayed=True)
    with pytest.raises(Refused) as refused:
        await world.db.write(keep_refusal, dealer.id, "key-1", ELSE, refusal, now_ms)
    assert refused.value.refusal is errors.IDEMPOTENCY_KEY_REUSED


async def test_a_key_counts_for_a_day_and_no_longer(world: World) -> None:
    dealer = await shop(world)
    first = await ask(world, dealer, "key-1")

    world.clock.advance(KEPT_FOR_MS / 1000 - 0.001)
    assert (await ask(world, dealer, "key-1")).replayed
    world.clock.advance(0.001)
    later = await ask(world, dealer, "key-1", ELSE)

    assert not later.replayed
    assert later.body != first.body
    assert (await ask(world, dealer, "key-1", ELSE)).body == later.body


async def test_one_key_used_many_times_at_once_is_one_answer(world: World) -> None:
    dealer = await shop(world)
    await world.credit(dealer.name, 100)

    for turn in range(5):
        answers = await asyncio.gather(*(ask(world, dealer, f"key-{turn % 3}") for _ in range(8)))

        assert len({one.body for one in answers}) == 1
        assert sum(not one.replayed for one in answers) == (1 if turn < 3 else 0)
    assert await count(world, "rentals") == 3


async def test_of_one_key_with_two_requests_at_once_one_is_answered(world: World) -> None:
    dealer = await shop(world)

    outcomes = await asyncio.gather(
        *(ask(world, dealer, "key-1", (ASKED, ELSE)[turn % 2]) for turn in range(8)),
        return_exceptions=True,
    )

    refused = [one for one in outcomes if isinstance(one, Refused)]
    assert [one.refusal for one in refused] == [errors.IDEMPOTENCY_KEY_REUSED] * 4
    assert len({one.body for one in outcomes if isinstance(one, GivenAnswer)}) == 1


async def test_keys_count_for_a_day_however_short_texts_are_kept(world: World) -> None:
    dealer = await shop(world)
    first = await ask(world, dealer, "key-1")
    world.clock.advance(KEPT_FOR_MS / 1000 - 0.001)

    await world.db.write(forget_old, world.clock.now_ms(), 1, 100)

    assert await ask(world, dealer, "key-1") == GivenAnswer(201, first.body, replayed=True)
    assert await count(world, "rentals") == 1


async def test_keys_are_erased_after_a_day_however_long_texts_are_kept(world: World) -> None:
    dealer = await shop(world)
    for number in range(3):
        await ask(world, dealer, f"key-{number}")
    world.clock.advance(KEPT_FOR_MS / 1000)

    await world.db.write(forget_old, world.clock.now_ms(), 720, 2)
    assert await count(world, "idempotency_keys") == 1
    await world.db.write(forget_old, world.clock.now_ms(), 720, 2)

    assert await count(world, "idempotency_keys") == 0
