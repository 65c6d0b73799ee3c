"""How large a measurement is: its full size, or a part of it while somebody works on the measurement itself."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("OPSCOM_BENCH_SCALE", "1"))
"""``OPSCOM_BENCH_SCALE=0.05`` measures with a twentieth of the tenants and rows; bars mean something at 1 only."""
FEWEST = 10


def sized(number: int) -> int:
    """So many of something, or the share of it that is asked for."""
    return max(FEWEST, round(number * SHARE))
