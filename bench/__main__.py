"""`python -m bench`: measures simlet on this machine, as ratios against public yardsticks.

It prints a table and writes `bench/results.json`. `docs/bench.md` tells the method.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.callbacks import measure_callbacks
from bench.deliver_sm import check_smsc, free_port
from bench.evening import Evening, Round, Say, Stretches, check_kept
from bench.fault import BenchFault
from bench.growth import Growth, measure_growth, use_up
from bench.hello import running_hello
from bench.installation import Installation, add_smsc, make_installation
from bench.load import check_wrk
from bench.machine import machine
from bench.memory import Memory, measure_memory
from bench.modems import measure_modems
from bench.pgbench import Pgbench, running_pgbench
from bench.report import Results, print_results, write_results
from bench.server import running_server, start_s
from bench.texts import check_texts
from bench.waits import FULL as FULL_WAITS
from bench.waits import QUICK as QUICK_WAITS
from bench.waits import WaitsPlan, measure_waits
from rich.console import Console

RESULTS = Path(__file__).with_name("results.json")
SMALL_LINES = 10_000
QUIET_LOAD = 0.5
WIDTH = 110
_SERVICES = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    quick: bool
    stretches: Stretches
    rounds: int
    warm_up_s: int
    evening_lines: int
    large_lines: int
    growth_rents: int
    starts: int
    memory_s: int
    modems_s: int
    waits: WaitsPlan
    callbacks_s: int


FULL = Plan(
    quick=False,
    stretches=Stretches(pgbench_s=8, rents_s=10, polls_s=6, messages_s=8),
    rounds=3,
    warm_up_s=5,
    evening_lines=100_000,
    large_lines=1_000_000,
    growth_rents=300,
    starts=5,
    memory_s=4,
    modems_s=60,
    waits=FULL_WAITS,
    callbacks_s=10,
)
QUICK = Plan(
    quick=True,
    stretches=Stretches(pgbench_s=3, rents_s=3, polls_s=2, messages_s=2),
    rounds=1,
    warm_up_s=1,
    evening_lines=50_000,
    large_lines=100_000,
    growth_rents=50,
    starts=3,
    memory_s=1,
    modems_s=10,
    waits=QUICK_WAITS,
    callbacks_s=3,
)


def main() -> int:
    """Measures; 0 when all was measured, whether or not a goal was met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run, less exact")
    plan = QUICK if parser.parse_args().quick else FULL
    console = Console(stderr=True)
    try:
        check_wrk()
        check_smsc()
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            results = _measure(plan, Path(folder), lambda what: console.print(f"… {what}"))
    except BenchFault as fault:
        console.print(f"[red]{fault}[/]")
        return 1
    write_results(results, RESULTS)
    print_results(results, Console() if sys.stdout.isatty() else Console(width=WIDTH))
    return 0


def _measure(plan: Plan, folder: Path, say: Say) -> Results:
    began_s = time.monotonic()
    on = machine()
    if float(on["load_before"]) > QUIET_LOAD:
        say(f"[yellow]the machine is busy (load {on['load_before']}): the figures will be off[/]")
    with running_pgbench() as pgbench:
        on["postgresql"] = pgbench.version
        rounds = _measure_evening(plan, folder, pgbench, say)
    say(f"{SMALL_LINES:,} and {plan.large_lines:,} lines are imported")
    small = _make(folder / "small", SMALL_LINES, services=1)
    large = _make(folder / "large", plan.large_lines, services=3)
    growth = _measure_growth(plan, small, large, say)
    say("modems")
    modems = measure_modems(folder / "modems", plan.modems_s)
    say("waits and streams")
    waits = measure_waits(folder / "waits", plan.waits)
    say("callbacks")
    callbacks = measure_callbacks(folder / "callbacks", plan.callbacks_s)
    say("start and memory")
    return Results(
        on,
        plan.quick,
        time.monotonic() - began_s,
        rounds,
        plan.large_lines,
        growth,
        start_s(small, plan.starts),
        *_measure_memory(plan, small, large),
        modems,
        waits,
        callbacks,
    )


def _measure_evening(plan: Plan, folder: Path, pgbench: Pgbench, say: Say) -> list[Round]:
    say(f"{plan.evening_lines:,} lines are imported")
    installation = _make(folder / "evening", plan.evening_lines, _SERVICES)
    for name in installation.services.values():
        check_texts(name)
    smsc_port = free_port()
    asyncio.run(add_smsc(installation, smsc_port))
    pgbench.tps(plan.warm_up_s)
    with running_server(installation) as server, running_hello() as hello:
        evening = Evening(installation, server, hello, pgbench, plan.stretches, say, smsc_port)
        rounds = [evening.round() for _ in range(plan.rounds)]
    asyncio.run(check_kept(installation))
    return rounds


def _measure_growth(plan: Plan, small: Installation, large: Installation, say: Say) -> Growth:
    say("growth")
    use_up(large)
    return asyncio.run(measure_growth(small, large, plan.growth_rents))


def _measure_memory(plan: Plan, small: Installation, large: Installation) -> tuple[Memory, Memory]:
    return measure_memory(small, plan.memory_s), measure_memory(large, plan.memory_s)


def _make(folder: Path, lines: int, services: int) -> Installation:
    folder.mkdir()
    return asyncio.run(make_installation(folder / "simlet.db", lines, services))


if __name__ == "__main__":
    sys.exit(main())
