"""Note reports: what equipment tells of itself and of its lines.

A line is known by its SIM's ICCID. Where the equipment does not know that, the number counts, for
lines that are no other gateway's; and where a port has no SIM any more, the line that was seen in
it last. Only a SIM that was seen makes its line the gateway's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from simlet.domain.events import Event, EventKind
from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.domain.inbound import storable
from simlet.domain.line_health import OutReason, PoolPolicy, look_after_report
from simlet.store import events, gateway_health, gateways, health
from simlet.store.gateway_health import Connection
from simlet.store.health import LineSnapshot, NewReport
from simlet.store.sql import Tx

_SEES_SIM = {Reception.READY, Reception.SEARCHING, Reception.DENIED, Reception.LOCKED}
_PORT_CHARS, _OPERATOR_CHARS, _IMSI_CHARS, _DETAIL_CHARS = 128, 64, 16, 200
_LEAST_DBM, _MOST_DBM = -32_768, 32_767


@dataclass(frozen=True, slots=True)
class SeenLine:
    """What was told of one port, and when: UTC milliseconds."""

    report: LineReport
    at_ms: int


@dataclass(frozen=True, slots=True)
class GatewayUpdate:
    """What one gateway told: of itself, unless it is None, and of its ports, each once."""

    gateway_id: int
    at_ms: int
    gateway: GatewayReport | None
    lines: tuple[SeenLine, ...]


@dataclass(frozen=True, slots=True)
class UnknownSim:
    """A SIM that no line in use has."""

    gateway_id: int
    port: str
    iccid: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """A line, what was told of it, and by which gateway."""

    line: LineSnapshot
    seen: SeenLine
    gateway_id: int
    by_sim: bool

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The higher one counts where a line was told of twice."""
        return self.seen.report.reception is Reception.READY, self.by_sim, self.seen.at_ms

    @property
    def takes(self) -> bool:
        """Whether the line becomes the gateway's own."""
        return (
            self.by_sim
            and self.seen.report.reception in _SEES_SIM
            and self.line.gateway_id != self.gateway_id
        )

    @property
    def counts(self) -> bool:
        """Whether the gateway may speak for the line."""
        return self.takes or self.line.gateway_id in {None, self.gateway_id}


def note_reports(
    tx: Tx, told: Sequence[GatewayUpdate], rules: PoolPolicy, now_ms: int
) -> list[UnknownSim]:
    """Records what gateways told; the SIMs among it that no line in use has.

    What a gateway told before it was removed does not count any more.
    """
    gone = gateways.removed_gateways(tx)
    told = [one for one in told if one.gateway_id not in gone]
    by_iccid = health.lines_by_iccid(tx, _iccids(told))
    found = _found(told, by_iccid, health.lines_by_number(tx, _numbers(told)))
    missing = [line for one in told for line in _missing(tx, one, found)]
    _attach(tx, [one for one in found.values() if one.takes], now_ms)
    reports = [_report(one, rules) for one in (*found.values(), *missing)]
    health.set_reports(tx, sorted(reports, key=lambda one: one.line_id))
    _note_gateways(tx, told)
    return [
        UnknownSim(one.gateway_id, seen.report.port, iccid)
        for one in told
        for seen in one.lines
        if (iccid := seen.report.iccid) and iccid not in by_iccid
    ]


def last_sim_in(tx: Tx, gateway_id: int, port: str) -> frozenset[str]:
    """The ICCID and IMSI of the line whose SIM a gateway saw last in a port; empty for none."""
    return health.last_sim_in(tx, gateway_id, _clipped_port(port))


def _iccids(told: Sequence[GatewayUpdate]) -> list[str]:
    return sorted({seen.report.iccid for one in told for seen in one.lines if seen.report.iccid})


def _numbers(told: Sequence[GatewayUpdate]) -> list[str]:
    reports = [seen.report for one in told for seen in one.lines]
    return sorted({one.number for one in reports if one.number and not one.iccid})


