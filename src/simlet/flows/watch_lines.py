"""Watch lines: what came of each line's rentals and messages is read from the event log.

So neither a renting nor a message has anything to do with it. What is counted stands in
`line_health` and `gateway_health`; a line that failed too often is due to be looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simlet.domain.events import EventKind
from simlet.domain.inbound import Quarantine
from simlet.domain.line_health import HealthRecord, OutReason, PoolPolicy, must_rest
from simlet.domain.rental import RentalState
from simlet.flows.count_page import LogPage, begin_page, next_page
from simlet.store import gateway_health, health
from simlet.store.health import WatchedEvent
from simlet.store.sql import Tx

CURSOR = "lines"


def read_on(tx: Tx, limit: int) -> LogPage[WatchedEvent]:
    """The next page; a read."""
    return next_page(tx, CURSOR, limit, health.watched_events)


def watch_lines(tx: Tx, page: LogPage[WatchedEvent], rules: PoolPolicy, now_ms: int) -> bool:
    """Counts what a page tells; False when it was counted meanwhile, or is empty.

    Any message shows that its line receives, with or without a rental. A rental failed when it
    expired and no message came to its line while it was open, or when its dealer reported it, even
    where messages came; never twice. Of one dealer's reports about a line one counts a day.
    """
    if not begin_page(tx, CURSOR, page):
        return False
    count = _begin(tx, page.items)
    for event in page.items:
        count.add(event)
    health.set_records(tx, sorted(count.lines.items()))
    gateway_health.set_records(tx, sorted(count.gateways.items()))
    health.ask_for_look(tx, _due(tx, count, rules), now_ms)
    return True


@dataclass(slots=True)
class _Count:
    """What came of lines and gateways, by their ids.

    Attributes:
        rested: the lines that had been sent to rest since they were last heard.
        failed: the lines on which rentals failed.
    """

    lines: dict[int, HealthRecord]
    gateways: dict[int, HealthRecord]
    rested: frozenset[int]
    failed: set[int] = field(default_factory=set)

    def add(self, event: WatchedEvent) -> None:
        if event.message_gateway_id is not None:
            self._hear(event, event.message_gateway_id)
        elif event.failed_line_id is not None and not self._tells_nothing(event):
            self._fail(event, event.failed_line_id)

    def _hear(self, event: WatchedEvent, gateway_id: int) -> None:
        self.gateways[gateway_id] = _of(self.gateways, gateway_id).after_message(event.at_ms)
        line_id = _heard_line(event)
        if line_id is not None:
            self.lines[line_id] = _of(self.lines, line_id).after_message(event.at_ms)

    def _tells_nothing(self, event: WatchedEvent) -> bool:
        """Whether a rental did not fail, or had been counted when it expired."""
        heard = _of(self.lines, event.failed_line_id or 0).heard_since(event.created_at_ms or 0)
        if event.kind == EventKind.RENTAL_EXPIRED.value:
            return heard
        return event.rental_state == RentalState.EXPIRED.value and not heard

    def _fail(self, event: WatchedEvent, line_id: int) -> None:
        released_dong = _released_dong(event)
        self.lines[line_id] = _of(self.lines, line_id).after_failure(released_dong)
        self.failed.add(line_id)
        gateway_id = event.failed_gateway_id
        if gateway_id is not None:
            record = _of(self.gateways, gateway_id)
            self.gateways[gateway_id] = record.after_failure(released_dong)


def _released_dong(event: WatchedEvent) -> int:
    """What the rental gave back, where that was not counted before."""
    expired = event.kind == EventKind.RENTAL_EXPIRED.value
    given_back = expired or event.rental_state == RentalState.CANCELLED.value
    if not given_back or event.price_dong is None:
        return 0
    return event.price_dong


def _of(records: dict[int, HealthRecord], one_id: int) -> HealthRecord:
    return records.get(one_id) or HealthRecord()


def _heard_line(event: WatchedEvent) -> int | None:
    """The line that a message came to; what another gateway claims of a line shows nothing."""
    if event.quarantine == Quarantine.OTHER_GATEWAY.value:
        return None
    return event.message_line_id


def _begin(tx: Tx, page: Sequence[WatchedEvent]) -> _Count:
    """What was counted before, of all that a page tells of."""
    line_ids = [id_ for one in page for id_ in (_heard_line(one), one.failed_line_id)]
    gateway_ids = [id_ for one in page for id_ in (one.message_gateway_id, one.failed_gateway_id)]
    lines = health.records(tx, {one for one in line_ids if one is not None})
    return _Count(
        lines,
        gateway_health.records(tx, {one for one in gateway_ids if one is not None}),
        frozenset(line_id for line_id, record in lines.items() if record.rests),
    )


def _due(tx: Tx, count: _Count, rules: PoolPolicy) -> list[int]:
    """The lines that are to be looked at: they failed too often, or were heard while they rest."""
    due = []
    for line in health.lines_by_id(tx, count.failed | count.rested):
        record = count.lines[line.id]
        was_heard = line.standing.out is OutReason.FAILING and record.rests == 0
        failed = line.standing.out is None and line.id in count.failed
        if was_heard or (failed and must_rest(record.fails_in_row, record.rests, rules)):
            due.append(line.id)
    return due
