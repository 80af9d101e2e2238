"""Shared step: one of the lines that fit is chosen at random, and taken out of the stock."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simlet.domain.allocate import (
    ALL_PLACES,
    Chance,
    block_of,
    line_at,
    pick_place,
    pick_weighted,
    place_of,
)
from simlet.domain.errors import OUT_OF_STOCK, Refused
from simlet.domain.numbering import Filters
from simlet.domain.phone import bare
from simlet.domain.service import Service
from simlet.store import lines, stock
from simlet.store.sql import Row, Tx

NAMED_LINES = 2000
"""Up to so many lines that long prefixes name are looked up by their numbers first."""
NAMING_PREFIXES = 100
"""Of more prefixes that is not tried."""
READ_BLOCKS = 128
"""Where the lines are not named, the numbers of so many blocks are read at most, as others wait
meanwhile. Who finds no line in them finds other blocks the next time."""


def find_line(
    tx: Tx, service: Service, filters: Filters, account_id: int, now_ms: int, chance: Chance
) -> tuple[int, str]:
    """A line that is free for an account now: its id and its number (E.164).

    It is locked, and taken out of the service's stock.

    Raises:
        Refused: OUT_OF_STOCK.
    """
    careful = filters.needs_numbers
    fits = filters.number_test() if careful else _any_number
    search = _Search(tx, service, filters, fits, account_id, now_ms, chance, careful, READ_BLOCKS)
    return search.take_line()


def _any_number(_: str) -> bool:
    return True


@dataclass(slots=True)
class _Search:
    """The search for one free line, block by block; see `simlet.domain.allocate`.

    Attributes:
        careful: look into a block before it is locked.
        readable: how many more blocks' numbers may be read.
        named: the places that fit, by block, where the prefixes name few lines; None where not.
    """

    tx: Tx
    service: Service
    filters: Filters
    fits: Callable[[str], bool]
    account_id: int
    now_ms: int
    chance: Chance
    careful: bool
    readable: int
    named: dict[int, int] | None = None

    def take_line(self) -> tuple[int, str]:
        """A free line's id and number; the line is taken out of the service's stock."""
        self.named = self._places_named()
        for page in self._pages():
            found = self._take_from([row for row in page if self._is_named(row[0])])
            if found is not None:
                return found
            if not self.readable:
                break
        raise Refused(OUT_OF_STOCK)

    def _places_named(self) -> dict[int, int] | None:
        prefixes = self.filters.wanted_numbers
        if not 0 < len(prefixes) <= NAMING_PREFIXES:
            return None
        named = lines.lines_numbered(self.tx, prefixes, NAMED_LINES)
        if named is None:
            return None
        places: dict[int, int] = defaultdict(int)
        for line_id, number in named:
            if self.fits(bare(number)):
                places[block_of(line_id)] |= 1 << place_of(line_id)
        return places

    def _is_named(self, block_id: int) -> bool:
        return self.named is None or block_id in self.named

    def _pages(self) -> Iterator[list[Row]]:
        """Blocks with stock; of a small pool all at once, so that each line is as likely."""
        highest = stock.highest_block(self.tx)
        few = highest <= stock.FEW_BLOCKS
        start, page = (
            (0, stock.FEW_BLOCKS) if few else (self.chance(highest + 1), stock.PAGE_BLOCKS)
        )
        return stock.pages_with_stock(self.tx, self.service.id, self.filters, start, page)

    def _take_from(self, page: list[Row]) -> tuple[int, str] | None:
        blocks = list(page)
        while blocks and self.readable:
            index = pick_weighted([left for _, left in blocks], self.chance)
            block_id, _ = blocks.pop(index)
            found = self._take_in(block_id)
            if found is not None:
                return found
        return None

    def _take_in(self, block_id: int) -> tuple[int, str] | None:
        # Locks last until the end of the transaction: a search that leads through many blocks
        # locks those alone that seem to hold what it looks for.
        if self.careful and not self._seems_free(block_id):
            return None
        self.careful = True
        places = stock.lock_places(self.tx, self.service.id, block_id)
        free = places.left & self._fitting(block_id)
        while free:
            place = pick_place(free, self.chance)
            line_id = line_at(block_id, place)
            number = self._lock_free(line_id)
            if number is not None:
                stock.take(self.tx, self.service.id, line_id, places)
                return line_id, number
            free &= ~(1 << place) & ~self._not_offered(block_id)
        return None

    def _seems_free(self, block_id: int) -> bool:
        left = stock.places_as_they_are(self.tx, self.service.id, block_id).left
        if self.named is None and self.filters.needs_numbers:
            self.readable -= 1
        fitting = left and left & self._fitting(block_id)
        return bool(fitting and fitting & ~self._not_offered(block_id))

    def _fitting(self, block_id: int) -> int:
        if not self.filters.needs_numbers:
            return ALL_PLACES
        if self.named is not None:
            return self.named.get(block_id, 0)
        return stock.places_fitting(self.tx, block_id, self.fits)

    def _lock_free(self, line_id: int) -> str | None:
        return stock.lock_free_line(
            self.tx,
            line_id,
            self.service.id,
            catch_all=self.service.rules.catch_all,
            account_id=self.account_id,
            now_ms=self.now_ms,
        )

    def _not_offered(self, block_id: int) -> int:
        return stock.places_not_offered(
            self.tx,
            block_id,
            self.service.id,
            catch_all=self.service.rules.catch_all,
            account_id=self.account_id,
            now_ms=self.now_ms,
        )
