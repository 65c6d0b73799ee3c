"""`make bench`: every measurement, side by side in one run; `python -m bench hosts switching` for some of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from time import perf_counter
from types import ModuleType

from bench import hosts, live, query, ready, scale, switching
from bench.lab import Lab, open_lab
from bench.table import Row, show
from bench.tenancy import dispatching, memory, migrating, nightly, provisioning, refreshing, registry

Measure = Callable[[Lab], AsyncIterator[Row]]
Measures = Mapping[str, tuple[str, Measure]]


def _named(*modules: ModuleType) -> Measures:
    return {module.__name__.rpartition(".")[2]: (module.__doc__ or "", module.measure) for module in modules}


IN_THE_LAB = _named(ready, switching, query, live, scale)
OF_TENANCY = _named(provisioning, refreshing, memory, nightly, migrating, registry, dispatching)
"""In this order: each finds the tenants that the ones before have made."""
GROUPS = {"tenancy": tuple(OF_TENANCY)}
NAMES = ("hosts", *IN_THE_LAB, *OF_TENANCY)


async def main(wanted: list[str]) -> None:
    """Run what was asked for, or everything, and say at the end which bars were missed."""
    chosen = {name for word in wanted or NAMES for name in GROUPS.get(word, (word,))}
    if unknown := chosen - set(NAMES):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*GROUPS, *NAMES))}")
    began = perf_counter()
    rows = show(hosts.__doc__ or "", hosts.measure()) if "hosts" in chosen else []
    rows += await _measured(IN_THE_LAB, chosen, is_pinned=True)
    rows += await _measured(OF_TENANCY, chosen, is_pinned=False)
    missed = [f"{row.what}: {row.value} ({row.bar})" for row in rows if row.is_met is False]
    met = sum(row.is_met is True for row in rows)
    print(f"{met} bars met, {len(missed)} missed, in {perf_counter() - began:.0f} s", *missed, sep="\n  missed: ")


async def _measured(measures: Measures, chosen: set[str], *, is_pinned: bool) -> list[Row]:
    """The chosen ones of these, in a laboratory of their own."""
    rows: list[Row] = []
    if chosen.isdisjoint(measures):
        return rows
    async with open_lab(is_pinned=is_pinned) as lab:
        for name, (title, measure) in measures.items():
            if name in chosen:
                rows += show(title, [row async for row in measure(lab)])
    return rows


asyncio.run(main(sys.argv[1:]))
