"""The database, whichever it is: flows go in, each in one transaction, and results come out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from simlet.store.postgres import PostgresDatabase
from simlet.store.sql import Call, Raised, Tx
from simlet.store.sqlite import SqliteDatabase
from simlet.store.sqlite_file import sqlite_path

P = ParamSpec("P")
T = TypeVar("T")


class Watch(Protocol):
    """Tells that something may have been committed, by whichever process. Used by one task."""

    async def changed(self) -> None:
        """Waits until something may have been committed since the last call, or the opening.

        Raises:
            DatabaseFault: the database cannot be looked at.
        """
        ...

    async def close(self) -> None:
        """Ends."""
        ...


class Engine(Protocol):
    """What a database must be able to do."""

    async def write_all(self, calls: list[Call]) -> list[Any]:
        """Runs flows in one transaction; each outcome is a result or `Raised`."""
        ...

    async def read(self, call: Call) -> Any:
        """Runs a read that sees one state of the database."""
        ...

    async def read_list(self, call: Call) -> Any:
        """As `read`, beside it: nothing else waits for lists."""
        ...

    async def quick_read(self, call: Call) -> Any:
        """Runs a read of a few rows by key, the fastest way the engine has."""
        ...

    async def watch(self) -> Watch:
        """Begins to watch for what is committed."""
        ...

    async def close(self) -> None:
        """Ends after every accepted flow has its commit."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """Runs flows. What a flow refuses with, or fails with, is raised to its caller alone.

    Attributes:
        for_lists: what is read here may take long, and other reads never wait for it.
    """

    engine: Engine
    for_lists: bool = False

    async def write(
        self, flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs
    ) -> T:
        """Runs one flow in one transaction; returns after its commit is on disk.

        Raises:
            Refused: what the flow refused with; nothing of it is kept.
            DatabaseFault: the database failed; nothing of it is kept, unless the connection was
                lost while committing.
        """
        (outcome,) = await self.engine.write_all([Call(flow, args, inputs)])
        if isinstance(outcome, Raised):
            raise outcome.error
        return cast(T, outcome)

    async def write_all(
        self, flow: Callable[[Tx, Any], T], many: Sequence[Any]
    ) -> list[T | Raised]:
        """Runs a flow for each of many inputs in one commit, each undone alone if it fails."""
        calls: list[Call] = [Call(flow, (one,), {}) for one in many]
        return await self.engine.write_all(calls)

    async def read(
        self, flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs
    ) -> T:
        """Runs a flow that only reads; it never waits for writers.

        Raises:
            Refused: what the flow refused with.
            DatabaseFault: the database failed, whichever it is.
        """
        read = self.engine.read_list if self.for_lists else self.engine.read
        return cast(T, await read(Call(flow, args, inputs)))

    async def quick_read(
        self, flow: Callable[Concatenate[Tx, P], T], /, *args: P.args, **inputs: P.kwargs
    ) -> T:
        """Runs a flow that only reads a few rows by key: the path of polls.

        Raises:
            Refused: what the flow refused with.
            DatabaseFault: the database failed, whichever it is.
        """
        return cast(T, await self.engine.quick_read(Call(flow, args, inputs)))

    async def watch(self) -> Watch:
        """Begins to watch for what is committed: within milliseconds, by whichever process.

        Raises:
            DatabaseFault: the database is closing, or cannot be looked at.
        """
        return await self.engine.watch()

    async def close(self) -> None:
        """Ends after every accepted flow has its commit."""
        await self.engine.close()


def open_database(
    url: str,
    *,
    readers: int = 4,
    group_limit: int = 256,
    busy_timeout_s: float = 60,
    pool_size: int = 8,
    numbering: bool = True,
    writer: Path | None = None,
) -> Database:
    """Opens the database an address names: `sqlite:///PATH` or `postgresql://…`.

    With `writer`, the socket of a process that writes to SQLite for others, it writes for this one.
    On PostgreSQL `numbering` has events that are written here numbered soon after their commit,
    and told to whoever watches.

    Raises:
        DatabaseFault: SQLite's file cannot be opened, or this SQLite can corrupt it.
    """
    path = sqlite_path(url)
    if path is None:
        return Database(PostgresDatabase(url, pool_size=pool_size, numbering=numbering))
    return Database(
        SqliteDatabase(
            path,
            readers=readers,
            group_limit=group_limit,
            busy_timeout_s=busy_timeout_s,
            writer=writer,
        )
    )
