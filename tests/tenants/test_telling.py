"""Saying how far a copy is, while it is loaded."""

import asyncio

from tenants.copies.telling import told
from tenants.copies.threads import Progress
from tests.patience import patience


async def test_it_ends_although_a_cancellation_would_be_swallowed() -> None:
    """A copy once waited for ever: the cancellation of its teller met a library that swallows it, and it told on."""
    rows: list[int] = []
    telling, go_on = asyncio.Event(), asyncio.Event()

    async def tell(number: int) -> None:
        telling.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue
        rows.append(number)

    progress = Progress()
    async with patience(), told(progress, tell):
        await telling.wait()
        progress.add(7)
        asyncio.get_running_loop().call_later(0.05, go_on.set)

    assert rows[-1] == 7
