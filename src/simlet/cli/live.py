"""A table that is read again while somebody looks at it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from simlet.cli.database import command_settings, with_database
from simlet.cli.output import Facts, Output, console, table
from simlet.clock import Clock, SystemClock
from simlet.store.database import Database

EVERY_S = 2.0

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

Read = Callable[[Database], Awaitable[Sequence[Facts]]]
Rows = Sequence[Facts]

watch_option = click.option(
    "--watch", is_flag=True, help="Show it again every two seconds, on a terminal."
)


def show(
    output: Output,
    read: Read,
    columns: Mapping[str, str],
    empty: str,
    minor: Sequence[str],
    *,
    watch: bool,
) -> None:
    """Shows what is read: once, or on a terminal until Ctrl-C.

    Args:
        output: where it goes; one JSON document is told once.
        read: gives the facts of each row.
        columns: as in `Output.rows`.
        empty: the sentence that stands in place of an empty table.
        minor: as in `Output.rows`.
        watch: whether somebody wants to go on looking.
    """
    shown = console()
    clock = SystemClock()
    if output.json or not watch or not shown.is_terminal:
        rows = with_database(command_settings(), read)
        told = rows if output.json else [with_ages(one, clock.now_ms()) for one in rows]
        output.rows(told, columns, empty, minor)
        return

    async def go_on(db: Database) -> None:
        await follow(lambda: read(db), columns, empty, minor, shown, clock)

    try:
        with_database(command_settings(), go_on)
    except KeyboardInterrupt:
        return


def with_ages(facts: Facts, now_ms: int) -> Facts:
    """Facts in which each time also stands as its distance from now: `seen_at_ms` as `seen`."""
    ages = {
        name.removesuffix("_at_ms"): _distance(at_ms - now_ms)
        for name, at_ms in facts.items()
        if name.endswith("_at_ms") and isinstance(at_ms, int)
    }
    never = {name.removesuffix("_at_ms"): "" for name in facts if name.endswith("_at_ms")}
    return {**facts, **never, **ages}


def _distance(ms: int) -> str:
    """How far away a moment is, in the largest unit that it fills: `12 s`, or ahead `in 5 min`."""
    seconds = abs(ms) // 1000
    size, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    words = f"{seconds // size} {unit}"
    return f"in {words}" if ms > 0 else words


async def follow(
    read: Callable[[], Awaitable[Rows]],
    columns: Mapping[str, str],
    empty: str,
    minor: Sequence[str],
    shown: Console,
    clock: Clock,
) -> None:
    """Shows what is read, again and again, until it is cancelled."""
    with Live(console=shown, auto_refresh=False, screen=shown.is_terminal) as live:
        while True:
            rows = [with_ages(one, clock.now_ms()) for one in await read()]
            # Read each time: whoever looks may have made the window wider.
            made = table(rows, columns, minor, shown.width) if rows else Text(empty)
            live.update(made, refresh=True)
            await clock.sleep(EVERY_S)
