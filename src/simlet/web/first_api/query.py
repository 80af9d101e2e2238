"""What dealers' clients write into the query, read as the contract says.

Names are taken in any case, lists are joined by `|`, and an empty element of a list is ignored. A
list may also come as several parameters, as many clients' libraries write one.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl

from simlet.domain.errors import SERVICE_UNAVAILABLE, Refused, invalid
from simlet.domain.ids import parse_rental_id, parse_service_code
from simlet.domain.numbering import parse_prefix
from simlet.domain.rental import RentalState
from simlet.flows.browse import HistoryFilter
from simlet.store.stretches import FIRST_MS, LAST_MS

LOCAL = timezone(timedelta(hours=7))
MAX_QUERY_BYTES = 16_384
MAX_PARAMETERS = 100
MAX_LIST = 50
MAX_ORDER_CHARS = 64
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
_ALL = {"", "-1"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)
_LISTS = frozenset({"carries", "yprefix", "nprefix"})
_STATES = {
    "0": (RentalState.WAITING,),
    "1": (RentalState.RECEIVED,),
    "2": (RentalState.EXPIRED, RentalState.CANCELLED),
}


class Query:
    """The parameters of one call.

    Of a list that comes twice all elements count, so that no filter is ignored; of another name
    the first that is not empty.
    """

    __slots__ = ("_texts",)

    def __init__(self, query_string: bytes) -> None:
        self._texts: dict[str, str] = {}
        if len(query_string) > MAX_QUERY_BYTES:
            raise invalid("query", "it is too long")
        if query_string.count(b"&") >= MAX_PARAMETERS:
            raise invalid("query", "it has too many parameters")
        for spelled, text in _pairs(query_string.decode("utf-8", "surrogateescape")):
            self._add(spelled.lower(), text)

    def _add(self, name: str, text: str) -> None:
        stem, bracket, _ = name.partition("[")
        name = stem if bracket and stem in _LISTS else name
        earlier = self._texts.get(name)
        if earlier is not None and name in _LISTS:
            self._texts[name] = f"{earlier}|{text}"
        elif not earlier or not earlier.strip():
            self._texts[name] = text

    def text(self, name: str) -> str:
        """A parameter without outer blanks; empty when it is absent. `name` is in small letters.

        Octets that are no UTF-8 are question marks.
        """
        found = self._texts.get(name, "").strip()
        return found if found.isascii() else found.encode("utf-8", "replace").decode("utf-8")

    def elements(self, name: str, shown: str) -> list[str]:
        """The elements of a list.

        Raises:
            Refused: INVALID, when there are too many.
        """
        text = self.text(name)
        if not text:
            return []
        found = [one for one in map(str.strip, text.split("|")) if one]
        if len(found) > MAX_LIST:
            raise invalid(shown, f"expected at most {MAX_LIST} elements")
        return found

    def prefixes(self, name: str, shown: str) -> tuple[str, ...]:
        """A list of prefixes, each once and without its leading 0.

        Raises:
            Refused: INVALID.
        """
        return tuple(sorted({parse_prefix(one, shown) for one in self.elements(name, shown)}))

    def rental_id(self, *names: str) -> int | None:
        """The number of a rental under the first of the names that is given; None if malformed."""
        for name in names:
            if self.text(name):
                return parse_rental_id(self.text(name))
        return None

    def service(self) -> tuple[str | None, int]:
        """The store, if named, and the id of the service.

        Raises:
            Refused: SERVICE_UNAVAILABLE, when it is absent or malformed: so the contract has it.
        """
        parsed = parse_service_code(self.text("serviceid"))
        if parsed is None:
            raise Refused(SERVICE_UNAVAILABLE)
        return parsed

    def order_id(self, from_header: str) -> str | None:
        """The dealer's own id of the request, in the query or in the header.

        Raises:
            Refused: INVALID.
        """
        # As it came: two ids whose octets differ are two orders. What is no UTF-8 is not printable.
        order_id = self._texts.get("orderid", "").strip() or from_header.strip()
        if len(order_id) > MAX_ORDER_CHARS or not order_id.isprintable():
            raise invalid("orderId", f"expected up to {MAX_ORDER_CHARS} characters")
        return order_id or None

    def history(self) -> HistoryFilter:
        """Which rentals the history is asked for.

        Raises:
            Refused: INVALID.
        """
        status = self.text("status")
        if status not in _ALL and status not in _STATES:
            raise invalid("status", "expected 0, 1 or 2")
        return HistoryFilter(
            service_id=self._history_service(),
            states=_STATES.get(status, ()),
            from_ms=_midnight_ms(self.text("fromdate"), "fromDate", FIRST_MS, days=0),
            to_ms=_midnight_ms(self.text("todate"), "toDate", LAST_MS, days=1),
            limit=self._limit(),
        )

    def _history_service(self) -> int | None:
        text = self.text("service")
        if text in _ALL:
            return None
        parsed = parse_service_code(text)
        if parsed is None:
            raise invalid("service", "expected the id of a service")
        return parsed[1]

    def _limit(self) -> int:
        text = self.text("limit")
        if not text:
            return DEFAULT_LIMIT
        if text == "-1":
            return MAX_LIMIT
        digits = text.lstrip("0")
        if _WHOLE.fullmatch(text) is None or not digits:
            raise invalid("limit", "expected a whole number above 0")
        return MAX_LIMIT if len(digits) > len(str(MAX_LIMIT)) else min(int(digits), MAX_LIMIT)


def _pairs(query: str) -> list[tuple[str, str]]:
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    # Polls hardly ever hold what must be decoded, and the general parser costs ten times this.
    split = (pair.partition("=") for pair in query.split("&") if pair)
    return [(name, text) for name, _, text in split]


def _midnight_ms(text: str, name: str, absent_ms: int, *, days: int) -> int:
    """UTC milliseconds of a local day's first moment, so many days later."""
    if text in _ALL:
        return absent_ms
    if _DATE.fullmatch(text) is None:
        raise invalid(name, "expected a day, for example 2026-03-05")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=LOCAL)
    except ValueError as error:
        raise invalid(name, "expected a day, for example 2026-03-05") from error
    since = day - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)
    return int(since.total_seconds()) * 1000
