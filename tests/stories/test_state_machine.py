"""A dealer's world in any order: hypothesis plays it against simlet and against a plain model."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from simlet.domain import errors
from simlet.domain.errors import Refused
from simlet.flows.cancel_request import cancel_request
from simlet.flows.hold import Order, Rented
from simlet.flows.receive_message import Receipt
from simlet.flows.rent_again import RentAgainRequest, rent_again
from simlet.flows.top_up import take_back, top_up
from simlet.store.database import open_database
from stories.moves import FIRST_MOVES, NOBODYS, a_move
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
    PlainRental,
    PlainRequest,
    PlainService,
    Wish,
)
from stories.side_by_side import Outcome, SideBySide

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
Fresh = Callable[[], AbstractContextManager[str]]


class Dealings(SideBySide):
    """Everything that can happen to rentals."""

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
        outcomes = self._outcomes()
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

    def take_back(self, who: int, amount_dong: int, reference: str) -> None:
        account = self.some_account(who)
        name = self.dealers[account.id].name
        call = self.world.db.write(take_back, name, amount_dong, reference, "a payout", self.now_ms)
        before = self.model.debits.get(reference)
        wrong = errors.BALANCE_TOO_LOW if account.available_dong < amount_dong else None
        if before is not None:
            wrong = None if before == (account.id, amount_dong) else errors.DEBIT_REUSED
        if wrong is not None:
            with pytest.raises(Refused) as refused:
                self.run(call)
            assert refused.value.refusal is wrong
            return
        if before is None:
            self.model.debits[reference] = (account.id, amount_dong)
            account.available_dong -= amount_dong
        after = self.run(call)
        assert (after.available_dong, after.repeated) == (
            account.available_dong,
            before is not None,
        )

    def restart(self) -> None:
        self.run(self.world.db.close())
        self.world.db = open_database(self.url, readers=1, pool_size=2)
        self.world.runtime = replace(self.world.runtime, db=self.world.db)


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
