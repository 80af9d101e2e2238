"""How much memory the server takes, with few lines and with many."""

from dataclasses import dataclass

from bench.growth import FRESH
from bench.installation import STORE, Installation
from bench.load import run_load
from bench.server import running_server


@dataclass(frozen=True, slots=True)
class Memory:
    """What of a server stands in memory, in MB: when it has started, and after some traffic."""

    idle_mb: float
    busy_mb: float


def measure_memory(installation: Installation, seconds: int) -> Memory:
    """Starts a server, lets dealers rent and ask for what there is, and looks."""
    token = installation.tokens[0]
    # Few rents among them, so that a small pool lasts.
    rents = [f"/api/register-service/?serviceId={STORE}.{FRESH}&token={token}"]
    reads = [f"/api/?show={what}&token={token}" for what in ("balance", "networks", "service")]
    paths = rents + 5 * reads
    lines = installation.path.with_name("memory.lines")
    lines.write_text("\n".join(paths) + "\n")
    with running_server(installation) as server:
        idle_mb = server.memory_mb()
        run_load(server.address, lines, '"success":true', seconds)
        return Memory(idle_mb, server.memory_mb())
