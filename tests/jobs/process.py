"""A worker or a dispatcher with quick timing as a process of its own: `python -m tests.jobs.process worker`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from jobs import dispatcher, worker
from opscom.platform import open_platform
from tenants.settings import Settings
from tests.fixtures.jobs import QUICK

TIMING = replace(QUICK, lease=timedelta(seconds=3))
"""A dead one's runs are soon another's."""


async def main(what: str) -> None:
    """Serve until SIGTERM."""
    async with open_platform(Settings()) as platform:  # type: ignore[call-arg]  # from the environment
        if what == "worker":
            await worker.serve(platform, timing=TIMING)
        else:
            await dispatcher.serve(platform, TIMING)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
