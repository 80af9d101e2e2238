"""A dealer's world in any order: hypothesis plays it against simlet and against a plain model."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.request import LineRequest
from simlet.flows import browse
from simlet.flows.cancel_request import cancel_request
from simlet.flows.check_books import check_books
from simlet.flows.hold import Order, Rented
from simlet.flows.receive_message import Receipt
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.top_up import top_up
from simlet.store.database import open_database
from simlet.store.rental_views import RentalRow
from simlet.store.sql import Sql, Tx
from simlet.testing.world import Dealer, World
from stories.plain_model import (
    CANCELLED,
    EXPIRED,
    FILLED,
    OUT_OF_STOCK,
    QUEUED,
    RECEIVED,
    REFUSED,
    WAITING,
    PlainAccount,
    PlainMessage,
    PlainModel,
    PlainRental,
    PlainRequest,
    PlainService,
    Wish,
)
from stories.stock_audit import stock_findings

T = TypeVar("T")
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
Fresh = Callable[[], AbstractContextManager[str]]

# Few lines, few accounts, and prices that share a divisor: so that things meet.
LINES = {"+84961000001": "VIETTEL", "+84967000002": "MOBIFONE", "+84851000003": "VINAPHONE"}
SERVICES = (
    PlainService(1, 100, 60, sender="Alpha"),
    PlainService(2, 50, 30, word="beta", cancel_after_s=10, extend_s=15, extend_times=2),
    PlainService(3, 50, 45, sender="Alpha", word="gamma"),
    PlainService(8, 100, 90, catch_all=True, extend_s=20, extend_times=1),
    PlainService(9, 50, 40, sender="Delta", catch_all=True),
)
ACCOUNTS = {"one": (4, 600), "other": (3, 400)}
NOBODYS = "+84999000009"
EVER = 1_000_000
_REQUESTS = (
    "SELECT q.id, q.state, q.refusal, q.rental_id, r.number FROM requests q "
    "LEFT JOIN rentals r ON r.id = q.rental_id ORDER BY q.id"
)

a_pick = st.integers(0, 1_000)
a_service = st.sampled_from(SERVICES)
wishes = st.builds(
    Wish,
    networks=st.sampled_from([(), (), ("VIETTEL",), ("MOBIFONE", "VINAPHONE"), ("ITELECOM",)]),
    wanted=st.sampled_from([(), (), ("96",), ("9", "33"), ("967",), ("85", "9610"), ("31",)]),
    unwanted=st.sampled_from([(), (), (), ("96",), ("8",), ("967",), ("9610", "85")]),
)
senders = st.sampled_from(["Alpha", "ALPHA", "Delta", "Stranger"])
texts = st.sampled_from(["Your {}", "beta {}", "gamma {}", "beta and gamma {}"])
# Against the time of a rental, or of now; the number is what is added, in milliseconds.
stamps = st.one_of(
    st.none(),
    st.tuples(
        st.just("now"), st.sampled_from([-61_000, -5_000, -1_000, -400, -1, 0, 1, 3_600_000])
    ),
    st.tuples(
        st.sampled_from(["began", "ends", "second of began", "second of ends"]),
        st.sampled_from([-1_000, -1, 0, 0, 1, 5_000]),
    ),
)


@dataclass(frozen=True)
class Standing:
    """What simlet says of everything, at one moment."""

    figures: dict[int, tuple[int, int, int]]
    rows: list[RentalRow]
    requests: list[tuple[int, str]]
    queued: dict[int, int]
    findings: list[str]


@dataclass(frozen=True)
class Outcome:
    """What became of a request; the last two where it got a line."""

    state: str
    refusal: str | None
    rental_id: int
    number: str


def standing(tx: Tx) -> Standing:
    """Reads it all at once."""
    figures = {
        one.id: (one.available_dong, one.held_dong, one.waiting_count)
        for one in browse.list_accounts(tx)
    }
    rows = browse.list_rentals(tx, "", "", EVER)
    requests = [(row[0], row[1]) for row in tx.rows(Sql(_REQUESTS))]
    queued = {one.id: one.queued_count for one in browse.list_services(tx)}
    return Standing(figures, rows[::-1], requests, queued, check_books(tx))


MOVES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "let_time_pass": {"seconds": st.sampled_from([0.001, 0.4, 1, 7, 20, 31])},
    "go_to_a_deadline": {"pick": a_pick, "offset_ms": st.sampled_from([-1, 0, 1])},
    "expire": {},
    "rent": {"who": a_pick, "service": a_service, "wish": wishes},
    "rent_where_another_is": {"pick": a_pick, "who": a_pick, "service": a_service},
    "place_order": {
        "who": a_pick,
        "service": st.sampled_from(SERVICES[:2]),
        "wish": st.sampled_from([Wish(), Wish(wanted=("9",))]),
        "order_id": st.sampled_from(["a", "b"]),
    },
    "rent_again": {"pick": a_pick},
    "rent_again_what_may_not_be": {
        "pick": a_pick,
        "who": st.sampled_from([None, None, 0, 1]),
        "number": st.sampled_from([None, None, *LINES]),
        "service": st.sampled_from([None, None, *SERVICES]),
    },
    "receive_what_a_rental_waits_for": {
        "pick": a_pick,
        "has_code": st.sampled_from([True, True, False]),
        "stamp": stamps,
        "besides": st.sampled_from(["", "", "beta ", "gamma "]),
    },
    "receive_sms": {
        "pick": a_pick,
        "number": st.sampled_from([None, None, *LINES, NOBODYS]),
        "sender": senders,
        "text": texts,
        "has_code": st.sampled_from([True, True, False]),
        "stamp": stamps,
        "source_id": st.sampled_from([None, None, "17", "18"]),
    },
    "receive_call": {"pick": a_pick, "has_code": st.booleans(), "recording": st.booleans()},
    "receive_again": {
        "pick": a_pick,
        "change": st.sampled_from(["nothing", "nothing", "stamp", "id", "sender"]),
    },
    "race_a_code_against_the_deadline": {"pick": a_pick, "expiry_first": st.booleans()},
    "cancel": {"pick": a_pick},
    "report": {"pick": a_pick},
    "extend": {"pick": a_pick},
    "queue": {
        "who": a_pick,
        "service": a_service,
        "wish": st.sampled_from([Wish(), Wish(), Wish(wanted=("96",))]),
        "wait_s": st.sampled_from([1, 25, 90, 3600]),
    },
    "fill": {},
    "cancel_request": {"pick": a_pick},
    "credit": {
        "who": a_pick,
        "amount_dong": st.sampled_from([50, 100, 100, 150, 1]),
        "reference": st.sampled_from("abcdef"),
    },
    "restart": {},
}
FIRST_MOVES = {"rent", "place_order", "receive_sms", "credit", "let_time_pass", "queue"}

OFTEN = (
    "rent",
    "rent_where_another_is",
    "rent_where_another_is",
    "receive_what_a_rental_waits_for",
)

# One rule for all moves: of many rules hypothesis leaves most out of a game, and here it takes
# several sorts of them to come to anything.
a_move = st.sampled_from([*MOVES, *OFTEN]).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(MOVES[name]))
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
                cancel_after_s=one.cancel_after_s,
                extend_s=one.extend_s,
                extend_times=one.extend_times,
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

    @rule(move=a_move)
    def play(self, move: tuple[str, dict[str, Any]]) -> None:
        name, inputs = move
        if self.model.rentals or name in FIRST_MOVES:
            getattr(self, name)(**inputs)

    # ------------------------------------------------------------------------------- renting

    def rent(self, who: int, service: PlainService, wish: Wish) -> None:
        account = self.some_account(who)
        expected = self.model.free_numbers(account, service, wish, self.now_ms)
        self._rent(account, service, wish, expected, None)

    def rent_where_another_is(self, pick: int, who: int, service: PlainService) -> None:
        digits = self.some_rental(pick).number.removeprefix("+84")
        self.rent(who, service, Wish(wanted=(digits,)))

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
            rented = self.run(self._world_rent(account, service, wish, order))
            assert rented.rental.id == before[1].id
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
            rented = self.run(self._world_rent(account, service, wish, order))
        except Refused as refused:
            if not _is_expected(refused, expected):
                raise
            return None
        number = rented.rental.number
        assert not isinstance(expected, str)
        assert number in expected
        begun = self.model.begin(rented.rental.id, account, service, number, self.now_ms)
        assert rented.balance_dong == account.available_dong
        return begun

    async def _world_rent(
        self, account: PlainAccount, service: PlainService, wish: Wish, order: Order | None
    ) -> Rented:
        return await self.world.rent(
            self.dealers[account.id],
            service.id,
            networks=wish.networks,
            wanted=wish.wanted,
            unwanted=wish.unwanted,
            order=order,
        )

    def rent_again(self, pick: int) -> None:
        received = [one for one in self.model.rentals if one.state == RECEIVED]
        if received:
            earlier = received[-1 - pick % len(received)]
            self._rent_again(earlier, earlier.account, earlier.number, earlier.service)

    def rent_again_what_may_not_be(
        self, pick: int, who: int | None, number: str | None, service: PlainService | None
    ) -> None:
        """Any rental, and where it is not said otherwise its own account, number and service."""
        earlier = self.some_rental(pick)
        account = earlier.account if who is None else self.some_account(who)
        self._rent_again(earlier, account, number or earlier.number, service or earlier.service)

    def _rent_again(
        self, earlier: PlainRental, account: PlainAccount, number: str, service: PlainService
    ) -> None:
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

    def let_time_pass(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    def go_to_a_deadline(self, pick: int, offset_ms: int) -> None:
        moment_ms = self.some_rental(pick).deadline_ms + offset_ms
        if moment_ms > self.now_ms:
            self.world.clock.advance((moment_ms - self.now_ms) / 1000)

    def expire(self) -> None:
        overdue = self.model.expire(self.now_ms)
        assert self.run(self.world.expire()).released == len(overdue)

    # ------------------------------------------------------------------------------- messages

    def receive_sms(
        self,
        number: str | None,
        sender: str,
        text: str,
        has_code: bool,
        stamp: tuple[str, int] | None,
        source_id: str | None,
        pick: int,
    ) -> None:
        if number is None:
            number = self.some_rental(pick).number if self.model.rentals else NOBODYS
        code = self._next_code() if has_code else None
        said = text.format(f"code is {code}" if code else "welcome to the club")
        stamp_ms = self._stamp_ms(stamp, pick)
        self.deliver(PlainMessage("sms", number, sender, said, code, stamp_ms, source_id))

    def receive_what_a_rental_waits_for(
        self, pick: int, has_code: bool, stamp: tuple[str, int] | None, besides: str
    ) -> None:
        """What fits a rental, and besides may fit another one."""
        message = self._fitting(self.some_rental(pick), self._stamp_ms(stamp, pick))
        message = replace(message, text=besides + message.text)
        self.deliver(message if has_code else _without_code(message))

    def receive_call(self, pick: int, has_code: bool, recording: bool) -> None:
        message = replace(self._fitting(self.some_rental(pick), None), kind="call")
        message = message if has_code else _without_code(message)
        self.deliver(replace(message, recording=recording))

    def receive_again(self, pick: int, change: str) -> None:
        if not self.delivered:
            return
        message = self.delivered[-1 - pick % len(self.delivered)]
        if change == "stamp":
            message = replace(message, stamp_ms=(message.stamp_ms or self.now_ms) + 1_000)
        elif change == "id":
            message = replace(message, source_id="19")
        elif change == "sender":
            message = replace(message, sender="Alpha")
        self.deliver(message)

    def deliver(self, message: PlainMessage) -> None:
        known = self.model.known_as(message)
        receipt = self.run(self._world_receive(message))
        self.delivered.append(message)
        if known is not None:
            assert receipt == Receipt(known, duplicate=True)
            return
        owner = self.model.owner_of(message, self.now_ms)
        assert receipt.message_id is not None
        self.model.keep(receipt.message_id, message, owner, self.now_ms)
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
        if kind == "now" or not self.model.rentals:
            return self.now_ms + offset_ms
        rental = self.some_rental(pick)
        moment_ms = rental.created_ms if kind.endswith("began") else rental.deadline_ms
        if kind.startswith("second"):
            return moment_ms // 1000 * 1000 + offset_ms // 1000 * 1000
        return moment_ms + offset_ms

    # ------------------------------------------------------------------------------- leaving

    def cancel(self, pick: int) -> None:
        rental = self.some_rental(pick)
        expected = self.model.may_cancel(rental, self.now_ms)
        try:
            ended = self.run(self.world.cancel(self.dealers[rental.account.id], rental.id))
        except Refused as refused:
            if refused.refusal.code != expected:
                raise
            return
        assert ended.state.value == expected
        self.model.leave(rental, self.now_ms)

    def report(self, pick: int) -> None:
        rental = self.some_rental(pick)
        self.model.leave(rental, self.now_ms)
        rental.reported = True
        reported = self.run(self.world.report(self.dealers[rental.account.id], rental.id))
        assert reported.state.value == rental.state

    def extend(self, pick: int) -> None:
        rental = self.some_rental(pick)
        expected = self.model.may_extend(rental, self.now_ms)
        try:
            extended = self.run(self.world.extend(self.dealers[rental.account.id], rental.id))
        except Refused as refused:
            if expected or refused.refusal is not errors.NOT_EXTENDABLE:
                raise
            return
        assert expected
        rental.extensions += 1
        assert extended.deadline_at_ms == rental.deadline_ms

    # ----------------------------------------------------------------------------- the queue

    def queue(self, who: int, service: PlainService, wish: Wish, wait_s: int) -> None:
        account = self.some_account(who)
        expected = self.model.free_numbers(account, service, wish, self.now_ms)
        full = self.model.queued_of(account) >= account.limit
        try:
            found = self.run(self._world_queue(account, service, wish, wait_s))
        except Refused as refused:
            if full and OUT_OF_STOCK in expected:
                expected = errors.WAITING_LIMIT.code
            if refused.refusal.code != expected:
                raise
            return
        if isinstance(found, Rented):
            number = found.rental.number
            assert not isinstance(expected, str)
            assert number in expected
            self.model.begin(found.rental.id, account, service, number, self.now_ms)
            return
        assert OUT_OF_STOCK in expected
        assert not full
        deadline_ms = self.now_ms + wait_s * 1000
        assert found.deadline_at_ms == deadline_ms
        self.model.requests.append(PlainRequest(found.id, account, service, wish, deadline_ms))

    async def _world_queue(
        self, account: PlainAccount, service: PlainService, wish: Wish, wait_s: int
    ) -> Rented | LineRequest:
        return await self.world.queue(
            self.dealers[account.id],
            service.id,
            wait_s=wait_s,
            networks=wish.networks,
            wanted=wish.wanted,
            unwanted=wish.unwanted,
        )

    def cancel_request(self, pick: int) -> None:
        if not self.model.requests:
            return
        request = self.model.requests[-1 - pick % len(self.model.requests)]
        account_id = request.account.id
        ended = self.run(self.world.db.write(cancel_request, account_id, request.id, self.now_ms))
        if request.state == QUEUED:
            request.state = EXPIRED if self.now_ms >= request.deadline_ms else CANCELLED
        assert ended.state.value == request.state

    def fill(self) -> None:
        """The model is told who got which line, and judges whether that is right."""
        self.run(self.world.fill())
        rows = self.run(self.world.rows(_REQUESTS))
        outcomes = {row[0]: Outcome(*row[1:]) for row in rows}
        dry: list[PlainRequest] = []
        for request in self.model.requests:
            if request.state == QUEUED:
                self._judge(request, outcomes[request.id], dry)

    def _judge(self, request: PlainRequest, came_of: Outcome, dry: list[PlainRequest]) -> None:
        account, service, wish = request.account, request.service, request.wish
        expected = self.model.free_numbers(account, service, wish, self.now_ms, request)
        if self.now_ms >= request.deadline_ms:
            assert came_of.state == EXPIRED
        elif came_of.state == QUEUED:
            behind = any(one.same_queue(service, wish) for one in dry)
            assert behind or expected in {"waiting_limit", OUT_OF_STOCK}
            if expected != "waiting_limit":
                dry.append(request)
        elif came_of.state == REFUSED:
            assert came_of.refusal == expected == "insufficient_funds"
        else:
            assert came_of.state == FILLED
            assert not isinstance(expected, str)
            assert came_of.number in expected
            number, rental_id = came_of.number, came_of.rental_id
            self.model.begin(rental_id, account, service, number, self.now_ms)
        request.state = came_of.state

    # ---------------------------------------------------------------------------------- races

    def race_a_code_against_the_deadline(self, pick: int, expiry_first: bool) -> None:
        """Either end is right; whichever it is, it must be the only one."""
        waiting = [one for one in self.model.rentals if one.state == WAITING]
        if not waiting:
            return
        rental = waiting[pick % len(waiting)]
        self.world.clock.advance(max(0, rental.deadline_ms - self.now_ms) / 1000)
        message = self._fitting(rental, rental.deadline_ms - 1)
        claims = self.model.claims(message, self.now_ms)
        receipt = self.run(self._race(message, expiry_first=expiry_first))

        (owner,) = (one for one in self.model.rentals if one.id == receipt.rental_id)
        assert owner in claims
        if owner.state == WAITING and self._row(owner.id).state == EXPIRED:
            self.model.release(owner)
        assert receipt.message_id is not None
        self.model.keep(receipt.message_id, message, owner, self.now_ms)
        self.model.expire(self.now_ms)

    async def _race(self, message: PlainMessage, *, expiry_first: bool) -> Receipt:
        if expiry_first:
            _, receipt = await asyncio.gather(self.world.expire(), self._world_receive(message))
        else:
            receipt, _ = await asyncio.gather(self._world_receive(message), self.world.expire())
        await self.world.expire()
        return receipt

    # ---------------------------------------------------------------------- money, and restarts

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

    def restart(self) -> None:
        self.run(self.world.db.close())
        self.world.db = open_database(self.url, readers=1, pool_size=2)
        self.world.runtime = replace(self.world.runtime, db=self.world.db)

    # ------------------------------------------------------------------- what is so at any time

    @invariant()
    def what_simlet_says_is_what_the_model_says(self) -> None:
        said = self.run(self.world.db.read(standing))
        assert said.findings == []
        assert said.figures == self.model.figures()
        assert [(one.id, one.state) for one in said.rows] == [
            (one.id, one.state) for one in self.model.rentals
        ]
        assert said.requests == [(one.id, one.state) for one in self.model.requests]
        waiting = [one for one in self.model.requests if one.state == QUEUED]
        assert said.queued == {
            one.id: len([1 for each in waiting if each.service is one]) for one in SERVICES
        }
        _check_sharing(said.rows)

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
        """Each rental began once, and ended once, if at all; what else happened is told too."""
        told: dict[int, list[str]] = {one.id: [] for one in self.model.rentals}
        for event in self.run(self.world.events()):
            if event.kind.value.startswith("rental.") and event.rental_id is not None:
                told[event.rental_id].append(event.kind.value.removeprefix("rental."))
        for one in self.model.rentals:
            end = [] if one.state == WAITING else [one.state]
            also = ["extended"] * one.extensions + ["reported"] * one.reported
            assert Counter(told[one.id]) == Counter([WAITING, *end, *also])
            assert told[one.id][0] == WAITING

    def _check_revenue(self) -> None:
        query = (
            "SELECT CAST(coalesce(sum(amount_dong), 0) AS BIGINT) FROM postings "
            "WHERE target = 'house:revenue'"
        )
        assert self.run(self.world.rows(query))[0][0] == self.model.revenue_dong
        received = [one for one in self.model.rentals if one.state == RECEIVED]
        assert self.model.revenue_dong == sum(one.service.price_dong for one in received)

    def _row(self, rental_id: int) -> RentalRow:
        said = self.run(self.world.db.read(standing))
        return next(one for one in said.rows if one.id == rental_id)


def _check_sharing(rows: list[RentalRow]) -> None:
    """No two wait on one line for one service, and nobody waits beside a catch-all."""
    catch_alls = {one.id for one in SERVICES if one.catch_all}
    on_line: dict[str, list[int]] = {}
    for row in rows:
        if row.state == WAITING:
            on_line.setdefault(row.number, []).append(row.service_id)
    for services in on_line.values():
        assert len(set(services)) == len(services)
        assert len(services) == 1 or not catch_alls & set(services)


def _is_expected(refused: Refused, expected: set[str] | str) -> bool:
    """Whether a refusal is the one, or one of those, that the model says."""
    code = refused.refusal.code
    return code == expected if isinstance(expected, str) else code in expected


def _without_code(message: PlainMessage) -> PlainMessage:
    text = message.text.replace(f"code is {message.code}", "welcome to the club")
    return replace(message, text=text, code=None)


def _value(receipt: Receipt) -> str | None:
    return receipt.quarantine.value if receipt.quarantine else None


def play(fresh: Fresh, *, rounds: int) -> None:
    """Plays so many rounds of ten games."""

    class Game(Dealings):
        def database(self) -> AbstractContextManager[str]:
            return fresh()

    # Hypothesis goes on from the games that it has, with small changes to them, so the tenth is
    # much like the ninth: several short searches see more of the world than a long one.
    for _ in range(rounds):
        run_state_machine_as_test(Game, settings=settings.get_profile(PROFILE))


@pytest.mark.timeout(7_200)
def test_dealings_on_sqlite_are_those_of_the_model(fresh_sqlite: Fresh) -> None:
    play(fresh_sqlite, rounds=8 if PROFILE == "quick" else 50)


@pytest.mark.timeout(7_200)
def test_dealings_on_postgresql_are_those_of_the_model(fresh_postgres: Fresh) -> None:
    play(fresh_postgres, rounds=2 if PROFILE == "quick" else 20)
