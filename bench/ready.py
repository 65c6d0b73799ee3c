"""ready: from starting `opscom gateway` to the first 200 of its /healthz/ready; unpinned, median of five."""

from __future__ import annotations

import signal
import statistics
from collections.abc import AsyncIterator

from bench.lab import Lab
from bench.serving import start_gateway
from bench.table import Row
from opscom.embedded.child import stop_child

STARTS = 5


async def measure(lab: Lab) -> AsyncIterator[Row]:
    """Start and stop it some times; the first start also reads the code from the disk."""
    times = []
    for _ in range(STARTS):
        started = start_gateway(lab)
        stop_child(started.child, signal.SIGTERM)
        times.append(started.ready_after_s)
    yield Row("gateway ready, first start", times[0], "s")
    yield Row("gateway ready, median", statistics.median(times), "s", at_most=3)
