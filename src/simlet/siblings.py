"""Further processes that serve the web: Python runs one request's code at a time in each.

The first process does everything. Its siblings listen on the same port, where the system deals out
new connections among them (SO_REUSEPORT), and do nothing but answer requests. They are told their
settings on standard input, which stays open: where it ends, the first process is gone, and they
end as well.
"""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field

import msgspec

from simlet.clock import Clock
from simlet.config import Settings
from simlet.log import get_log

COMMAND = "serve-sibling"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_KILL_AFTER_S = 9.0

_log = get_log("siblings")


@dataclass(slots=True)
class Siblings:
    """The other processes: started, started again when they die, stopped.

    Attributes:
        settings: whose address names the port that the first process listens on.
        count: how many.
    """

    settings: Settings
    count: int
    clock: Clock
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _processes: set[asyncio.subprocess.Process] = field(default_factory=set)
    _dismissed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Starts them; they serve within a second or two, and nobody waits for that."""
        self._tasks = [asyncio.create_task(self._keep_one()) for _ in range(self.count)]

    def dismiss(self) -> None:
        """Tells them to stop, without waiting for it."""
        self._dismissed.set()
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def stop(self) -> None:
        """Ends when they have ended; one that does not is killed."""
        self.dismiss()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_KILL_AFTER_S)
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*self._tasks)

    async def _keep_one(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._dismissed.is_set():
            started_s = self.clock.monotonic_s()
            try:
                status = await self._run_one()
            except OSError as error:
                status = error.errno or 1
            if self._dismissed.is_set():
                return
            lasted_s = self.clock.monotonic_s() - started_s
            pause_s = _FIRST_PAUSE_S if lasted_s > _LONGEST_PAUSE_S else pause_s
            _log.error("sibling_ended", status=status, again_in_s=pause_s)
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        """Lets time pass; being dismissed cuts it short."""
        waits = {
            asyncio.ensure_future(self.clock.sleep(seconds)),
            asyncio.ensure_future(self._dismissed.wait()),
        }
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _run_one(self) -> int:
        """Runs a sibling until it ends; its exit status."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simlet", COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the first process's to hear
        )  # fmt: skip
        self._processes.add(process)
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe was asked for
            with contextlib.suppress(ConnectionError):
                process.stdin.write(msgspec.json.encode(self.settings) + b"\n")
                await process.stdin.drain()
            if self._dismissed.is_set():
                process.terminate()
            return await process.wait()
        finally:
            self._processes.discard(process)
