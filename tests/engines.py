"""An engine of a database that a test puts before the real one."""

from dataclasses import dataclass
from typing import Any

from simlet.store.database import Engine, Watch
from simlet.store.sql import Call


@dataclass
class Passing:
    """Passes every call on to the engine behind it; a test changes the calls that it is about."""

    engine: Engine

    async def quick_read(self, call: Call) -> Any:
        return await self.engine.quick_read(call)

    async def read(self, call: Call) -> Any:
        return await self.engine.read(call)

    async def read_list(self, call: Call) -> Any:
        return await self.engine.read_list(call)

    async def write_all(self, calls: list[Call]) -> list[Any]:
        return await self.engine.write_all(calls)

    async def watch(self) -> Watch:
        return await self.engine.watch()

    async def close(self) -> None:
        await self.engine.close()
