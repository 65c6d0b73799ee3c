"""Saying how far a copy is, while it is loaded."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from tenants.copies.errors import CopyEnded
from tenants.copies.telling import told
from tenants.copies.threads import Progress, together
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


async def test_what_was_ended_meanwhile_is_not_loaded_to_its_end() -> None:
    """The copy into a space that is being deleted went on for as long as it took, and nobody wanted it."""
    progress = Progress()

    async def tell(_number: int) -> None:
        raise CopyEnded("The copy was ended meanwhile.")

    with pytest.raises(CopyEnded):
        async with patience(), told(progress, tell):
            await together([lambda: _until_stopped(progress)], progress)

    assert progress.stop.is_set()


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_telling() -> None:
    heard, again = list[int](), asyncio.Event()

    async def tell(number: int) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise OperationalError("update", None, Exception("the server closed the connection"))
        again.set()

    async with patience(), told(Progress(), tell):
        await again.wait()

    assert len(heard) >= 2


def _until_stopped(progress: Progress) -> None:
    progress.stop.wait()
    progress.check()
