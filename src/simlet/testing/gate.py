"""A gate that holds a flow in its middle, so that a test can look at what happens meanwhile."""

import asyncio
import threading
from types import TracebackType
from typing import Self

_PATIENCE_S = 20


class Gate:
    """What runs in another thread passes here, and waits until the test opens.

    Use it as a context manager: it is open behind the block, so that a test which fails leaves
    nobody waiting. Nobody waits longer than 20 s.
    """

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open()

    def pass_through(self) -> None:
        """Waits until the gate is open.

        Raises:
            TimeoutError: nobody opened it.
        """
        self._reached.set()
        if not self._open.wait(_PATIENCE_S):
            raise TimeoutError("nobody opened the gate")

    async def reached(self) -> None:
        """Waits until somebody has come to the gate.

        Raises:
            TimeoutError: nobody came.
        """
        if not await asyncio.to_thread(self._reached.wait, _PATIENCE_S):
            raise TimeoutError("nobody came to the gate")

    def open(self) -> None:
        """Lets everybody pass, from now on."""
        self._open.set()
