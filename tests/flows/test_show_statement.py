import pytest

from simlet.domain.errors import UNAUTHENTICATED, Refused
from simlet.domain.ledger import PostingKind
from simlet.flows.show_statement import (
    StatementFilter,
    show_account,
    show_statement,
)
from simlet.testing.world import Dealer, World

pytestmark = pytest.mark.anyio

NUMBER = "0967000001"
EVER = 2**62


async def statement(
    world: World, dealer: Dealer, *, before_id: int = EVER, from_ms: int = 0, to_ms: int = EVER
) -> list[tuple[PostingKind, int]]:
    wanted = StatementFilter(from_ms, to_ms, before_id, 100)
    return [(one.kind, one.id) for one in await world.db.read(show_statement, dealer.id, wanted)]


async def test_a_statement_is_of_one_account_the_newest_posting_first(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer, other = await world.dealer(), await world.dealer("other")
    await world.rent(dealer, 4)
    world.clock.advance(1)
    await world.sms(NUMBER, "Your code is 486460")
    settled_at_ms = world.clock.now_ms()

    shown = await statement(world, dealer)
    kinds = [kind for kind, _ in shown]

    assert kinds == [PostingKind.SETTLE, PostingKind.HOLD, PostingKind.CREDIT]
    assert [kind for kind, _ in await statement(world, other)] == [PostingKind.CREDIT]
    assert await statement(world, dealer, before_id=shown[0][1]) == shown[1:]
    assert await statement(world, dealer, from_ms=settled_at_ms) == shown[:1]
    assert await statement(world, dealer, to_ms=settled_at_ms) == shown[1:]


async def test_an_account_is_shown_with_what_waits_and_what_is_queued(world: World) -> None:
    await world.service(4)
    await world.lines(NUMBER)
    dealer = await world.dealer(balance_dong=1000, waiting_limit=5)
    await world.rent(dealer, 4)
    await world.queue(dealer, 4)
    await world.queue(await world.dealer("other"), 4)

    shown = await world.db.read(show_account, dealer.id)

    account = shown.account
    assert (account.waiting_count, account.waiting_limit, shown.queued) == (1, 5, 1)
    assert (account.available_dong, account.held_dong) == (530, 470)


async def test_an_unknown_account_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.db.read(show_account, 77)
    assert refused.value.refusal is UNAUTHENTICATED
