"""Statements for the live stock: how many lines each service could give an account now.

It is what `simlet.store.stock` counts, less the lines that a rental keeps from the account; see
`stock.line_is_occupied`. Only the blocks that hold such lines are looked into. A rental that has
its code keeps its line from other accounts alone, so what is counted is counted for an account
that has no rental, and beside it what more there is for those that have.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from simlet.domain.allocate import BLOCK_LINES, block_of, place_of, places_from_bytes
from simlet.store.sql import Row, Sql, Tx, ids_array
from simlet.store.stock import left_by_service

# As `stock._KEEPS` says it, for all lines and any account at once.
_KEEPERS = Sql(
    "SELECT line_id, catch_all, CASE WHEN state = 'waiting' THEN NULL ELSE account_id END "
    "FROM rentals WHERE listening AND (catch_all OR :catch_all) "
    "AND (state = 'waiting' OR deadline_at_ms > :now_ms)"
)
_OF_BLOCKS = (
    "SELECT s.service_id, s.block_id, b.active, s.taken FROM stock s "
    "JOIN blocks b ON b.id = s.block_id WHERE s.block_id IN {ids} AND s.left_count > 0"
)
_PLACES = Sql(_OF_BLOCKS)
_PLACES_OF = Sql(f"{_OF_BLOCKS} AND s.service_id = :service_id")
_REPORTED = Sql(
    "SELECT p.service_id, p.line_id, b.active, s.taken FROM (SELECT DISTINCT service_id, line_id "
    "FROM rental_reports WHERE account_id = :account_id) p "
    "JOIN services v ON v.id = p.service_id "
    f"JOIN stock s ON s.service_id = p.service_id AND s.block_id = p.line_id / {BLOCK_LINES} "
    "JOIN blocks b ON b.id = s.block_id WHERE s.left_count > 0 "
    "AND NOT EXISTS (SELECT 1 FROM rentals r WHERE r.line_id = p.line_id AND r.listening "
    "AND (r.catch_all OR v.catch_all) AND (r.state = 'waiting' "
    "OR (r.account_id <> :account_id AND r.deadline_at_ms > :now_ms)))"
)


@dataclass(frozen=True, slots=True)
class LiveStock:
    """How many lines services could give.

    Attributes:
        free: for an account without rentals, by the services' ids.
        more: how many more for others, by the accounts' ids and the services'.
    """

    free: Mapping[int, int]
    more: Mapping[int, Mapping[int, int]]

    def for_account(self, account_id: int, service_id: int) -> int:
        """How many lines a service could give an account, one after another.

        Those that it reported are among them; see `reported_stock`.
        """
        more = self.more.get(account_id, {})
        return self.free.get(service_id, 0) + more.get(service_id, 0)


def live_stock(
    tx: Tx, plain: Collection[int], catch_all: Collection[int], now_ms: int
) -> LiveStock:
    """The live stock of services.

    Args:
        tx: the transaction.
        plain: the services that share a line with others.
        catch_all: the services that need a line to themselves.
        now_ms: the time.
    """
    left = left_by_service(tx)
    count = _Count({one: left.get(one, 0) for one in (*plain, *catch_all)})
    alone = [one for one in catch_all if left.get(one, 0)]
    keepers = tx.rows(_KEEPERS, catch_all=bool(alone), now_ms=now_ms)
    kept = _kept(row for row in keepers if row[1])
    count.take_out(_stock_of(tx, kept, None), kept, frozenset(plain))
    kept = _kept(keepers) if alone else {}
    for service_id in alone:
        count.take_out(_stock_of(tx, kept, service_id), kept, {service_id})
    return LiveStock(count.free, count.more)


def reported_stock(tx: Tx, account_id: int, now_ms: int) -> dict[int, int]:
    """How many of the lines counted for an account it has reported, by the services' ids.

    They are not given to it for that service again; see `stock.places_not_offered`.
    """
    counts: dict[int, int] = defaultdict(int)
    for service_id, line_id, active, taken in tx.rows(
        _REPORTED, account_id=account_id, now_ms=now_ms
    ):
        left = places_from_bytes(active) & ~places_from_bytes(taken)
        counts[service_id] += left >> place_of(line_id) & 1
    return counts


_Owners = dict[int | None, int]
"""Sets of places of one block, by the one account that they are kept for; None for nobody."""


def _kept(keepers: Iterable[Row]) -> dict[int, _Owners]:
    """The lines that are kept, by their blocks."""
    owners: dict[int, int | None] = {}
    for line_id, _, account_id in keepers:
        # Only where every rental that keeps a line is of one account, the line is free for that.
        is_shared = owners.setdefault(line_id, account_id) != account_id
        if is_shared:
            owners[line_id] = None
    kept: dict[int, _Owners] = defaultdict(dict)
    for line_id, owner in owners.items():
        block = kept[block_of(line_id)]
        block[owner] = block.get(owner, 0) | 1 << place_of(line_id)
    return kept


def _stock_of(tx: Tx, blocks: Collection[int], service_id: int | None) -> list[Row]:
    if not blocks:
        return []
    ids = ids_array(sorted(blocks))
    if service_id is None:
        return tx.rows(_PLACES, ids=ids)
    return tx.rows(_PLACES_OF, ids=ids, service_id=service_id)


class _Count:
    """The count under way; see `LiveStock`."""

    def __init__(self, free: dict[int, int]) -> None:
        self.free = free
        self.more: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))

    def take_out(
        self, rows: Iterable[Row], kept: Mapping[int, _Owners], of: Collection[int]
    ) -> None:
        """Takes lines out that are kept, but for those that a service has not left anyway."""
        for service_id, block_id, active, taken in rows:
            if service_id not in of:
                continue
            left = places_from_bytes(active) & ~places_from_bytes(taken)
            for owner, places in kept[block_id].items():
                count = (left & places).bit_count()
                self.free[service_id] -= count
                if owner is not None:
                    self.more[owner][service_id] += count
