"""Places: how many transactions of one environment a process has open at once, so that no tenant takes all of them."""

from __future__ import annotations

import asyncio

from domain.kernel.errors import Unavailable

PATIENCE_S = 5.0


class EnvironmentBusy(Unavailable):
    """The environment has as many transactions open as it may, and none of them ended in time."""

    code = "environment.busy"


class Places:
    """A bounded number of places, given out in the order in which they are asked for."""

    def __init__(self, number: int, patience_s: float = PATIENCE_S) -> None:
        self._free = asyncio.Semaphore(number)
        self._patience_s = patience_s

    async def take(self) -> None:
        """Take a place; whoever takes one gives it back. Raises EnvironmentBusy after some seconds without one."""
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise EnvironmentBusy("This site is busy; try again in a moment.") from error

    def give_back(self) -> None:
        """Let the next one in."""
        self._free.release()
