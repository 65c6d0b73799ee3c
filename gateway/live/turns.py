"""Turns to render: so many feeds of a process at once, and of one environment half of them, so that no one's feeds wait behind all of another's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack


class Turns:
    """The turns of one process."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._free = asyncio.Semaphore(number)

    def of_room(self) -> RoomTurns:
        """The turns that feeds of one environment take."""
        return RoomTurns(self._free, max(1, self._number // 2))

    async def settle(self) -> None:
        """Return when nothing is rendered. All turns are given back, also if this is cancelled: server and lifespan both drain."""
        async with AsyncExitStack() as taken:
            for _ in range(self._number):
                await taken.enter_async_context(self._free)


class RoomTurns:
    """A turn is taken by ``async with``: first among one's own, then among all."""

    def __init__(self, everybodys: asyncio.Semaphore, most: int) -> None:
        self._own = asyncio.Semaphore(most)
        self._everybodys = everybodys

    async def __aenter__(self) -> None:
        """Wait for a turn."""
        await self._own.acquire()
        try:
            await self._everybodys.acquire()
        except BaseException:
            self._own.release()
            raise

    async def __aexit__(self, *_error: object) -> None:
        """Give it back."""
        self._everybodys.release()
        self._own.release()
