"""`make bench`: every measurement, side by side in one run; `python -m bench hosts switching` for some of them."""

from __future__ import annotations

import asyncio
import sys

from bench import hosts, switching
from bench.lab import open_lab
from bench.table import show

NAMES = ("hosts", "switching")


async def main(wanted: list[str]) -> None:
    """Run what was asked for, or everything."""
    unknown = set(wanted) - set(NAMES)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    chosen = wanted or list(NAMES)
    if "hosts" in chosen:
        show(hosts.__doc__ or "", hosts.measure())
    async with open_lab() as lab:
        if "switching" in chosen:
            show(switching.__doc__ or "", [row async for row in switching.measure(lab)])


asyncio.run(main(sys.argv[1:]))
