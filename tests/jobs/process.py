"""A worker or a dispatcher with quick timing as a process of its own: `python -m tests.jobs.process worker`."""

from __future__ import annotations

import asyncio
import sys

from jobs import dispatcher, worker
from opscom.platform import open_platform
from tenants.settings import Settings
from tests.fixtures.jobs import QUICK


async def main(what: str) -> None:
    """Serve until SIGTERM."""
    async with open_platform(Settings()) as platform:  # type: ignore[call-arg]  # from the environment
        if what == "worker":
            await worker.serve(platform, timing=QUICK)
        else:
            await dispatcher.serve(platform, QUICK)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
