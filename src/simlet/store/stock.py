"""Statements for the stock: which lines each service can still rent, block by block.

See `simlet.domain.allocate` for blocks and places. `left_count` is how many places of a block are
active and not taken by the service; blocks with none left drop out of the index that is searched.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from simlet.domain.allocate import (
    BLOCK_LINES,
    block_of,
    line_at,
    place_of,
    places_from_bytes,
    places_to_bytes,
)
from simlet.domain.numbering import Filters
from simlet.domain.phone import bare
from simlet.store.sql import Inputs, Row, Sql, Tx

FEW_BLOCKS = 32
PAGE_BLOCKS = 8

_HIGHEST_BLOCK = Sql("SELECT max(id) FROM blocks")
_PLACES = Sql(
    "SELECT b.active, s.taken FROM stock s JOIN blocks b ON b.id = s.block_id "
    "WHERE s.service_id = :service_id AND s.block_id = :block_id {lock_stock}"
)
_PLACES_AS_THEY_ARE = Sql(
    "SELECT b.active, s.taken FROM stock s JOIN blocks b ON b.id = s.block_id "
    "WHERE s.service_id = :service_id AND s.block_id = :block_id"
)
_SET_TAKEN = Sql(
    "UPDATE stock SET taken = :taken, left_count = :left_count "
    "WHERE service_id = :service_id AND block_id = :block_id"
)
_HAS_LEFT = Sql("SELECT 1 FROM stock WHERE service_id = :service_id AND left_count > 0 LIMIT 1")
_NUMBERS = Sql("SELECT id, number FROM lines WHERE id BETWEEN :first AND :last")
_KEEPS = (
    "listening AND (catch_all OR :catch_all) "
    "AND (state = 'waiting' OR (account_id <> :account_id AND deadline_at_ms > :now_ms))"
)
_REPORTED = "account_id = :account_id AND service_id = :service_id"
_OF_BLOCK = "line_id BETWEEN :first AND :last"
_OCCUPIED = Sql(f"SELECT line_id FROM rentals WHERE {_OF_BLOCK} AND {_KEEPS}")
_NOT_OFFERED = Sql(
    f"SELECT line_id FROM rentals WHERE {_OF_BLOCK} AND {_KEEPS} "
    f"UNION ALL SELECT line_id FROM rental_reports WHERE {_OF_BLOCK} AND {_REPORTED}"
)
_LOCK_FREE = Sql(
    "SELECT number FROM lines WHERE id = :line_id AND state = 'active' AND out_reason IS NULL "
    f"AND NOT EXISTS (SELECT 1 FROM rentals WHERE line_id = :line_id AND {_KEEPS}) "
    f"AND NOT EXISTS (SELECT 1 FROM rental_reports WHERE line_id = :line_id AND {_REPORTED}) "
    "{for_update}"
)
_BLOCK = Sql("SELECT active, size FROM blocks WHERE id = :block_id {for_update}")
_SET_ACTIVE = Sql("UPDATE blocks SET active = :active, size = :size WHERE id = :block_id")
_STOCK_OF_BLOCK = Sql(
    "SELECT service_id, taken FROM stock WHERE block_id = :block_id "
    "ORDER BY service_id {for_update}"
)
_LOCK_CATALOGUE = Sql("SELECT {lock_catalogue}")
_ROOM = Sql(
    "SELECT id, size FROM blocks WHERE store = :store AND network_id = :network_id "
    "AND prefix = :prefix AND size < 256 ORDER BY id"
)
_ADD_BLOCK = Sql(
    "INSERT INTO blocks (store, network_id, prefix, size, active) "
    "VALUES (:store, :network_id, :prefix, :size, :active) {returning_id}"
)
_ADD_BLOCK_STOCK = Sql(
    "INSERT INTO stock (service_id, block_id, network_id, prefix, taken, left_count) "
    "SELECT id, :block_id, :network_id, :prefix, :taken, :left_count FROM services "
    "WHERE store = :store"
)
_ADD_LEFT = Sql("UPDATE stock SET left_count = left_count + :added WHERE block_id = :block_id")
_BLOCKS_OF_STORE = Sql(
    "SELECT id, network_id, prefix, active FROM blocks WHERE store = :store ORDER BY id"
)
_ADD_STOCK = Sql(
    "INSERT INTO stock (service_id, block_id, network_id, prefix, taken, left_count) "
    "VALUES (:service_id, :block_id, :network_id, :prefix, :taken, :left_count)"
)
# All rows in their own order: four times as fast as those alone that the index names.
_LEFT_BY_SERVICE = Sql(
    "SELECT service_id, CAST(sum(left_count) AS BIGINT) FROM stock "
    "GROUP BY service_id HAVING sum(left_count) > 0"
)
_NONE = places_to_bytes(0)
_BEYOND = 2**62


class Places(NamedTuple):
    """A block's lines as one service sees them: sets of places."""

    active: int
    taken: int

    @property
    def left(self) -> int:
        """The places that can be rented, as far as this service alone decides."""
        return self.active & ~self.taken


