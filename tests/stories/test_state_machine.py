"""A dealer's world in any order: hypothesis plays it against simlet and against a plain model."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound, MessageKind
from simlet.flows import browse
from simlet.flows.hold import Order
from simlet.flows.receive_message import Receipt
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.top_up import top_up
from simlet.store.database import open_database
from simlet.store.rentals import RentalRow
from simlet.testing.world import Dealer, World
from stories.plain_model import (
    EXPIRED,
    RECEIVED,
    WAITING,
    PlainAccount,
    PlainMessage,
    PlainModel,
    PlainRental,
    PlainService,
    Wish,
)
from stories.stock_audit import stock_findings

T = TypeVar("T")
Fresh = Callable[[], AbstractContextManager[str]]

LINES = {
    "+84961000001": "VIETTEL",
    "+84967000002": "MOBIFONE",
    "+84851000003": "VINAPHONE",
    "+84332000004": "VIETTEL",
}
SERVICES = (
    PlainService(1, 100, 60, sender="Alpha"),
    PlainService(2, 70, 30, word="beta"),
    PlainService(3, 50, 45, sender="Alpha", word="gamma"),
    PlainService(8, 90, 90, catch_all=True),
    PlainService(9, 130, 40, sender="Delta", catch_all=True),
)
ACCOUNTS = {"one": (3, 600), "two": (2, 250), "three": (6, 1_500)}
NOBODYS = "+84999000009"
EVER = 1_000_000

a_pick = st.integers(0, 1_000)
some_networks = st.sampled_from(
    [(), (), (), ("VIETTEL",), ("MOBIFONE", "VINAPHONE"), ("ITELECOM",)]
)
some_prefixes = st.sampled_from(
    [(), (), (), (), ("96",), ("9", "33"), ("967",), ("85", "9610"), ("31",)]
)
wishes = st.builds(Wish, networks=some_networks, wanted=some_prefixes, unwanted=some_prefixes)
senders = st.sampled_from(["Alpha", "ALPHA", "Delta", "Stranger"])
texts = st.sampled_from(["Your {}", "beta {}", "gamma {}", "beta and gamma {}"])
stamps = st.one_of(
    st.none(),
    st.tuples(st.just("ago"), st.sampled_from([0, 1, 400, 1_000, 5_000, 31_000, 61_000, 95_000])),
    st.tuples(st.just("ahead"), st.sampled_from([1, 3_600_000])),
    st.tuples(st.sampled_from(["began", "ends"]), st.sampled_from([-1_000, -1, 0, 1])),
)


class Dealings(RuleBasedStateMachine):
    """Everything that can happen to rentals, and what must be so after each of it."""

    def database(self) -> AbstractContextManager[str]:
        """A database for one game."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.url = self.stack.enter_context(self.database())
        self.runner = self.stack.enter_context(asyncio.Runner())
        self.world = World(open_database(self.url, readers=1, pool_size=2))
        self.model = PlainModel(LINES, {one.id: one for one in SERVICES}, {})
        self.dealers: dict[int, Dealer] = {}
        self.delivered: list[PlainMessage] = []
        self.counter = 0
        self.run(self._set_up())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def _set_up(self) -> None:
        for one in SERVICES:
            await self.world.service(
                one.id,
                price_dong=one.price_dong,
                waiting_s=one.waiting_s,
                senders=(one.sender,) if one.sender else (),
                texts=(one.word,) if one.word else (),
                catch_all=one.catch_all,
            )
        await self.world.lines(*(f"{number} {network}" for number, network in LINES.items()))
        self.gateway_id, _ = await self.world.gateway()
        for name, (limit, balance_dong) in ACCOUNTS.items():
            dealer = await self.world.dealer(name, waiting_limit=limit, balance_dong=balance_dong)
            self.dealers[dealer.id] = dealer
            self.model.accounts[dealer.id] = PlainAccount(dealer.id, limit, balance_dong)

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def some_account(self, pick: int) -> PlainAccount:
        return list(self.model.accounts.values())[pick % len(self.model.accounts)]

    def some_rental(self, pick: int) -> PlainRental:
        """One of the rentals, the newest for 0."""
        return self.model.rentals[-1 - pick % len(self.model.rentals)]

    # ------------------------------------------------------------------------------- renting

    @rule(who=a_pick, service=st.sampled_from(SERVICES), wish=wishes)
    def rent(self, who: int, service: PlainService, wish: Wish) -> None:
        account = self.some_account(who)
        expected = self.model.free_numbers(account, service, wish, self.now_ms)
        self._rent(account, service, wish, expected, None)

    @rule(
        who=a_pick,
        service=st.sampled_from(SERVICES[:2]),
        wish=st.sampled_from([Wish(), Wish(wanted=("9",))]),
        order_id=st.sampled_from(["a", "b"]),
    )
    def place_order(self, who: int, service: PlainService, wish: Wish, order_id: str) -> None:
        account = self.some_account(who)
        content = (service.id, wish)
        order = Order(order_id, repr(content).encode())
        before = self.model.orders.get((account.id, order_id))
        if before is None:
            expected = self.model.free_numbers(account, service, wish, self.now_ms)
            rental = self._rent(account, service, wish, expected, order)
            if rental is not None:
                self.model.orders[account.id, order_id] = (content, rental)
        elif before[0] == content:
            found = self.run(self._world_rent(account, service, wish, order))
            assert found == before[1].id
        else:
            self._rent(account, service, wish, errors.ORDER_REUSED.code, order)

    def _rent(
        self,
        account: PlainAccount,
        service: PlainService,
        wish: Wish,
        expected: set[str] | str,
        order: Order | None,
    ) -> PlainRental | None:
        try:
            rental_id = self.run(self._world_rent(account, service, wish, order))
        except Refused as refused:
            if refused.refusal.code != expected:
                raise
            return None
        number = self.run(self._row(rental_id)).number
        assert number in expected, f"{number} was given, {expected} was expected"
        assert not isinstance(expected, str)
        return self.model.begin(rental_id, account, service, number, self.now_ms)

    async def _world_rent(
        self, account: PlainAccount, service: PlainService, wish: Wish, order: Order | None
    ) -> int:
        rented = await self.world.rent(
            self.dealers[account.id],
            service.id,
            networks=wish.networks,
            wanted=wish.wanted,
            unwanted=wish.unwanted,
            order=order,
        )
        assert rented.balance_dong == (await self._account(account.id))[0]
        return rented.rental.id

    @precondition(lambda self: self.model.rentals)
    @rule(
        pick=a_pick,
        who=st.none() | st.none() | a_pick,
        number=st.none() | st.none() | st.sampled_from(list(LINES)),
        service=st.none() | st.none() | st.sampled_from(SERVICES),
    )
    def rent_again(
        self, pick: int, who: int | None, number: str | None, service: PlainService | None
    ) -> None:
        earlier = self.some_rental(pick)
        account = earlier.account if who is None else self.some_account(who)
        service = service or earlier.service
        number = number or earlier.number
        expected = self.model.may_rent_again(account, earlier, number, service, self.now_ms)
        request = RentAgainRequest(account.id, earlier.id, number, service.id)
        try:
            rented = self.run(self.world.db.write(rent_again, request, self.now_ms))
        except Refused as refused:
            if refused.refusal.code != expected:
                raise
            return
        assert expected is None
        assert rented.rental.number == number
        self.model.begin(rented.rental.id, account, service, number, self.now_ms, again=True)

    # ------------------------------------------------------------------------------ the clock

    @rule(seconds=st.sampled_from([0.001, 0.4, 1, 1, 7, 20, 31, 61]))
    def let_time_pass(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @precondition(lambda self: self.model.rentals)
    @rule(pick=a_pick, offset_ms=st.sampled_from([-1, 0, 1]))
    def go_to_a_deadline(self, pick: int, offset_ms: int) -> None:
        moment_ms = self.some_rental(pick).deadline_ms + offset_ms
        if moment_ms > self.now_ms:
            self.world.clock.advance((moment_ms - self.now_ms) / 1000)

    @rule()
    def expire(self) -> None:
        overdue = self.model.expire(self.now_ms)
        assert self.run(self.world.expire()).released == len(overdue)

    # ------------------------------------------------------------------------------- messages

    @rule(
        number=st.sampled_from([*LINES, NOBODYS]),
        sender=senders,
        text=texts,
        has_code=st.sampled_from([True, True, False]),
        stamp=stamps,
        source_id=st.sampled_from([None, None, "17", "18"]),
        pick=a_pick,
    )
    def receive_sms(
        self,
        number: str,
        sender: str,
        text: str,
        has_code: bool,
        stamp: tuple[str, int] | None,
        source_id: str | None,
        pick: int,
    ) -> None:
        code = self._next_code() if has_code else None
        said = text.format(f"code is {code}" if code else "welcome to the club")
        stamp_ms = self._stamp_ms(stamp, pick)
        self.deliver(PlainMessage("sms", number, sender, said, code, stamp_ms, source_id))

    @precondition(lambda self: self.model.rentals)
    @rule(pick=a_pick, has_code=st.sampled_from([True, True, False]), stamp=stamps, other=a_pick)
    def receive_what_a_rental_waits_for(
        self, pick: int, has_code: bool, stamp: tuple[str, int] | None, other: int
    ) -> None:
        message = self._fitting(self.some_rental(pick), self._stamp_ms(stamp, other))
        if not has_code:
            text = message.text.replace(str(message.code), "nothing yet")
            message = replace(message, text=text, code=None)
        self.deliver(message)

    @precondition(lambda self: self.model.rentals)
    @rule(pick=a_pick, has_code=st.booleans(), recording=st.booleans())
    def receive_call(self, pick: int, has_code: bool, recording: bool) -> None:
        message = replace(self._fitting(self.some_rental(pick), None), kind="call")
        if not has_code:
            text = message.text.replace(str(message.code), "nothing yet")
            message = replace(message, text=text, code=None)
        self.deliver(replace(message, recording=recording))

    @precondition(lambda self: self.delivered)
    @rule(pick=a_pick)
    def receive_again(self, pick: int) -> None:
        self.deliver(self.delivered[-1 - pick % len(self.delivered)])

    def deliver(self, message: PlainMessage) -> None:
        known = self.model.known_as(message)
        receipt = self.run(self._world_receive(message))
        self.delivered.append(message)
        if known is not None:
            assert receipt == Receipt(known, duplicate=True)
            return
        owner = self.model.owner_of(message, self.now_ms)
        self.model.keep(receipt.message_id, message, owner)
        assert not receipt.duplicate
        if isinstance(owner, str):
            assert (receipt.rental_id, _value(receipt)) == (None, owner)
        else:
            assert (receipt.rental_id, _value(receipt)) == (owner.id, None)
            self._check_view(owner)

    async def _world_receive(self, message: PlainMessage) -> Receipt:
        inbound = Inbound(
            MessageKind(message.kind),
            message.number,
            message.sender,
            message.text,
            message.stamp_ms,
            message.source_id,
            b"RIFF....WAVE" if message.recording else None,
        )
        return await self.world.receive(inbound, self.gateway_id)

    def _fitting(self, rental: PlainRental, stamp_ms: int | None) -> PlainMessage:
        code = self._next_code()
        text = f"{rental.service.word or 'hello'} your code is {code}"
        sender = rental.service.sender or "Stranger"
        return PlainMessage("sms", rental.number, sender, text, code, stamp_ms, None)

    def _next_code(self) -> str:
        self.counter += 1
        return str(500_000 + self.counter)

    def _stamp_ms(self, stamp: tuple[str, int] | None, pick: int) -> int | None:
        if stamp is None:
            return None
        kind, offset_ms = stamp
        if kind == "ago":
            return self.now_ms - offset_ms
        if kind == "ahead" or not self.model.rentals:
            return self.now_ms + offset_ms
        rental = self.some_rental(pick)
        return offset_ms + (rental.created_ms if kind == "began" else rental.deadline_ms)

    # ---------------------------------------------------------------------------------- races

    @precondition(lambda self: any(one.state == WAITING for one in self.model.rentals))
    @rule(pick=a_pick, expiry_first=st.booleans())
    def race_a_code_against_the_deadline(self, pick: int, expiry_first: bool) -> None:
        """Either end is right; whichever it is, it must be the only one."""
        waiting = [one for one in self.model.rentals if one.state == WAITING]
        rental = waiting[pick % len(waiting)]
        self.world.clock.advance(max(0, rental.deadline_ms - self.now_ms) / 1000)
        message = self._fitting(rental, rental.deadline_ms - 1)
        claims = self.model.claims(message, self.now_ms)
        receipt = self.run(self._race(message, expiry_first=expiry_first))

        (owner,) = (one for one in self.model.rentals if one.id == receipt.rental_id)
        assert owner in claims
        if owner.state == WAITING and self.run(self._row(owner.id)).state == EXPIRED:
            self.model.release(owner)
        self.model.keep(receipt.message_id, message, owner)
        self.model.expire(self.now_ms)

    async def _race(self, message: PlainMessage, *, expiry_first: bool) -> Receipt:
        if expiry_first:
            _, receipt = await asyncio.gather(self.world.expire(), self._world_receive(message))
        else:
            receipt, _ = await asyncio.gather(self._world_receive(message), self.world.expire())
        await self.world.expire()
        return receipt

    # ---------------------------------------------------------------------- money, and restarts

    @rule(who=a_pick, amount_dong=st.integers(1, 300), reference=st.sampled_from("abcdef"))
    def credit(self, who: int, amount_dong: int, reference: str) -> None:
        account = self.some_account(who)
        name = self.dealers[account.id].name
        call = self.world.db.write(top_up, name, amount_dong, reference, "a transfer", self.now_ms)
        before = self.model.credits.setdefault(reference, (account.id, amount_dong))
        if before != (account.id, amount_dong):
            with pytest.raises(Refused) as refused:
                self.run(call)
            assert refused.value.refusal is errors.CREDIT_REUSED
            return
        topped_up = self.run(call)
        if not topped_up.repeated:
            account.available_dong += amount_dong
        assert topped_up.available_dong == account.available_dong

    @rule()
    def restart(self) -> None:
        self.run(self.world.db.close())
        self.world.db = open_database(self.url, readers=1, pool_size=2)

    # ------------------------------------------------------------------- what is so at any time

    @invariant()
    def balances_and_states_are_the_models(self) -> None:
        assert self.run(self._figures()) == self.model.figures()
        rows = self.run(self._rows())
        assert [(one.id, one.state) for one in rows] == [
            (one.id, one.state) for one in self.model.rentals
        ]

    @invariant()
    def the_books_agree(self) -> None:
        assert self.run(self.world.book_findings()) == []

    @invariant()
    def nothing_waits_beside_a_catch_all(self) -> None:
        catch_alls = {one.id for one in SERVICES if one.catch_all}
        on_line: dict[str, list[int]] = {}
        for row in self.run(self._rows()):
            if row.state == WAITING:
                on_line.setdefault(row.number, []).append(row.service_id)
        for services in on_line.values():
            assert len(set(services)) == len(services)
            assert len(services) == 1 or not catch_alls & set(services)

    # ------------------------------------------------------------------------------- at the end

    def teardown(self) -> None:
        try:
            for rental in self.model.rentals:
                self._check_view(rental)
            self._check_messages()
            self._check_events()
            self._check_revenue()
            assert list(self.model.given_twice()) == []
            assert self.run(stock_findings(self.world)) == []
        finally:
            self.run(self.world.db.close())
            self.stack.close()

    def _check_view(self, rental: PlainRental) -> None:
        """Its own dealer reads what the model says; no other dealer reads anything."""
        view = self.run(self.world.rental(self.dealers[rental.account.id], rental.id))
        assert (view.state.value, view.number) == (rental.state, rental.number)
        shown = None if view.message_id is None else (view.text, view.code)
        assert shown == rental.shown
        for account_id, dealer in self.dealers.items():
            if account_id != rental.account.id:
                with pytest.raises(Refused):
                    self.run(self.world.rental(dealer, rental.id))

    def _check_messages(self) -> None:
        """Each message is kept once, for the model's owner or for the model's reason."""
        rows = self.run(self.world.rows("SELECT id, rental_id, quarantine FROM messages"))
        kept = {row[0]: row[2] if row[1] is None else row[1] for row in rows}
        assert kept == {
            message_id: owner if isinstance(owner, str) else owner.id
            for message_id, owner in self.model.owners.items()
        }

    def _check_events(self) -> None:
        """Each rental began once, and ended once, if at all."""
        told: dict[int, list[str]] = {one.id: [] for one in self.model.rentals}
        for event in self.run(self.world.events()):
            if event.kind.value.startswith("rental.") and event.rental_id is not None:
                told[event.rental_id].append(event.kind.value.removeprefix("rental."))
        for one in self.model.rentals:
            end = [] if one.state == WAITING else [one.state]
            assert told[one.id] == [WAITING, *end]

    def _check_revenue(self) -> None:
        query = (
            "SELECT CAST(coalesce(sum(amount_dong), 0) AS BIGINT) FROM postings "
            "WHERE target = 'house:revenue'"
        )
        assert self.run(self.world.rows(query))[0][0] == self.model.revenue_dong
        received = [one for one in self.model.rentals if one.state == RECEIVED]
        assert self.model.revenue_dong == sum(one.service.price_dong for one in received)

    # --------------------------------------------------------------------------- what simlet says

    async def _figures(self) -> dict[int, tuple[int, int, int]]:
        return {
            one.id: (one.available_dong, one.held_dong, one.waiting_count)
            for one in await self.world.db.read(browse.list_accounts)
        }

    async def _account(self, account_id: int) -> tuple[int, int, int]:
        return (await self._figures())[account_id]

    async def _rows(self) -> list[RentalRow]:
        return (await self.world.db.read(browse.list_rentals, "", "", EVER))[::-1]

    async def _row(self, rental_id: int) -> RentalRow:
        return next(one for one in await self._rows() if one.id == rental_id)


def _value(receipt: Receipt) -> str | None:
    return receipt.quarantine.value if receipt.quarantine else None


def play(fresh: Fresh, *, examples: int, steps: int) -> None:
    """Plays so many games of so many steps, or those of the profile `thorough`."""

    class Game(Dealings):
        def database(self) -> AbstractContextManager[str]:
            return fresh()

    if os.environ.get("HYPOTHESIS_PROFILE") == "thorough":
        profile = settings.get_profile("thorough")
    else:
        profile = settings(max_examples=examples, stateful_step_count=steps)
    run_state_machine_as_test(
        Game,
        settings=settings(
            profile, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
        ),
    )


@pytest.mark.timeout(7_200)
def test_dealings_on_sqlite_are_those_of_the_model(fresh_sqlite: Fresh) -> None:
    play(fresh_sqlite, examples=30, steps=40)


@pytest.mark.timeout(7_200)
def test_dealings_on_postgresql_are_those_of_the_model(fresh_postgres: Fresh) -> None:
    play(fresh_postgres, examples=8, steps=30)
