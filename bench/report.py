"""The figures, as a table for people and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from bench.callbacks import Callbacks
from bench.desk import PER_S
from bench.evening import Round
from bench.growth import Growth
from bench.memory import Memory
from bench.modems import Modems
from bench.waits import Waits
from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Results:
    """All that one run measured."""

    machine: dict[str, Any]
    quick: bool
    took_s: float
    rounds: list[Round]
    large_lines: int
    growth: Growth
    start_s: float
    memory: Memory
    memory_large: Memory
    modems: Modems
    waits: Waits
    callbacks: Callbacks


@dataclass(frozen=True, slots=True)
class _Figure:
    """One line of the table; a goal is the least, or with `most` the most, that is wanted."""

    name: str
    value: float
    digits: int
    meaning: str
    goal: float | None = None
    most: bool = False

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.most else self.value >= self.goal


def write_results(results: Results, path: Path) -> None:
    """Writes the figures, and every sample they come from."""
    rounds = results.rounds
    document = {
        "machine": results.machine,
        "quick": results.quick,
        "took_s": round(results.took_s, 1),
        "large_lines": results.large_lines,
        "figures": {one.name: round(one.value, 4) for one in _figures(results)},
        "goals": {
            one.name: {"at_most" if one.most else "at_least": one.goal, "met": one.met}
            for one in _figures(results)
            if one.goal is not None
        },
        "rounds": [msgspec.to_builtins(one) | _ratios(one) for one in rounds],
        "growth_ms": msgspec.to_builtins(results.growth),
    }
    encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
    path.write_bytes(encoded + b"\n")


def _ratios(one: Round) -> dict[str, float]:
    return {
        "rents_per_pgbench": one.rents_per_pgbench,
        "polls_per_hello": one.polls_per_hello,
        "messages_per_pgbench": one.messages_per_pgbench,
        "deliver_sm_per_pgbench": one.deliver_sm_per_pgbench,
        "deliver_sm_per_answer": one.deliver_sm_per_answer,
    }


def print_results(results: Results, console: Console) -> None:
    """Prints the table."""
    on = results.machine
    title = f"simlet on {on['cores']} cores of {on['processor']}, Python {on['python']}"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("goal", justify="right")
    table.add_column("what it is")
    for one in _figures(results):
        table.add_row(one.name, f"{one.value:,.{one.digits}f}", _goal(one), one.meaning)
    console.print(table)


def _goal(one: _Figure) -> str:
    if one.goal is None:
        return ""
    sign, colour = ("≤" if one.most else "≥"), ("green" if one.met else "red")
    return f"[{colour}]{sign} {one.goal:g}[/]"


def _figures(results: Results) -> Sequence[_Figure]:
    evening = _evening_figures(results.rounds)
    waits = (*_wait_figures(results.waits), *_callback_figures(results.callbacks))
    return (*evening, *_growth_figures(results), *waits, *_process(results))


def _evening_figures(rounds: list[Round]) -> Sequence[_Figure]:
    return (*_evening_ratios(rounds), *_evening_rates(rounds))


def _evening_ratios(rounds: list[Round]) -> Sequence[_Figure]:
    """What has a goal: each the median of the rounds."""
    return (
        _Figure(
            "rents_per_pgbench",
            median(one.rents_per_pgbench for one in rounds),
            2,
            "durable rents over HTTP for one transaction of pgbench",
            1.5,
        ),
        _Figure(
            "polls_per_hello",
            median(one.polls_per_hello for one in rounds),
            2,
            "polls of waiting rentals for one request to an empty handler",
            0.5,
        ),
        _Figure(
            "messages_per_pgbench",
            median(one.messages_per_pgbench for one in rounds),
            2,
            "messages kept, matched and settled for one transaction of pgbench",
            1.5,
        ),
        _Figure(
            "deliver_sm_per_pgbench",
            median(one.deliver_sm_per_pgbench for one in rounds),
            2,
            "deliver_sm kept, matched and settled for one transaction of pgbench",
            2,
        ),
        _Figure(
            "deliver_sm_per_answer",
            median(one.deliver_sm_per_answer for one in rounds),
            2,
            "the same for one deliver_sm that a client only answers",
            0.5,
        ),
    )


def _evening_rates(rounds: list[Round]) -> Sequence[_Figure]:
    """What stands behind the ratios, likewise."""
    tps = median([rounds[0].tps_before, *(one.tps_after for one in rounds)])
    hello = median([(one.hello_before + one.hello_after) / 2 for one in rounds])
    delivered = median(one.deliver_sm.per_s for one in rounds)
    loads = {
        "rent": ("rents", [one.rents for one in rounds]),
        "poll": ("polls", [one.polls for one in rounds]),
        "message": ("messages", [one.messages for one in rounds]),
    }
    of_loads = [
        figure
        for name, (many, measured) in loads.items()
        for figure in (
            _Figure(f"{many}_per_s", median(one.per_s for one in measured), 0, f"{many} a second"),
            _Figure(
                f"{name}_p99_ms", median(one.p99_ms for one in measured), 1, f"99 of 100 {many}"
            ),
        )
    ]
    return (
        _Figure("pgbench_tps", tps, 0, "TPC-B transactions a second"),
        _Figure("hello_per_s", hello, 0, "requests a second to an empty handler"),
        *of_loads,
        _Figure("deliver_sm_per_s", delivered, 0, "deliver_sm a second"),
    )


def _growth_figures(results: Results) -> Sequence[_Figure]:
    growth, lines = results.growth, f"{results.large_lines:,}"
    small = growth.small
    return (
        _Figure(
            "growth",
            growth.used.rent_ms / small.rent_ms,
            2,
            f"a rent from {lines} lines, 99.9 % used, to one from 10,000 fresh ones",
            2,
            most=True,
        ),
        _Figure(
            "growth_of_choice",
            growth.used.choice_ms / small.choice_ms,
            2,
            "the same without the commit",
        ),
        _Figure(
            "growth_fresh",
            growth.large.rent_ms / small.rent_ms,
            2,
            f"a rent from {lines} fresh lines, likewise",
        ),
        _Figure(
            "growth_empty",
            growth.empty.choice_ms / small.choice_ms,
            2,
            f"a refusal where none of {lines} lines is left, without commits",
        ),
        _Figure("rent_ms", small.rent_ms, 2, "one rent alone, from 10,000 fresh lines"),
    )


def _wait_figures(waits: Waits) -> Sequence[_Figure]:
    return (
        _Figure(
            "wait_p50_ms", waits.share_ms(0.5), 1, "half of the waits, from the message's commit"
        ),
        _Figure(
            "wait_p99_ms",
            waits.share_ms(0.99),
            1,
            f"99 of 100 waits, at {PER_S} messages a second",
            20,
            most=True,
        ),
        _Figure(
            "stream_events_per_s",
            waits.told_per_s,
            0,
            f"events told by {waits.told_streams:,} streams together, in a second",
        ),
        _Figure(
            "open_mb",
            waits.open_mb,
            0,
            f"memory of one process with {waits.opened:,} open streams and waits, in MB",
            1024,
            most=True,
        ),
        _Figure("open_each_kb", waits.each_kb, 0, "what one of them adds, in KB"),
    )


def _callback_figures(callbacks: Callbacks) -> Sequence[_Figure]:
    return (
        _Figure(
            "callback_p50_ms",
            callbacks.share_ms(0.5),
            1,
            "half of the first attempts, from the message's commit",
        ),
        _Figure(
            "callback_p99_ms",
            callbacks.share_ms(0.99),
            1,
            f"99 of 100 first attempts, at {PER_S} messages a second",
            50,
            most=True,
        ),
    )


def _process(results: Results) -> Sequence[_Figure]:
    lines = f"{results.large_lines:,}"
    return (
        _Figure("start_s", results.start_s, 2, "from the start to the first answer, in seconds"),
        _Figure("memory_idle_mb", results.memory.idle_mb, 0, "just started, 10,000 lines, in MB"),
        _Figure("memory_busy_mb", results.memory.busy_mb, 0, "the same after some traffic"),
        _Figure("memory_large_idle_mb", results.memory_large.idle_mb, 0, f"with {lines} lines"),
        _Figure("memory_large_busy_mb", results.memory_large.busy_mb, 0, "after some traffic"),
        _Figure(
            "modem_p50_ms", results.modems.share_ms(0.5), 1, "half of 64 modems' messages settled"
        ),
        _Figure("modem_p99_ms", results.modems.share_ms(0.99), 1, "99 of 100, from +CMTI"),
        _Figure("modem_memory_mb", results.modems.memory_mb, 0, "memory with 64 modems, in MB"),
    )