def _found(
    told: Sequence[GatewayUpdate],
    by_iccid: Mapping[str, LineSnapshot],
    by_number: Mapping[str, LineSnapshot],
) -> dict[int, _Seen]:
    """What counts of the lines that were told by name, each once."""
    found: dict[int, _Seen] = {}
    for one in told:
        for seen in one.lines:
            iccid, number = seen.report.iccid, seen.report.number
            line = by_iccid.get(iccid) if iccid else by_number.get(number or "")
            if line is None:
                continue
            new = _Seen(line, seen, one.gateway_id, by_sim=bool(iccid))
            before = found.get(line.id)
            if new.counts and (before is None or new.rank > before.rank):
                found[line.id] = new
    return found


def _missing(tx: Tx, told: GatewayUpdate, found: Mapping[int, _Seen]) -> Iterator[_Seen]:
    """The lines that were seen last in one of the ports, and are not told of by name now."""
    by_port = {_port(seen.report): seen for seen in told.lines}
    if not by_port:
        return
    for line in health.lines_by_port(tx, told.gateway_id, sorted(by_port)):
        if line.id in found or line.port is None:
            continue
        seen = by_port[line.port]
        if seen.report.iccid or seen.report.number:
            # Another SIM is in its place.
            gone = LineReport(seen.report.port, Reception.NO_SIM)
            seen = replace(seen, report=gone)
        yield _Seen(line, seen, told.gateway_id, by_sim=False)


def _port(report: LineReport) -> str:
    return _clipped_port(report.port)


def _clipped_port(port: str) -> str:
    return storable(port)[:_PORT_CHARS]


def _attach(tx: Tx, taken: Sequence[_Seen], now_ms: int) -> None:
    for gateway_id in sorted({one.gateway_id for one in taken}):
        line_ids = sorted(one.line.id for one in taken if one.gateway_id == gateway_id)
        health.attach(tx, line_ids, gateway_id)
    for one in taken:
        if one.line.gateway_id is None:
            continue
        data: dict[str, str | int | bool | None] = {
            "line_id": one.line.id,
            "from_gateway_id": one.line.gateway_id,
            "gateway_id": one.gateway_id,
        }
        events.add_event(tx, Event(EventKind.LINE_MOVED, now_ms, data=data))


def _report(one: _Seen, rules: PoolPolicy) -> NewReport:
    report, at_ms = one.seen.report, one.seen.at_ms
    look_at_ms = look_after_report(one.line.standing, report.reception, rules, at_ms)
    if one.takes and one.line.standing.out is OutReason.GATEWAY_DOWN:
        look_at_ms = at_ms
    return NewReport(
        line_id=one.line.id,
        port=_port(report),
        reception=report.reception,
        signal_dbm=_signal(report.signal_dbm),
        operator=_clipped(report.operator, _OPERATOR_CHARS),
        imsi=_clipped(report.imsi, _IMSI_CHARS),
        seen_at_ms=at_ms if report.reception in _SEES_SIM else None,
        look_at_ms=look_at_ms,
    )


def _signal(dbm: int | None) -> int | None:
    return None if dbm is None else max(_LEAST_DBM, min(dbm, _MOST_DBM))


def _clipped(text: str | None, chars: int) -> str | None:
    return None if text is None else storable(text)[:chars]


def _note_gateways(tx: Tx, told: Sequence[GatewayUpdate]) -> None:
    known = gateway_health.connections(tx, sorted(one.gateway_id for one in told))
    for one in sorted(told, key=lambda one: one.gateway_id):
        if one.gateway is None:
            gateway_health.set_seen(tx, one.gateway_id, one.at_ms)
            continue
        before = known.get(one.gateway_id, Connection(None, None))
        same = before.up is one.gateway.up
        now = Connection(one.gateway.up, before.changed_at_ms if same else one.at_ms)
        detail = storable(one.gateway.detail)[:_DETAIL_CHARS]
        gateway_health.set_connection(tx, one.gateway_id, now, detail, one.at_ms)