def highest_block(tx: Tx) -> int:
    """The highest id of a block; 0 when there is none."""
    row = tx.row(_HIGHEST_BLOCK)
    return (row[0] or 0) if row else 0


def left_by_service(tx: Tx) -> dict[int, int]:
    """How many lines each service can still give, by the services' ids; none of those with none."""
    return {row[0]: row[1] for row in tx.rows(_LEFT_BY_SERVICE)}


def has_left(tx: Tx, service_id: int) -> bool:
    """Whether a service can still give any line."""
    return tx.row(_HAS_LEFT, service_id=service_id) is not None


def pages_with_stock(
    tx: Tx, service_id: int, filters: Filters, start: int, page: int = PAGE_BLOCKS
) -> Iterator[list[Row]]:
    """Pages of (block, lines left) that pass the filters' cells, from a block on and round."""
    statement, inputs = _search(service_id, filters, page)
    for first, end in ((start, _BEYOND), (0, start)):
        yield from _pages_between(tx, statement, inputs, first, end, page)


def _search(service_id: int, filters: Filters, page: int) -> tuple[Sql, Inputs]:
    if filters.any_line:
        return _page_statement(page, 0, 0, 0), {"service_id": service_id}
    wanted, unwanted = filters.wanted_cells, filters.unwanted_cells
    statement = _page_statement(page, len(filters.networks), len(wanted), len(unwanted))
    return statement, {
        "service_id": service_id,
        **_named("network", filters.networks),
        **_named("wanted", wanted),
        **_named("unwanted", unwanted),
    }


def _pages_between(
    tx: Tx, statement: Sql, inputs: Inputs, first: int, end: int, page: int
) -> Iterator[list[Row]]:
    while first < end:
        rows = tx.rows(statement, first=first, end=end, **inputs)
        if rows:
            yield rows
        if len(rows) < page:
            return
        first = rows[-1][0] + 1


def _named(name: str, values: Sequence[int | str]) -> dict[str, int | str]:
    return {f"{name}_{_letter(index)}": value for index, value in enumerate(values)}


