"""The live stock is what can be rented: so many lines, and not one more, whatever happened."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import Fresh, world_in
from simlet.domain.allocate import Chance
from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.domain.rental import Rental
from simlet.flows.manage_lines import retire_line
from simlet.flows.rent_number import RentRequest, rent_number
from simlet.flows.show_services import show_services
from simlet.store.sql import Tx
from simlet.testing.world import Dealer, World

NUMBERS = tuple(f"0967{one:06}" for one in range(3)) + tuple(f"0977{one:06}" for one in range(2))
WAITING_S = 60
PLAIN, OTHER, ALONE, LONG = 4, 5, 8, 9
SERVICES = {PLAIN: False, OTHER: False, ALONE: True, LONG: True}
ENOUGH = 10**6

dealer = st.integers(0, 1)
service = st.sampled_from(list(SERVICES))
pick = st.integers(0, 20)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("rent"), dealer, service),
        st.tuples(st.just("rent"), dealer, service),
        st.tuples(st.just("answer"), pick),
        st.tuples(st.just("rent_again"), pick),
        st.tuples(st.just("pass"), st.sampled_from([1, WAITING_S - 1, WAITING_S])),
        st.tuples(st.sampled_from(["report", "cancel"]), pick),
        st.tuples(st.just("retire"), st.integers(0, len(NUMBERS) - 1)),
    ),
    min_size=3,
    max_size=30,
)


class UndoError(Exception):
    """Ends a transaction whose answer is wanted, and not what it did."""


def rents_until_none_is_left(
    tx: Tx, told: Callable[[int], None], request: RentRequest, now_ms: int, chance: Chance
) -> None:
    for count in range(len(NUMBERS) + 1):
        try:
            rent_number(tx, request, now_ms, chance)
        except Refused as refused:
            told(count if refused.refusal is OUT_OF_STOCK else -1)
            break
    raise UndoError


class Game:
    def __init__(self, world: World) -> None:
        self.world = world
        self.dealers: list[Dealer] = []
        self.rented: list[tuple[Dealer, Rental]] = []
        self.retired: set[str] = set()

    async def begin(self) -> None:
        for service_id, catch_all in SERVICES.items():
            waiting_s = WAITING_S * 3 if service_id == LONG else WAITING_S
            await self.world.service(
                service_id, catch_all=catch_all, waiting_s=waiting_s, price_dong=1
            )
        await self.world.lines(*NUMBERS)
        for name in ("ann", "bob", "cleo"):
            made = await self.world.dealer(name, balance_dong=ENOUGH, waiting_limit=ENOUGH)
            self.dealers.append(made)

    async def play(self, move: tuple[object, ...]) -> None:
        name, *inputs = move
        with suppress(Refused):
            await getattr(self, f"do_{name}")(*inputs)
        await self.check()

    async def check(self) -> None:
        """Cleo has rented nothing herself: hers is the stock of a newcomer."""
        now_ms = self.world.clock.now_ms()
        for one in self.dealers:
            shown = await self.world.db.read(show_services, one.id, now_ms)
            stock = {service.id: service.stock for service in shown}
            assert stock == {id_: await self.rentable(one, id_) for id_ in SERVICES}

    async def rentable(self, dealer: Dealer, service_id: int) -> int:
        counts: list[int] = []
        with pytest.raises(UndoError):
            await self.world.db.write(
                rents_until_none_is_left,
                counts.append,
                RentRequest(dealer.id, service_id),
                self.world.clock.now_ms(),
                self.world.runtime.chance,
            )
        return counts[-1]

    async def do_rent(self, dealer: int, service_id: int) -> None:
        made = await self.world.rent(self.dealers[dealer], service_id)
        self.rented.append((self.dealers[dealer], made.rental))

    async def do_answer(self, pick: int) -> None:
        if self.rented:
            await self.world.sms(
                self.rented[pick % len(self.rented)][1].number, "Your code is 486460"
            )

    async def do_rent_again(self, pick: int) -> None:
        if self.rented:
            dealer, rental = self.rented[pick % len(self.rented)]
            made = await self.world.rent_again(dealer, rental)
            self.rented.append((dealer, made.rental))

    async def do_pass(self, seconds: int) -> None:
        # What is overdue is counted as it is, before the worker has seen it.
        self.world.clock.advance(seconds)
        await self.check()
        await self.world.expire()

    async def do_report(self, pick: int) -> None:
        if self.rented:
            dealer, rental = self.rented[pick % len(self.rented)]
            await self.world.report(dealer, rental.id)

    async def do_cancel(self, pick: int) -> None:
        if self.rented:
            dealer, rental = self.rented[pick % len(self.rented)]
            await self.world.cancel(dealer, rental.id)

    async def do_retire(self, place: int) -> None:
        if NUMBERS[place] not in self.retired:
            self.retired.add(NUMBERS[place])
            await self.world.db.write(retire_line, NUMBERS[place], self.world.clock.now_ms())


def play(fresh: Fresh, *, examples: int) -> None:
    @settings(settings.get_profile("quick"), max_examples=examples)
    @example([("rent", 0, ALONE), ("answer", 0), ("rent", 1, PLAIN), ("pass", WAITING_S)])
    @example([("rent", 0, PLAIN), ("report", 0), ("rent", 1, ALONE), ("answer", 1)])
    @example([("rent", 0, ALONE), ("report", 0), *[("rent", 1, PLAIN)] * 4])
    @given(moves)
    def game(moves: list[tuple[object, ...]]) -> None:
        async def played() -> None:
            with fresh() as url:
                async with world_in(url) as world:
                    game = Game(world)
                    await game.begin()
                    for move in moves:
                        await game.play(move)

        asyncio.run(played())

    game()


@pytest.mark.timeout(600)
def test_as_many_lines_as_are_shown_can_be_rented_on_sqlite(fresh_sqlite: Fresh) -> None:
    play(fresh_sqlite, examples=40)


@pytest.mark.timeout(600)
def test_as_many_lines_as_are_shown_can_be_rented_on_postgresql(fresh_postgres: Fresh) -> None:
    play(fresh_postgres, examples=6)
