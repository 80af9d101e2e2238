import pytest

from gateways.drivers.http_gate import Gate, gate_in
from gateways.drivers.modem_rig import Rig
from simlet.testing.modem import PretendModem
from simlet.testing.modem_answers import Sim
from simlet.testing.site import Site


@pytest.fixture
def rig(anyio_backend: str) -> Rig:
    return Rig(PretendModem(Sim()))


@pytest.fixture
async def gate(site: Site) -> Gate:
    return await gate_in(site)
