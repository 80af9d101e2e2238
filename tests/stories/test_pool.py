"""Lines leave the pool and come back, whatever happens, and the stock agrees with them always."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import Fresh, world_in
from simlet.domain.errors import Refused
from simlet.domain.health import LineReport, Reception
from simlet.flows.manage_lines import retire_line
from simlet.testing.world import Dealer, World
from stories.stock_audit import stock_findings
from watching import RULES, iccid_of, report, turn, watch

NUMBERS = tuple(f"0967{one:06}" for one in range(4)) + tuple(f"0977{one:06}" for one in range(2))
SERVICES = (4, 5)
WAITING_S = 60
PORTS = ("a", "b")

line = st.integers(0, len(NUMBERS) - 1)
gateway = st.integers(0, 1)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("rent"), st.sampled_from(SERVICES)),
        st.tuples(st.just("fail"), st.integers(1, 4)),
        st.tuples(st.just("message"), line),
        st.tuples(
            st.just("report"),
            gateway,
            st.none() | line,
            st.sampled_from(list(Reception)),
            st.sampled_from(PORTS),
        ),
        st.tuples(st.just("turn"), gateway, st.booleans()),
        st.tuples(st.just("pass"), st.sampled_from([1, RULES.grace_s, RULES.rest_s])),
        st.tuples(st.just("retire"), line),
        st.tuples(st.just("watch")),
    ),
    min_size=5,
    max_size=40,
)


class Game:
    def __init__(self, world: World) -> None:
        self.world = world
        self.retired: set[str] = set()
        self.gateways: list[int] = []
        self.dealer: Dealer

    async def begin(self) -> None:
        for name in ("one", "two"):
            self.gateways.append((await self.world.gateway(name))[0])
        for service_id in SERVICES:
            await self.world.service(service_id, waiting_s=WAITING_S)
        await self.world.lines(*NUMBERS[:3], gateway="one")
        await self.world.lines(*NUMBERS[3:])
        self.dealer = await self.world.dealer(balance_dong=10**7, waiting_limit=1000)

    async def play(self, move: tuple[object, ...]) -> None:
        name, *inputs = move
        await getattr(self, f"do_{name}")(*inputs)
        assert await stock_findings(self.world) == []

    async def do_rent(self, service_id: int) -> None:
        in_pool = {
            row[0]
            for row in await self.world.rows(
                "SELECT number FROM lines WHERE state = 'active' AND out_reason IS NULL"
            )
        }
        with suppress(Refused):
            assert (await self.world.rent(self.dealer, service_id)).rental.number in in_pool

    async def do_fail(self, times: int) -> None:
        for _ in range(times):
            await self.do_rent(SERVICES[0])
            await self.do_pass(WAITING_S)

    async def do_message(self, place: int) -> None:
        await self.world.sms(NUMBERS[place], "welcome", sender="Bank")

    async def do_report(
        self, gateway: int, place: int | None, reception: Reception, port: str
    ) -> None:
        iccid = None if place is None else await iccid_of(self.world, NUMBERS[place])
        await report(self.world, self.gateways[gateway], LineReport(port, reception, iccid))

    async def do_turn(self, gateway: int, up: bool) -> None:
        await turn(self.world, self.gateways[gateway], up=up)

    async def do_pass(self, seconds: int) -> None:
        self.world.clock.advance(seconds)
        await self.world.expire()

    async def do_retire(self, place: int) -> None:
        if NUMBERS[place] not in self.retired:
            self.retired.add(NUMBERS[place])
            await self.world.db.write(retire_line, NUMBERS[place], self.world.clock.now_ms())

    async def do_watch(self) -> None:
        await watch(self.world)

    async def end_well(self) -> None:
        """Everything works again: every line that was not retired is in the pool in the end."""
        await self.do_pass(WAITING_S)
        for gateway in self.gateways:
            await turn(self.world, gateway, up=True)
        for number in NUMBERS:
            iccid = await iccid_of(self.world, number)
            told_of = LineReport(f"port of {number}", Reception.READY, iccid)
            await report(self.world, self.gateways[0], told_of)
        await watch(self.world)
        self.world.clock.advance(RULES.longest_rest_s)
        await watch(self.world)
        assert await stock_findings(self.world) == []
        rows = await self.world.rows(
            "SELECT number FROM lines WHERE state = 'active' AND out_reason IS NULL"
        )
        assert len(rows) == len(NUMBERS) - len(self.retired)


def play(fresh: Fresh, *, examples: int) -> None:
    @settings(settings.get_profile("quick"), max_examples=examples)
    @example([("fail", 3), ("watch",), ("pass", RULES.rest_s), ("watch",), ("rent", 4)])
    @given(moves)
    def game(moves: list[tuple[object, ...]]) -> None:
        async def played() -> None:
            with fresh() as url:
                async with world_in(url) as world:
                    game = Game(world)
                    await game.begin()
                    for move in moves:
                        await game.play(move)
                    await game.end_well()

        asyncio.run(played())

    game()


@pytest.mark.timeout(600)
def test_the_stock_agrees_with_the_lines_on_sqlite(fresh_sqlite: Fresh) -> None:
    play(fresh_sqlite, examples=60)


@pytest.mark.timeout(600)
def test_the_stock_agrees_with_the_lines_on_postgresql(fresh_postgres: Fresh) -> None:
    play(fresh_postgres, examples=10)
