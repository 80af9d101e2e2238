"""Count the figures of services: what came of rentals is read from the event log.

So no renting and no message has anything to do with it. A page of the log is read first, and then
counted in one short write, hour by hour; the sums over a day and a week are reckoned in a read,
too, and kept for all who ask.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from simlet.domain.figures import (
    DAY_HOURS,
    KEPT_HOURS,
    NO_FIGURES,
    WEEK_HOURS,
    Figures,
    Tally,
    hour_of,
)
from simlet.store import events, figures
from simlet.store.figures import Hours, Sample
from simlet.store.sql import Tx

CURSOR = "figures"

Sums = dict[int, tuple[Figures, Figures]]
"""What is told of services, by their ids: of the last day, and of the last week."""


@dataclass(frozen=True, slots=True)
class SamplesPage:
    """A page of the event log.

    Attributes:
        after: the event behind which it begins.
        seq: the last event of it; `after` where it is empty.
        full: whether there may be more.
    """

    after: int
    seq: int
    full: bool
    samples: Sequence[Sample]


def read_on(tx: Tx, limit: int) -> SamplesPage:
    """The next page; a read, so that the joins of it keep nobody from writing."""
    after = events.position(tx, CURSOR) or 0
    newest = events.last_seq(tx)
    last = min(after + limit, newest)
    return SamplesPage(after, last, last < newest, figures.samples_between(tx, after, last))


def count_figures(tx: Tx, page: SamplesPage, now_ms: int) -> bool:
    """Counts the samples of a page; False when it was counted meanwhile, or is empty."""
    if page.seq == page.after or (events.cursor(tx, CURSOR) or 0) != page.after:
        return False
    first = hour_of(now_ms) - KEPT_HOURS
    samples = [one for one in page.samples if hour_of(one.at_ms) >= first]
    if samples:
        figures.set_hours(tx, _added(tx, samples))
    events.set_cursor(tx, CURSOR, page.seq)
    return True


def _added(tx: Tx, samples: Sequence[Sample]) -> Hours:
    """What was counted of the hours in which there are samples, with these added."""
    counted: Hours = defaultdict(Tally)
    for one in samples:
        tally = counted[one.service_id, hour_of(one.at_ms)]
        if one.waited_ms is None:
            tally.expired += 1
        else:
            tally.receive(one.waited_ms)
    touched = [hour for _, hour in counted]
    services = {service_id for service_id, _ in counted}
    for key, before in figures.hours(tx, services, min(touched), max(touched)).items():
        if key in counted:
            counted[key].add(before.expired, before.seconds)
    return counted


def sum_figures(tx: Tx, service_ids: Collection[int] | None, now_ms: int) -> Sums:
    """What the hours of services come to; None for all of which anything is told. A read."""
    wanted = figures.counted_services(tx) if service_ids is None else sorted(service_ids)
    hour = hour_of(now_ms)
    counted = figures.hours(tx, wanted, hour - WEEK_HOURS + 1, hour)
    days: dict[int, Tally] = defaultdict(Tally)
    weeks: dict[int, Tally] = defaultdict(Tally)
    for (service_id, at_hour), tally in counted.items():
        weeks[service_id].add(tally.expired, tally.seconds)
        if at_hour > hour - DAY_HOURS:
            days[service_id].add(tally.expired, tally.seconds)
    return {one: (_of(days, one), _of(weeks, one)) for one in wanted}


def _of(tallies: dict[int, Tally], service_id: int) -> Figures:
    tally = tallies.get(service_id)
    return NO_FIGURES if tally is None else tally.figures()


def keep_figures(tx: Tx, sums: Sums) -> None:
    """Keeps what is told of services."""
    figures.set_figures(tx, sums)


def forget_hours(tx: Tx, now_ms: int) -> None:
    """Erases the hours that no sum needs any more."""
    figures.forget_hours(tx, hour_of(now_ms) - KEPT_HOURS)
