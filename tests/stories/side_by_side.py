"""simlet and the plain model side by side: one game, and what must be so of both in it."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from simlet.domain.errors import Refused
from simlet.domain.inbound import Inbound, MessageKind
from simlet.domain.request import LineRequest
from simlet.flows import browse
from simlet.flows.check_books import check_books
from simlet.flows.hold import Order, Rented
from simlet.flows.receive_message import Receipt
from simlet.store.database import open_database
from simlet.store.rental_views import RentalRow
from simlet.store.sql import Sql, Tx
from simlet.testing.world import Dealer, World
from stories.moves import ACCOUNTS, LINES, SERVICES
from stories.plain_model import (
    QUEUED,
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
EVER = 1_000_000
_REQUESTS = (
    "SELECT q.id, q.state, q.refusal, q.rental_id, r.number FROM requests q "
    "LEFT JOIN rentals r ON r.id = q.rental_id ORDER BY q.id"
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


class SideBySide(RuleBasedStateMachine):
    """A database for one game and the model of it, and what must be so after each move."""

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

    def _outcomes(self) -> dict[int, Outcome]:
        rows = self.run(self.world.rows(_REQUESTS))
        return {row[0]: Outcome(*row[1:]) for row in rows}


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
