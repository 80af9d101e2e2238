"""What is known of all ports of a gateway, and told of it."""

from dataclasses import dataclass, field
from typing import Final

from simlet.domain.health import GatewayReport, LineReport, Reception
from simlet.gateways.contract import DriverContext
from simlet.gateways.drivers.modem.own_storage import OwnStorage
from simlet.log import get_log

_MOST_CLAUSES: Final = 5

_log = get_log("modem")


@dataclass(slots=True)
class Board:
    """The ports of one gateway.

    Attributes:
        alarm_share: from which share on a storage is told to be filling.
        refused_pins: SIMs that are never given the PIN again.
        _troubles: why each port cannot be used; empty for one that can.
        _holders: which port reads a SIM now, by ICCID.
        _last_holders: which port read it last.
        _filling: how full storages are that are above the share.
        _own_storages: those of the modems, by ports.
    """

    context: DriverContext
    alarm_share: float
    refused_pins: set[str] = field(default_factory=set)
    _troubles: dict[str, str] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)
    _last_holders: dict[str, str] = field(default_factory=dict)
    _filling: dict[tuple[str, str], float] = field(default_factory=dict)
    _own_storages: dict[str, OwnStorage] = field(default_factory=dict)

    def claim(self, iccid: str | None, place: str) -> str:
        """Makes a port the only one that reads a SIM: the port that does, this one or another.

        A modem has several ports, and what one has read and deleted the other must not delete
        again: by then another message may lie in its place.
        """
        if iccid is None:
            return place
        holder = self._holders.setdefault(iccid, place)
        if holder == place:
            self._last_holders[iccid] = place
        return holder

    def own_storage(self, place: str) -> OwnStorage:
        """That of the modem in a port; a port that comes back has the same one."""
        return self._own_storages.setdefault(place, OwnStorage(self.context, place))

    def release(self, place: str) -> None:
        """Another port may read the SIM of this one now."""
        self._holders = {iccid: one for iccid, one in self._holders.items() if one != place}

    def expect(self, place: str) -> None:
        """A port was found; nothing else is known of it yet."""
        self._troubles.setdefault(place, "is being opened")

    def tell_working(self, place: str) -> None:
        """A port answers."""
        self._set_trouble(place, "")

    def tell_idle(self, place: str, holder: str) -> None:
        """A port is another one of a modem that is read already."""
        self._set_trouble(place, f"has the SIM of {holder}")

    def tell_untold(self, place: str) -> None:
        """A port has a SIM that does not tell its ICCID, although it could."""
        self._set_trouble(place, "has a SIM that does not tell its ICCID now")

    def tell_silent(self, place: str, reason: str, iccid: str | None) -> None:
        """A port does not answer; `iccid` is that of its last SIM, which may be elsewhere now."""
        is_last = iccid is not None and self._last_holders.get(iccid) == place
        known = iccid if is_last and iccid not in self._holders else None
        self.context.report(LineReport(place, Reception.SILENT, known))
        self._set_trouble(place, reason)

    def forget(self, place: str) -> None:
        """A port is not there any more."""
        self._troubles.pop(place, None)
        self._filling = {key: one for key, one in self._filling.items() if key[0] != place}
        self.tell()

    def tell_storage(self, place: str, storage: str, share: float) -> None:
        """How full a storage is after all that is kept was deleted."""
        key = place, storage
        was_filling = key in self._filling
        if share < self.alarm_share:
            self._filling.pop(key, None)
        else:
            self._filling[key] = share
        if was_filling != (key in self._filling):
            self._log_filling(key, share)
            self.tell()

    def tell(self) -> None:
        """Reports how the gateway does."""
        troubles = [f"{place} {reason}" for place, reason in self._troubles.items() if reason]
        clauses = [
            f"{storage or 'storage'} of {place} is {share:.0%} full"
            for (place, storage), share in self._filling.items()
        ]
        if troubles:
            clauses.append(f"{len(troubles)} of {len(self._troubles)} ports are not read")
            clauses += troubles
        if not self._troubles:
            clauses.append("there is no port")
        if len(clauses) > _MOST_CLAUSES:
            clauses = [*clauses[:_MOST_CLAUSES], "…"]
        is_up = any(not reason for reason in self._troubles.values())
        self.context.report(GatewayReport(is_up, "; ".join(clauses)))

    def _set_trouble(self, place: str, reason: str) -> None:
        before = self._troubles.get(place)
        self._troubles[place] = reason
        if before == reason:
            return
        if reason:
            _log.warning(
                "modem_port_not_read", gateway=self.context.gateway, port=place, reason=reason
            )
        else:
            _log.info("modem_port_read", gateway=self.context.gateway, port=place)
        self.tell()

    def _log_filling(self, key: tuple[str, str], share: float) -> None:
        place, storage = key
        write = _log.error if key in self._filling else _log.info
        write(
            "modem_storage",
            gateway=self.context.gateway,
            port=place,
            storage=storage,
            percent=round(share * 100),
        )
