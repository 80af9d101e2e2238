"""Count the figures of services: what came of rentals is read from the event log.

So no renting and no message has anything to do with it. The log is counted hour by hour; the sums
over a day and a week are reckoned in a read, and kept for all who ask.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from simlet.domain.figures import (
    DAY_HOURS,
    KEPT_HOURS,
    NO_FIGURES,
    WEEK_HOURS,
    Figures,
    Tally,
    hour_of,
)
from simlet.flows.count_page import LogPage, begin_page, next_page
from simlet.store import figures
from simlet.store.figures import Hours, Sample
from simlet.store.sql import Tx

CURSOR = "figures"

Sums = dict[int, tuple[Figures, Figures]]
"""What is told of services, by their ids: of the last day, and of the last week."""


def read_on(tx: Tx, limit: int) -> LogPage[Sample]:
    """The next page; a read."""
    return next_page(tx, CURSOR, limit, figures.samples_between)


def count_figures(tx: Tx, page: LogPage[Sample], now_ms: int) -> bool:
    """Counts the samples of a page; False when it was counted meanwhile, or is empty."""
    if not begin_page(tx, CURSOR, page):
        return False
    first = hour_of(now_ms) - KEPT_HOURS
    samples = [one for one in page.items if hour_of(one.at_ms) >= first]
    if samples:
        figures.set_hours(tx, _added(tx, samples))
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
