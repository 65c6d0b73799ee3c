"""`make bench`: every measurement, side by side in one run; `python -m bench hosts switching` for some of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from time import perf_counter

from bench import hosts, live, provisioning, query, ready, scale, switching
from bench.lab import Lab, open_lab
from bench.table import Row, show

Measure = Callable[[Lab], AsyncIterator[Row]]
IN_THE_LAB: dict[str, tuple[str, Measure]] = {
    module.__name__.rpartition(".")[2]: (module.__doc__ or "", module.measure)
    for module in (provisioning, ready, switching, query, live, scale)
}
NAMES = ("hosts", *IN_THE_LAB)


async def main(wanted: list[str]) -> None:
    """Run what was asked for, or everything, and say at the end which bars were missed."""
    unknown = set(wanted) - set(NAMES)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    began = perf_counter()
    chosen = wanted or list(NAMES)
    rows = show(hosts.__doc__ or "", hosts.measure()) if "hosts" in chosen else []
    async with open_lab() as lab:
        for name, (title, measure) in IN_THE_LAB.items():
            if name in chosen:
                rows += show(title, [row async for row in measure(lab)])
    missed = [f"{row.what}: {row.value} ({row.bar})" for row in rows if row.is_met is False]
    met = sum(row.is_met is True for row in rows)
    print(f"{met} bars met, {len(missed)} missed, in {perf_counter() - began:.0f} s", *missed, sep="\n  missed: ")


asyncio.run(main(sys.argv[1:]))
