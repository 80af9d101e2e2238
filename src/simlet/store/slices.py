"""Lists that may have to look far: read slice by slice, so that others have their turn between."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from simlet.store.sql import Sql, Tx
from simlet.store.stretches import EVER, RENTALS, SLICE_ROWS, Stretch, near

_WAITING_ROWS = 500

P = ParamSpec("P")
T = TypeVar("T")

_WAITING_COUNT = Sql("SELECT waiting_count FROM accounts WHERE id = :account_id")
_WAITING_IN = Sql(
    "SELECT count(*), min(id) FROM rentals WHERE account_id = :account_id "
    "AND id > :after AND id <= :last AND state = 'waiting'"
)
_RENTAL_BEYOND = Sql(
    "SELECT id FROM rentals WHERE account_id = :account_id AND id > :after AND id <= :last "
    "ORDER BY id DESC LIMIT 1 OFFSET :rows"
)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A part of a list.

    Attributes:
        found: what the list has of it.
        rest: where the list goes on; None behind its last slice.
    """

    found: list[T]
    rest: Stretch | None


async def read_slices(
    read: Callable[..., Awaitable[Any]],
    limit: int,
    flow: Callable[Concatenate[Tx, Stretch | None, P], Slice[T]],
    /,
    *args: P.args,
    **inputs: P.kwargs,
) -> list[T]:
    """Reads on until so many are found, or the list is at its end.

    Args:
        read: how a flow is read: `Database.read`, or what leads to it.
        limit: the most that are asked for.
        flow: reads a slice, and is told where: None for the first one.
        args: what it is given beside.
        inputs: and by name.

    Raises:
        Refused: what the flow refused with.
        DatabaseFault: the database failed.
    """
    part: Slice[T] = await read(flow, None, *args, **inputs)
    found = part.found
    while part.rest is not None and len(found) < limit:
        part = await read(flow, part.rest, *args, **inputs)
        found = found + part.found
    return found[:limit]


def rentals_of(tx: Tx, account_id: int, from_ms: int, to_ms: int, *, only_waiting: bool) -> Stretch:
    """Where rentals of an account stand that began in a stretch of time, and wait perhaps."""
    stretch = near(tx, RENTALS, from_ms, to_ms)
    if not only_waiting:
        return stretch
    oldest = _oldest_waiting(tx, account_id)
    return Stretch(stretch.last if oldest is None else max(stretch.after, oldest - 1), stretch.last)


def _oldest_waiting(tx: Tx, account_id: int) -> int | None:
    """Of those that wait, all are among the newest: it ends where as many were found as wait."""
    row = tx.row(_WAITING_COUNT, account_id=account_id)
    left = 0 if row is None else int(row[0])
    oldest: int | None = None
    rest: Stretch | None = EVER
    while left > 0 and rest is not None:
        part, rest = _newest(tx, account_id, rest, _WAITING_ROWS)
        row = tx.row(_WAITING_IN, account_id=account_id, **part._asdict())
        if row is not None and row[0]:
            left -= row[0]
            oldest = row[1]
    return oldest


def newest_slice(tx: Tx, account_id: int, stretch: Stretch) -> tuple[Stretch, Stretch | None]:
    """The newest `SLICE_ROWS` rentals of an account in a stretch, and what is left of it."""
    return _newest(tx, account_id, stretch, SLICE_ROWS)


def _newest(tx: Tx, account_id: int, stretch: Stretch, rows: int) -> tuple[Stretch, Stretch | None]:
    row = tx.row(_RENTAL_BEYOND, account_id=account_id, rows=rows, **stretch._asdict())
    if row is None:
        return stretch, None
    return Stretch(row[0], stretch.last), Stretch(stretch.after, row[0])
