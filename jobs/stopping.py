"""How a process of ours is asked to stop: SIGTERM or SIGINT sets an event, and a second one ends it the hard way."""

from __future__ import annotations

import asyncio
import signal

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets. Call it from the main thread's loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        stop.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, ask)
    return stop


async def wait_for_any(events: list[asyncio.Event], seconds: float) -> None:
    """Return when one of the events is set, or after some seconds."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