def _letter(index: int) -> str:
    return chr(97 + index // 26) + chr(97 + index % 26)


@lru_cache(maxsize=256)
def _page_statement(page: int, networks: int, wanted: int, unwanted: int) -> Sql:
    conditions = [
        _condition("network_id IN", "network", networks),
        _condition("prefix IN", "wanted", wanted),
        _condition("prefix NOT IN", "unwanted", unwanted),
    ]
    return Sql(
        "SELECT block_id, left_count FROM stock WHERE service_id = :service_id "
        "AND left_count > 0 AND block_id >= :first AND block_id < :end"
        + "".join(conditions)
        # The number stands in the text: for an input there SQLite plans the statement anew.
        + f" ORDER BY block_id LIMIT {page}"
    )


def _condition(test: str, name: str, count: int) -> str:
    if not count:
        return ""
    return f" AND {test} (" + ", ".join(f":{name}_{_letter(i)}" for i in range(count)) + ")"


def lock_places(tx: Tx, service_id: int, block_id: int) -> Places:
    """The places of a block for a service, which no other transaction changes meanwhile."""
    return _places(tx.row(_PLACES, service_id=service_id, block_id=block_id))


def places_as_they_are(tx: Tx, service_id: int, block_id: int) -> Places:
    """The places of a block for a service, which another transaction may be changing."""
    return _places(tx.row(_PLACES_AS_THEY_ARE, service_id=service_id, block_id=block_id))


def _places(row: Row | None) -> Places:
    if row is None:
        return Places(0, 0)
    return Places(places_from_bytes(row[0]), places_from_bytes(row[1]))


def places_fitting(tx: Tx, block_id: int, fits: Callable[[str], bool]) -> int:
    """The places of a block whose numbers, as their nine digits, fit; see `Filters.number_test`."""
    rows = tx.rows(_NUMBERS, first=line_at(block_id, 0), last=line_at(block_id, BLOCK_LINES - 1))
    return sum(1 << place_of(row[0]) for row in rows if fits(bare(row[1])))


def places_not_offered(
    tx: Tx, block_id: int, service_id: int, *, catch_all: bool, account_id: int, now_ms: int
) -> int:
    """The places of a block that are not given to an account: occupied, or reported by itself.

    See `line_is_occupied`. A line of which the account said that it does not work for a service is
    not offered to it for that service again; to others it is, or one dealer could take the stock
    from all by reporting it.
    """
    rows = tx.rows(
        _NOT_OFFERED,
        first=line_at(block_id, 0),
        last=line_at(block_id, BLOCK_LINES - 1),
        service_id=service_id,
        catch_all=catch_all,
        account_id=account_id,
        now_ms=now_ms,
    )
    places = 0
    for row in rows:
        places |= 1 << place_of(row[0])
    return places


def line_is_occupied(
    tx: Tx, line_id: int, *, catch_all: bool, account_id: int, now_ms: int
) -> bool:
    """Whether a rental keeps a line from being rented by this account.

    A catch-all service needs a line to itself, and keeps it to itself. A rental of another
    account does so until its time ends, even when it has its code: a message may still follow.
    """
    rows = tx.rows(
        _OCCUPIED,
        first=line_id,
        last=line_id,
        catch_all=catch_all,
        account_id=account_id,
        now_ms=now_ms,
    )
    return bool(rows)


def lock_free_line(
    tx: Tx, line_id: int, service_id: int, *, catch_all: bool, account_id: int, now_ms: int
) -> str | None:
    """The number of a line, which no other transaction rents meanwhile; None when it is not free.

    Nor is one that this account reported for the service; see `places_not_offered`. One that a
    rental keeps is not locked, so that nobody waits for a line that is of no use. One that was
    locked is looked at again: another transaction may have held it before, and rented it.
    """
    row = tx.row(
        _LOCK_FREE,
        line_id=line_id,
        service_id=service_id,
        catch_all=catch_all,
        account_id=account_id,
        now_ms=now_ms,
    )
    if row is None:
        return None
    occupied = not tx.alone and line_is_occupied(
        tx, line_id, catch_all=catch_all, account_id=account_id, now_ms=now_ms
    )
    return None if occupied else row[0]


def take(tx: Tx, service_id: int, line_id: int, places: Places) -> None:
    """Marks a line as taken by a service; `places` are its block's, locked before."""
    taken = places.taken | 1 << place_of(line_id)
    _set_taken(tx, service_id, block_of(line_id), Places(places.active, taken))


def give_back(tx: Tx, service_id: int, line_id: int) -> None:
    """Marks a line as free for a service again."""
    places = lock_places(tx, service_id, block_of(line_id))
    taken = places.taken & ~(1 << place_of(line_id))
    _set_taken(tx, service_id, block_of(line_id), Places(places.active, taken))


def _set_taken(tx: Tx, service_id: int, block_id: int, places: Places) -> None:
    tx.run(
        _SET_TAKEN,
        service_id=service_id,
        block_id=block_id,
        taken=places_to_bytes(places.taken),
        left_count=places.left.bit_count(),
    )


def lock_catalogue(tx: Tx) -> None:
    """Keeps services and blocks from being added by another transaction meanwhile."""
    tx.row(_LOCK_CATALOGUE)


def deactivate(tx: Tx, line_id: int) -> None:
    """Takes a line out of the stock of every service; the catalogue is locked before."""
    block_id = block_of(line_id)
    # The stock is locked before its block, as a renting does: neither can wait for the other.
    stock_rows = tx.rows(_STOCK_OF_BLOCK, block_id=block_id)
    row = tx.row(_BLOCK, block_id=block_id)
    if row is None:
        return
    active = places_from_bytes(row[0]) & ~(1 << place_of(line_id))
    tx.run(_SET_ACTIVE, block_id=block_id, active=places_to_bytes(active), size=row[1])
    for service_id, taken in stock_rows:
        _set_taken(tx, service_id, block_id, Places(active, places_from_bytes(taken)))


def allot(tx: Tx, store: str, network_id: int, prefix: str, count: int) -> list[int]:
    """Makes room for new lines of one cell, in stock of every service; their ids, in order.

    The catalogue is locked before. The lines themselves are added by the caller.
    """
    line_ids: list[int] = []
    for block_id, size in tx.rows(_ROOM, store=store, network_id=network_id, prefix=prefix):
        if len(line_ids) == count:
            return line_ids
        line_ids += _fill(tx, block_id, size, count - len(line_ids))
    while len(line_ids) < count:
        line_ids += _add_block(tx, store, network_id, prefix, count - len(line_ids))
    return line_ids


def _fill(tx: Tx, block_id: int, size: int, count: int) -> list[int]:
    """Adds lines to a block that has room; no service can have taken one of its new places."""
    filled = min(BLOCK_LINES, size + count)
    tx.run(_ADD_LEFT, block_id=block_id, added=filled - size)
    row = tx.row(_BLOCK, block_id=block_id)
    assert row is not None  # noqa: S101 - the catalogue is locked, and blocks stay
    active = places_from_bytes(row[0]) | _places_between(size, filled)
    tx.run(_SET_ACTIVE, block_id=block_id, active=places_to_bytes(active), size=filled)
    return [line_at(block_id, place) for place in range(size, filled)]


def _add_block(tx: Tx, store: str, network_id: int, prefix: str, count: int) -> list[int]:
    filled = min(BLOCK_LINES, count)
    cell = {"store": store, "network_id": network_id, "prefix": prefix}
    active = places_to_bytes(_places_between(0, filled))
    block_id = tx.add(_ADD_BLOCK, size=filled, active=active, **cell)
    tx.run(_ADD_BLOCK_STOCK, block_id=block_id, taken=_NONE, left_count=filled, **cell)
    return [line_at(block_id, place) for place in range(filled)]


def _places_between(first: int, end: int) -> int:
    return ((1 << end) - 1) & ~((1 << first) - 1)


def stock_service(tx: Tx, service_id: int, store: str) -> None:
    """Puts all lines of a store in stock for a new service; the catalogue is locked before."""
    rows = tx.rows(_BLOCKS_OF_STORE, store=store)
    tx.run_many(
        _ADD_STOCK,
        (
            {
                "service_id": service_id,
                "block_id": block_id,
                "network_id": network_id,
                "prefix": prefix,
                "taken": _NONE,
                "left_count": places_from_bytes(active).bit_count(),
            }
            for block_id, network_id, prefix, active in rows
        ),
    )
