"""The figures at `/metrics`, in the text form of Prometheus, for whoever shows the token.

No figure is labelled with a number, an ICCID, an account or a text.
"""

import asyncio
import hmac
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from simlet.flows.show_health import Figures, figures
from simlet.gateways.spool import Spool
from simlet.runtime import Runtime
from simlet.web.auth import bearer

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT_S = 5.0
"""So long figures are told again without a look into the database."""

_LINE_STATES = ("active", "failing", "unheard", "gateway_down", "retired")
_RENTALS = {
    "rental.waiting": "begun",
    "rental.received": "received",
    "rental.expired": "expired",
    "rental.cancelled": "cancelled",
}
_MESSAGES = {"message.kept": "kept", "message.quarantined": "quarantined"}
_LINE_MOVES = {"line.rested": "rested", "line.returned": "returned", "line.moved": "moved"}
_GATEWAY_TURNS = {"gateway.down": "down", "gateway.up": "up"}


@dataclass(slots=True)
class Metrics:
    """Answers those who collect figures; many who ask at once share one look."""

    runtime: Runtime
    spool: Spool | None
    _events: Counter[str] = field(default_factory=Counter)
    _figures: Figures | None = None
    _read_s: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def offered(self) -> bool:
        """Whether the operator set a token, without which nobody gets figures."""
        return bool(self.runtime.settings.web.metrics_token)

    def admits(self, authorization: str) -> bool:
        """Whether an `Authorization` header shows the token."""
        expected = self.runtime.settings.web.metrics_token
        shown = bearer(authorization).encode("latin-1", "replace")
        return self.offered and hmac.compare_digest(shown, expected.encode())

    async def text(self) -> bytes:
        """All figures.

        Raises:
            DatabaseFault: the database failed.
        """
        async with self._reading:
            read = await self._read()
        waiting = None if self.spool is None else self.spool.waiting
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            _FigureCollector(read, dict(self._events), waiting, self.runtime.clock.now_ms())
        )
        return generate_latest(registry)

    async def _read(self) -> Figures:
        now_s = self.runtime.clock.monotonic_s()
        if self._figures is None or now_s - self._read_s >= KEPT_S:
            # Events are counted on from the last one, so that a long log costs no more.
            after = self._figures.seq if self._figures else 0
            self._figures = await self.runtime.db.read(figures, after)
            self._events.update(self._figures.events)
            self._read_s = now_s
        return self._figures


class _FigureCollector(Collector):
    """The figures as families of metrics."""

    def __init__(
        self, read: Figures, events: dict[str, int], spool_waiting: int | None, now_ms: int
    ) -> None:
        self._read = read
        self._events = events
        self._spool_waiting = spool_waiting
        self._now_ms = now_ms

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        read = self._read
        yield _gauge(
            "gateway_up",
            "1: up, 0: down. One that only takes posts is up while it can take them.",
            "gateway",
            read.gateways,
        )
        lines = {state: read.lines.get(state, 0) for state in _LINE_STATES}
        yield _gauge("lines", "Lines; active ones can be rented.", "state", lines)
        yield self._counter("messages", "Messages that came in.", "fate", _MESSAGES)
        yield self._counter("rentals", "Rentals, by what became of them.", "state", _RENTALS)
        yield self._counter(
            "line_moves",
            "How often a line left the pool, came back or changed its gateway.",
            "move",
            _LINE_MOVES,
        )
        yield self._counter(
            "gateway_turns", "How often a gateway went up or down.", "turn", _GATEWAY_TURNS
        )
        yield _plain("rentals_waiting", "Rentals that wait now.", read.waiting_rentals)
        yield _plain("callbacks_pending", "Callbacks that are not delivered yet.", read.callbacks)
        oldest_ms = read.oldest_callback_at_ms
        age_s = 0.0 if oldest_ms is None else max(0, self._now_ms - oldest_ms) / 1000
        yield _plain(
            "callbacks_oldest_pending_seconds", "Age of the oldest of them; 0 for none.", age_s
        )
        if self._spool_waiting is not None:
            clause = "Messages in the spool of the process that answers."
            yield _plain("spool_waiting", clause, self._spool_waiting)

    def _counter(
        self, name: str, clause: str, label: str, values: dict[str, str]
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(f"simlet_{name}", clause, labels=[label])
        for kind, value in values.items():
            family.add_metric([value], self._events.get(kind, 0))
        return family


def _gauge(name: str, clause: str, label: str, values: dict[str, int] | dict[str, bool]) -> Metric:
    family = GaugeMetricFamily(f"simlet_{name}", clause, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _plain(name: str, clause: str, value: float) -> Metric:
    return GaugeMetricFamily(f"simlet_{name}", clause, value=value)
