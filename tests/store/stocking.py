"""A stock by hand: services and lines for it, what is taken from it, and what is left."""

from simlet.domain.allocate import BLOCK_LINES, block_of, line_at
from simlet.domain.numbering import Filters
from simlet.domain.service import Category, MatchRules, Prices, Service
from simlet.store import lines, services, stock
from simlet.store.lines import NewLine
from simlet.store.sql import Sql, Tx

LEFT_COUNTS = Sql("SELECT service_id, block_id, left_count FROM stock ORDER BY 1, 2")


def service(service_id: int, store: str = "01") -> Service:
    return Service(
        service_id,
        store,
        f"Service {service_id}",
        Prices(470, 470, 470),
        300,
        MatchRules(("Yahoo",), (), catch_all=False, code_pattern=None),
        Category.GENERAL,
        paused=False,
        opened=False,
    )


def add_service(tx: Tx, service_id: int, store: str = "01") -> None:
    stock.lock_catalogue(tx)
    services.add_service(tx, service(service_id, store), 1)
    stock.stock_service(tx, service_id, store)


def allot(
    tx: Tx, count: int, store: str = "01", network_id: int = 3, prefix: str = "96"
) -> list[int]:
    stock.lock_catalogue(tx)
    return stock.allot(tx, store, network_id, prefix, count)


def deactivate(tx: Tx, line_id: int) -> None:
    stock.lock_catalogue(tx)
    stock.deactivate(tx, line_id)


def take(tx: Tx, service_id: int, line_id: int) -> None:
    stock.take(tx, service_id, line_id, stock.lock_places(tx, service_id, block_of(line_id)))


def left_counts(tx: Tx) -> dict[tuple[int, int], int]:
    return {(row[0], row[1]): row[2] for row in tx.rows(LEFT_COUNTS)}


def lines_left(tx: Tx, service_id: int, block_id: int) -> set[int]:
    left = stock.lock_places(tx, service_id, block_id).left
    return {line_at(block_id, place) for place in range(BLOCK_LINES) if left >> place & 1}


def blocks_of_pages(
    tx: Tx, service_id: int, start: int = 0, filters: Filters | None = None
) -> list[tuple[int, int]]:
    pages = stock.pages_with_stock(tx, service_id, filters or Filters(), start)
    return [(block_id, left) for page in pages for block_id, left in page]


def import_numbers(tx: Tx, numbers: list[tuple[int, str]]) -> dict[str, tuple[int, int]]:
    """Lines with these networks and numbers of nine digits; block and network of each number."""
    places: dict[str, tuple[int, int]] = {}
    for network_id, digits in numbers:
        (line_id,) = allot(tx, 1, "01", network_id, digits[:2])
        new = NewLine(f"8984{len(places):015d}", f"+84{digits}", network_id, "01", "h", "c")
        lines.add_lines(tx, [(line_id, new)], None, 1)
        places[digits] = (line_id, network_id)
    return places
