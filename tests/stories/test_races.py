"""What happens at the same moment: on PostgreSQL in parallel transactions, on SQLite in one row.

Every story counts what came of it, and has the books and the stock reckoned anew.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable

import pytest

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.events import EventKind
from simlet.domain.health import LineReport, Reception
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.rental import RentalState
from simlet.flows.cancel_rental import cancel_rental
from simlet.flows.expire_rentals import expire_rentals
from simlet.flows.hold import Order, Rented
from simlet.flows.manage_lines import retire_line
from simlet.flows.receive_message import Receipt, receive_message
from simlet.flows.top_up import BalanceAfter, top_up
from simlet.store.sql import Tx
from simlet.testing.world import Dealer, World
from stories.crowds import at_once, numbers
from watching import RULES, follow, iccid_of, probe, report
from watching import turn as turn_gateway

pytestmark = pytest.mark.anyio

CODE = "Your code is 123456"


# --------------------------------------------------------------------------------------- renting


async def test_fifty_rents_of_ten_lines_make_just_ten_rentals(crowd: World) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(10))
    dealers = [await crowd.dealer(f"dealer-{one}", waiting_limit=50) for one in range(5)]

    rented, refusals = await at_once(crowd.rent(dealers[one % 5], 4) for one in range(50))

    assert len({each.rental.line_id for each in rented}) == len(rented) == 10
    assert refusals == {errors.OUT_OF_STOCK.code: 40}


async def test_one_accounts_rents_at_once_keep_to_its_limit(crowd: World) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(20))
    dealer = await crowd.dealer(waiting_limit=3)

    rented, refusals = await at_once(crowd.rent(dealer, 4) for _ in range(20))

    assert len(rented) == 3
    assert refusals == {errors.WAITING_LIMIT.code: 17}


async def test_one_accounts_rents_at_once_keep_to_its_balance(crowd: World) -> None:
    await crowd.service(4, price_dong=470)
    await crowd.lines(*numbers(20))
    dealer = await crowd.dealer(balance_dong=4 * 470 + 469, waiting_limit=50)

    rented, refusals = await at_once(crowd.rent(dealer, 4) for _ in range(20))

    assert len(rented) == 4
    assert refusals == {errors.INSUFFICIENT_FUNDS.code: 16}
    assert (await crowd.account(dealer)).available_dong == 469


async def test_a_catch_all_and_another_service_never_get_one_line_together(crowd: World) -> None:
    await crowd.service(4, waiting_s=60)
    await crowd.service(9, catch_all=True, waiting_s=60)
    await crowd.service(10, catch_all=True, waiting_s=60)
    await crowd.lines(*numbers(2))
    dealers = [await crowd.dealer(name) for name in ("one", "other", "third")]
    for turn in range(12):
        services = [4, 9, 10][turn % 3 :] + [4, 9, 10][: turn % 3]
        calls = [crowd.rent(dealer, one) for dealer in dealers for one in services]

        rented, _ = await at_once(calls)

        assert rented
        on_line: dict[int, list[int]] = {}
        for each in rented:
            on_line.setdefault(each.rental.line_id, []).append(each.rental.service_id)
        assert all(found == [4] or len(found) == 1 for found in on_line.values()), on_line
        crowd.clock.advance(60)
        await crowd.expire()


async def test_a_line_is_rented_again_once_however_often_it_is_asked_for(crowd: World) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(1))
    dealer = await crowd.dealer()
    earlier = (await crowd.rent(dealer, 4)).rental
    await crowd.sms(earlier.number, CODE)

    rented, refusals = await at_once(crowd.rent_again(dealer, earlier) for _ in range(10))

    assert len(rented) == 1
    assert refusals == {errors.OUT_OF_STOCK.code: 9}


async def test_a_line_that_is_retired_at_that_moment_is_rented_before_or_never(
    crowd: World,
) -> None:
    await crowd.service(4)
    await crowd.service(5, name="Zalo")
    await crowd.lines(*numbers(6))
    dealer = await crowd.dealer(waiting_limit=50)

    async def retire(number: str) -> None:
        await crowd.db.write(retire_line, number, crowd.clock.now_ms())

    await at_once(
        call
        for number in numbers(6)
        for call in (crowd.rent(dealer, 4), retire(number), crowd.rent(dealer, 5))
    )

    for service_id in (4, 5):
        with pytest.raises(Refused):
            await crowd.rent(dealer, service_id)


async def test_lines_and_services_that_come_at_once_are_all_in_stock(crowd: World) -> None:
    await crowd.service(4)
    dealer = await crowd.dealer(waiting_limit=50)

    await asyncio.gather(
        *(crowd.lines(number) for number in numbers(8)),
        *(crowd.service(one) for one in range(5, 9)),
    )

    for service_id in (4, 8):
        rented, _ = await at_once(crowd.rent(dealer, service_id) for _ in range(8))
        assert len({each.rental.line_id for each in rented}) == 8


# ---------------------------------------------------------------------------------------- orders

ORDER = Order("order-1", b"what was asked for, as a hash...")


async def test_one_order_placed_many_times_at_once_is_one_rental_for_all(crowd: World) -> None:
    """Even where the balance and the limit are enough for one alone."""
    await crowd.service(4, price_dong=470)
    await crowd.lines(*numbers(10))
    for turn in range(8):
        dealer = await crowd.dealer(f"dealer-{turn}", balance_dong=470, waiting_limit=1)

        rented, refusals = await at_once(crowd.rent(dealer, 4, order=ORDER) for _ in range(10))

        assert refusals == {}
        assert len({each.rental.id for each in rented}) == 1


async def test_one_order_to_rent_again_placed_at_once_is_one_rental_for_all(crowd: World) -> None:
    await crowd.service(4, price_dong=470)
    await crowd.lines(*numbers(1))
    dealer = await crowd.dealer(balance_dong=2 * 470, waiting_limit=1)
    earlier = (await crowd.rent(dealer, 4)).rental
    await crowd.sms(earlier.number, CODE)

    rented, refusals = await at_once(
        crowd.rent_again(dealer, earlier, order=ORDER) for _ in range(10)
    )

    assert refusals == {}
    assert len({each.rental.id for each in rented}) == 1


async def test_of_one_order_id_with_two_contents_at_once_one_is_refused(crowd: World) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(10))
    dealer = await crowd.dealer(balance_dong=100_000)
    orders = [ORDER, ORDER._replace(content_hash=b"something else")]

    rented, refusals = await at_once(
        crowd.rent(dealer, 4, order=orders[one % 2]) for one in range(12)
    )

    assert len({each.rental.id for each in rented}) == 1
    assert len(rented) == 6
    assert refusals == {errors.ORDER_REUSED.code: 6}


# ----------------------------------------------------------------------------------------- money


async def test_one_reference_credited_many_times_at_once_counts_once(crowd: World) -> None:
    dealer = await crowd.dealer(balance_dong=0)

    toppings, _ = await at_once(
        crowd.db.write(top_up, dealer.name, 500, "bank-1", "a transfer", crowd.clock.now_ms())
        for _ in range(12)
    )

    assert Counter(toppings) == {
        BalanceAfter(500, repeated=False): 1,
        BalanceAfter(500, repeated=True): 11,
    }
    assert (await crowd.account(dealer)).available_dong == 500


async def test_one_reference_credited_to_two_accounts_at_once_is_one_accounts(
    crowd: World,
) -> None:
    names = ("one", "other")
    dealers = [await crowd.dealer(name, balance_dong=0) for name in names]

    toppings, refusals = await at_once(
        crowd.db.write(top_up, names[turn % 2], 500, "bank-1", "a transfer", 0)
        for turn in range(12)
    )

    assert sum(not each.repeated for each in toppings) == 1
    assert refusals == {errors.CREDIT_REUSED.code: 6}
    balances = [(await crowd.account(dealer)).available_dong for dealer in dealers]
    assert sorted(balances) == [0, 500]


async def test_one_name_added_many_times_at_once_is_one_account(crowd: World) -> None:
    added, refusals = await at_once(crowd.dealer("an", balance_dong=0) for _ in range(8))

    assert len(added) == 1
    assert refusals == {errors.ACCOUNT_EXISTS.code: 7}


# -------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize("source_id", ["17", None], ids=["id", "fingerprint"])
async def test_twenty_deliveries_of_one_message_at_once_are_kept_once(
    crowd: World, source_id: str | None
) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(1))
    dealer = await crowd.dealer(balance_dong=1000)
    rental = (await crowd.rent(dealer, 4)).rental
    gateway_id, _ = await crowd.gateway()
    inbound = Inbound(
        MessageKind.SMS, rental.number, "Yahoo", CODE, crowd.clock.now_ms(), source_id
    )

    receipts, _ = await at_once(crowd.receive(inbound, gateway_id) for _ in range(20))

    assert sum(not each.duplicate for each in receipts) == 1
    assert len({each.message_id for each in receipts}) == 1
    assert len(await crowd.rows("SELECT id FROM messages")) == 1
    assert (await crowd.account(dealer)).available_dong == 530


async def test_two_codes_at_once_settle_once_and_are_both_attached(crowd: World) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(1))
    dealer = await crowd.dealer(balance_dong=1000)
    rental = (await crowd.rent(dealer, 4)).rental
    await crowd.gateway("default")

    receipts, _ = await at_once(
        crowd.sms(rental.number, f"Your code is 1000{number}") for number in range(10)
    )

    assert {each.rental_id for each in receipts} == {rental.id}
    kinds = Counter(event.kind for event in await crowd.events())
    assert kinds[EventKind.RENTAL_RECEIVED] == 1
    assert kinds[EventKind.MESSAGE_KEPT] == 10
    assert (await crowd.account(dealer)).available_dong == 530


async def test_codes_at_once_for_two_rentals_of_one_line_go_one_to_each(crowd: World) -> None:
    await crowd.service(4)
    await crowd.service(5)
    await crowd.lines(*numbers(1))
    dealer = await crowd.dealer()
    rentals = [(await crowd.rent(dealer, one)).rental.id for one in (4, 5)]
    await crowd.gateway("default")

    receipts, _ = await at_once(
        crowd.sms("0967000000", f"Your code is 1000{number}") for number in range(2)
    )

    assert sorted(each.rental_id or 0 for each in receipts) == rentals


# --------------------------------------------------------------------- the code and the deadline


async def rent_many(world: World, dealers: list[Dealer], count: int) -> list[Rented]:
    return [await world.rent(dealers[one % len(dealers)], 4) for one in range(count)]


async def test_a_code_and_the_deadline_at_one_instant_give_just_one_end(crowd: World) -> None:
    await crowd.service(4, waiting_s=60, price_dong=470)
    await crowd.lines(*numbers(80))
    gateway_id, _ = await crowd.gateway()
    dealers = [await crowd.dealer(f"dealer-{one}", balance_dong=10**6) for one in range(3)]
    ends: Counter[RentalState] = Counter()
    for turn in range(8):
        rented = await rent_many(crowd, dealers, 9)
        crowd.clock.advance(60)
        messages: list[Awaitable[Receipt | object]] = [
            crowd.sms(
                each.rental.number,
                CODE,
                sent_at_ms=each.rental.deadline_at_ms - 1,
                gateway_id=gateway_id,
            )
            for each in rented
        ]
        for place in range(turn % 4, len(messages) + 4, 4):
            messages.insert(place, crowd.db.write(expire_rentals, crowd.clock.now_ms(), 3))

        outcomes, _ = await at_once(messages)
        await crowd.expire()

        receipts = [one for one in outcomes if isinstance(one, Receipt)]
        assert {one.rental_id for one in receipts} == {each.rental.id for each in rented}
        for each in rented:
            dealer = next(one for one in dealers if one.id == each.rental.account_id)
            view = await crowd.rental(dealer, each.rental.id)
            assert view.state in {RentalState.RECEIVED, RentalState.EXPIRED}
            assert (view.code == "123456") is (view.state is RentalState.RECEIVED)
            ends[view.state] += 1
    told = Counter(event.kind for event in await crowd.events())
    assert told[EventKind.RENTAL_RECEIVED] == ends[RentalState.RECEIVED] > 0
    assert told[EventKind.RENTAL_EXPIRED] == ends[RentalState.EXPIRED] > 0
    closes = await crowd.rows("SELECT count(*) FROM postings WHERE kind IN ('settle', 'release')")
    assert closes[0][0] == ends.total() == 72


async def test_batches_of_codes_and_cancels_of_one_dealer_at_once_end_each_rental_once(
    crowd: World,
) -> None:
    await crowd.service(4)
    await crowd.lines(*numbers(40))
    dealers = [await crowd.dealer(f"dealer-{one}", waiting_limit=50) for one in range(2)]
    gateway_id, _ = await crowd.gateway()
    rented = [(await crowd.rent(dealers[one % 2], 4)).rental for one in range(40)]
    sent_at_ms = crowd.clock.now_ms()
    codes = [Inbound(MessageKind.SMS, one.number, "Yahoo", CODE, sent_at_ms) for one in rented]
    crowd.clock.advance(1)

    def receive(tx: Tx, inbound: Inbound) -> Receipt:
        return receive_message(tx, gateway_id, inbound, crowd.clock.now_ms())

    async def batch(turn: int) -> None:
        ordered = codes[::3] if turn % 2 else codes[::3][::-1]
        outcomes = await crowd.db.write_all(receive, ordered)
        assert all(isinstance(one, Receipt) for one in outcomes)

    async def cancel(turn: int) -> None:
        rental = rented[turn]
        await crowd.db.write(cancel_rental, rental.account_id, rental.id, crowd.clock.now_ms())

    await at_once(
        call
        for turn in range(40)
        for call in ([cancel(turn)] if turn % 5 else [cancel(turn), batch(turn)])
    )

    ends = Counter(
        one.rental_id
        for one in await crowd.events()
        if one.kind in {EventKind.RENTAL_CANCELLED, EventKind.RENTAL_RECEIVED}
    )
    assert ends == {one.id: 1 for one in rented}


async def test_expiry_by_several_at_once_gives_every_price_back_once(crowd: World) -> None:
    await crowd.service(4, waiting_s=60)
    await crowd.lines(*numbers(40))
    dealers = [
        await crowd.dealer(f"dealer-{one}", balance_dong=10_000, waiting_limit=50)
        for one in range(4)
    ]
    await rent_many(crowd, dealers, 40)
    crowd.clock.advance(60)

    expired, _ = await at_once(
        crowd.db.write(expire_rentals, crowd.clock.now_ms(), 7) for _ in range(10)
    )

    last = await crowd.expire()
    assert sum(each.released for each in expired) + last.released == 40
    assert [(await crowd.account(dealer)).available_dong for dealer in dealers] == [10_000] * 4


async def test_everything_at_once_leaves_the_books_and_the_stock_right(crowd: World) -> None:
    for service_id, name in ((4, "Yahoo"), (5, "Zalo"), (6, "Yahoo")):
        await crowd.service(service_id, name=name, waiting_s=60)
    await crowd.service(9, catch_all=True, waiting_s=60)
    await crowd.lines(*numbers(12))
    await crowd.gateway("default")
    dealers = [
        await crowd.dealer(f"dealer-{one}", balance_dong=20_000, waiting_limit=20)
        for one in range(3)
    ]

    async def rent(turn: int) -> None:
        await crowd.rent(dealers[turn % 3], (4, 5, 6, 9)[turn % 4])

    async def receive(turn: int) -> None:
        sender = ("Yahoo", "Zalo", "anyone")[turn % 3]
        await crowd.sms(
            f"096700{turn * 5 % 12:04}", f"Your code is 10{turn:04}", sender=sender,
            sent_at_ms=crowd.clock.now_ms() - turn % 2 * 20_000,
        )  # fmt: skip

    async def credit(turn: int) -> None:
        await crowd.credit(dealers[turn % 3].name, 100)

    async def expire(_: int) -> None:
        await crowd.db.write(expire_rentals, crowd.clock.now_ms(), 5)

    for _ in range(6):
        await at_once(
            call(turn) for turn in range(12) for call in (rent, receive, expire, credit, rent)
        )
        crowd.clock.advance(25)
    crowd.clock.advance(60)
    await crowd.expire()

    for dealer in dealers:
        account = await crowd.account(dealer)
        assert (account.held_dong, account.waiting_count) == (0, 0)


async def test_lines_leave_and_come_back_while_they_are_rented(crowd: World) -> None:
    """Whole blocks are taken out beside rentals, lines that are retired and new services."""
    gate, _ = await crowd.gateway("gate")
    for service_id in (4, 5, 6):
        await crowd.service(service_id, waiting_s=20)
    prefixes = ("96", "97", "98")
    for prefix in prefixes:
        await crowd.lines(*(f"0{prefix}7{one:06}" for one in range(8)), gateway="gate")
    dealers = [
        await crowd.dealer(f"dealer-{one}", balance_dong=10**6, waiting_limit=100)
        for one in range(4)
    ]
    iccids = [await iccid_of(crowd, f"0{one}7000000") for one in prefixes]

    async def rent(turn: int) -> None:
        # Of one block alone: a search through several locks them in the order in which it finds
        # them, as ever.
        wanted = (prefixes[turn % 3],)
        await crowd.rent(dealers[turn % 4], (4, 5, 6)[turn % 3], wanted=wanted)

    async def expire(_: int) -> None:
        await crowd.db.write(expire_rentals, crowd.clock.now_ms(), 5)

    async def watch(_: int) -> None:
        await follow(crowd)
        await probe(crowd)

    for round_ in range(6):
        await turn_gateway(crowd, gate, up=bool(round_ % 2))
        reception = (Reception.DENIED, Reception.READY)[round_ // 2 % 2]
        await report(crowd, gate, *(LineReport(one, reception, one) for one in iccids))
        crowd.clock.advance(RULES.grace_s)
        retire = crowd.db.write(retire_line, f"0967{round_ + 1:06}", crowd.clock.now_ms())
        added = [crowd.service(20 + 10 * round_ + one) for one in range(6)]
        many = (call(each) for each in range(16) for call in (rent, expire))
        await asyncio.gather(retire, watch(0), *added, at_once(many))
    await turn_gateway(crowd, gate, up=True)
    await report(crowd, gate, *(LineReport(one, Reception.READY, one) for one in iccids))
    await follow(crowd)
    await probe(crowd)

    rows = await crowd.rows(
        "SELECT out_reason, count(*) FROM lines WHERE state = 'active' GROUP BY out_reason"
    )
    assert [tuple(row) for row in rows] == [(None, 18)]
