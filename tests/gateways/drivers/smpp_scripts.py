"""SMSCs of others that a test tells what to do, and our client at work against them."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from gateways.drivers.smsc import PATIENCE_S, SETTINGS
from peers import NODE_MODULES, ROOT
from simlet.gateways.contract import Value
from simlet.gateways.drivers.smpp import KIND
from simlet.testing.driver_kit import FakeSupervisor

SCRIPTS = ROOT / "tests" / "peers_smpp"
LONG = "Mã xác nhận của bạn là 604918. Không chia sẻ mã này với ai 🔒. " * 30


@dataclass(frozen=True, slots=True)
class Script:
    """A peer that is told what to do, and says what happens, as JSON lines."""

    process: asyncio.subprocess.Process
    port: int

    def tell(self, **what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self.process.stdout.readline()
        said: dict[str, Any] = json.loads(line)
        return said

    async def hear_of(self, name: str) -> dict[str, Any]:
        """The next thing that it says of a sort; what it says before is passed over."""
        while name not in (said := await self.hear()):
            pass
        return said


@asynccontextmanager
async def script(*command: object) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
    )
    try:
        said = Script(process, 0)
        yield Script(process, (await said.hear())["port"])
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def driven(
    supervisor: FakeSupervisor, port: int, **more: Value
) -> AsyncIterator["asyncio.Task[None]"]:
    """A driver at work, that leaves in good order."""
    driver = KIND.make(supervisor.context(KIND, {**SETTINGS, "port": port, **more}))
    task = asyncio.ensure_future(driver.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def again(supervisor: FakeSupervisor, heard: "asyncio.Future[Any]") -> Any:
    """Lets time pass until a peer has said something."""
    while not heard.done():
        supervisor.clock.advance(60)
        await asyncio.wait({heard}, timeout=0.01)
    return heard.result()


def message(**more: object) -> dict[str, object]:
    return {
        "source_addr_ton": 5,
        "source_addr": "SHOPEE",
        "dest_addr_ton": 1,
        "destination_addr": "84912345678",
        **more,
    }
