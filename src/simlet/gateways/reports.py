"""What drivers report, gathered in memory, and written together when it says something new.

Reports come often and cost little: what was told of a port before is replaced by it. Written is
what changed, and after `AGAIN_S` what was told again, so that it shows a sign of life.
"""

from dataclasses import dataclass, field
from itertools import islice

from simlet.domain.health import GatewayReport, LineReport
from simlet.domain.line_health import PoolPolicy
from simlet.domain.phone import masked
from simlet.flows.note_reports import GatewayUpdate, SeenLine, UnknownSim, note_reports
from simlet.gateways.contract import Report
from simlet.log import get_log
from simlet.runtime import Runtime
from simlet.store.gateways import Gateway

AGAIN_S = 30.0
MOST_REPORTS = 500
"""So many reports are written in one transaction."""
MOST_PORTS = 10_000
"""So many ports of one gateway are remembered."""
_MOST_UNKNOWN = 10_000

_log = get_log("gateways")

_OfPort = str | None
"""A port, or None for the gateway itself."""


@dataclass(slots=True)
class _Latest:
    """What was told last of a port or a gateway, and what of it was written when."""

    report: LineReport | GatewayReport
    at_ms: int
    written: LineReport | GatewayReport | None = None
    written_s: float = 0.0

    def is_news(self, now_s: float) -> bool:
        if self.written is None or now_s - self.written_s >= AGAIN_S:
            return True
        return _said(self.report) != _said(self.written)


def _said(report: LineReport | GatewayReport) -> tuple[object, ...]:
    """What of a report is news at once; a signal moves all the time."""
    if isinstance(report, GatewayReport):
        return report.up, report.detail
    return report.reception, report.iccid, report.number, report.imsi, report.operator


def rules_of(runtime: Runtime) -> PoolPolicy:
    """The operator's limits for lines, from the settings."""
    lines = runtime.settings.lines
    return PoolPolicy(
        fails_before_rest=lines.fails_before_rest,
        rest_s=lines.rest_s,
        longest_rest_s=lines.longest_rest_s,
        grace_s=lines.gateway_grace_s,
    )


@dataclass(slots=True)
class Reports:
    """All that the drivers of this process tell; `flush` writes it."""

    runtime: Runtime
    _latest: dict[tuple[int, _OfPort], _Latest] = field(default_factory=dict)
    _ports: dict[int, int] = field(default_factory=dict)
    _news: dict[tuple[int, _OfPort], None] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _unknown: set[str] = field(default_factory=set)

    def of(self, gateway: Gateway) -> Report:
        """What a gateway's driver tells its reports to: returns at once."""
        self._names[gateway.id] = gateway.name

        def report(told: LineReport | GatewayReport) -> None:
            self._take(gateway.id, told)

        return report

    def _take(self, gateway_id: int, told: LineReport | GatewayReport) -> None:
        key = gateway_id, told.port if isinstance(told, LineReport) else None
        latest = self._latest.get(key)
        if latest is not None:
            latest.report, latest.at_ms = told, self.runtime.clock.now_ms()
        elif self._has_room(gateway_id):
            latest = self._latest[key] = _Latest(told, self.runtime.clock.now_ms())
        else:
            return
        if latest.is_news(self.runtime.clock.monotonic_s()):
            self._news[key] = None

    def _has_room(self, gateway_id: int) -> bool:
        count = self._ports[gateway_id] = self._ports.get(gateway_id, 0) + 1
        if count == MOST_PORTS + 1:
            _log.error("too_many_ports", gateway=self._names[gateway_id], limit=MOST_PORTS)
        return count <= MOST_PORTS

    async def flush(self) -> bool:
        """Writes what is news, in one transaction; True when there is more of it.

        What could not be written is news still.

        Raises:
            DatabaseFault: the database failed.
        """
        keys = list(islice(self._news, MOST_REPORTS))
        if not keys:
            return False
        writing = {key: self._latest[key].report for key in keys}
        unknown = await self.runtime.db.write(
            note_reports, self._told(keys), rules_of(self.runtime), self.runtime.clock.now_ms()
        )
        now_s = self.runtime.clock.monotonic_s()
        for key, report in writing.items():
            latest = self._latest[key]
            latest.written, latest.written_s = report, now_s
            if not latest.is_news(now_s):
                del self._news[key]
        self._log_unknown(unknown)
        return len(keys) == MOST_REPORTS

    def _told(self, keys: list[tuple[int, _OfPort]]) -> list[GatewayUpdate]:
        told = []
        for gateway_id in dict.fromkeys(gateway_id for gateway_id, _ in keys):
            latest = [self._latest[key] for key in keys if key[0] == gateway_id]
            of_itself = [r for one in latest if isinstance(r := one.report, GatewayReport)]
            lines = tuple(
                SeenLine(one.report, one.at_ms)
                for one in latest
                if isinstance(one.report, LineReport)
            )
            at_ms = max(one.at_ms for one in latest)
            told.append(
                GatewayUpdate(gateway_id, at_ms, of_itself[0] if of_itself else None, lines)
            )
        return told

    def _log_unknown(self, unknown: list[UnknownSim]) -> None:
        """Each once, as it is told again and again."""
        for one in unknown:
            if one.iccid in self._unknown or len(self._unknown) >= _MOST_UNKNOWN:
                continue
            self._unknown.add(one.iccid)
            _log.warning(
                "sim_unknown",
                gateway=self._names.get(one.gateway_id, ""),
                port=one.port,
                iccid=masked(one.iccid),
            )
