"""Turns to render: many feeds of one environment do not keep another's waiting."""

import asyncio

from gateway.live.turns import RoomTurns, Turns
from tests.gateway.asking import settled
from tests.patience import patience


async def test_one_environment_takes_half_of_the_turns_and_another_finds_one_free() -> None:
    turns, gate, rendered = Turns(4), asyncio.Event(), list[str]()
    busy, quiet = turns.of_room(), turns.of_room()

    async def render(room: RoomTurns, name: str) -> None:
        async with room:
            rendered.append(name)
            await gate.wait()

    tasks = [asyncio.create_task(render(busy, "busy")) for _ in range(100)]
    await settled()
    tasks.append(asyncio.create_task(render(quiet, "quiet")))
    await settled()
    begun = list(rendered)
    gate.set()
    await asyncio.gather(*tasks)
    await turns.settle()

    assert begun == ["busy", "busy", "quiet"]
    assert len(rendered) == 101


async def test_who_goes_away_while_it_waits_keeps_no_turn() -> None:
    turns = Turns(2)
    rooms = [turns.of_room() for _ in range(3)]
    for room in rooms[:2]:
        await room.__aenter__()
    waiting = asyncio.create_task(rooms[2].__aenter__())
    await settled()

    waiting.cancel()
    await asyncio.wait({waiting})
    for room in rooms[:2]:
        await room.__aexit__()

    async with patience():
        await turns.settle()
        await turns.settle()


async def test_a_drain_that_is_cut_short_keeps_no_turn_from_the_next_one() -> None:
    """A second Ctrl-C while something was rendered: the lifespan's own drain waited for ever for turns that nobody had."""
    turns = Turns(4)
    room = turns.of_room()
    await room.__aenter__()
    settling = asyncio.create_task(turns.settle())
    await settled()

    settling.cancel()
    await asyncio.wait({settling})
    await room.__aexit__()

    async with patience():
        await turns.settle()
