"""How lines and gateways do, as their equipment tells it."""

from dataclasses import dataclass
from enum import Enum


class Reception(Enum):
    """Whether a line can receive, as its equipment sees it.

    Source: 3GPP TS 27.007, 7.2 (+CREG) and 8.3 (+CPIN).
    """

    READY = "ready"
    SEARCHING = "searching"
    DENIED = "denied"
    NO_SIM = "no_sim"
    LOCKED = "locked"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class LineReport:
    """What equipment tells of one of its lines.

    Attributes:
        port: where the line is plugged in, in the equipment's own words.
        reception: `SILENT` when the equipment itself does not answer.
        iccid: the SIM's; None when it is not known, as without a SIM.
        number: E.164, where the SIM or the equipment knows it.
        signal_dbm: received signal strength; None when it is not known.
        operator: the network's name, as the equipment spells it.
    """

    port: str
    reception: Reception
    iccid: str | None = None
    number: str | None = None
    imsi: str | None = None
    signal_dbm: int | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """Whether a gateway is connected to its other side, and a clause that says why not."""

    up: bool
    detail: str = ""
