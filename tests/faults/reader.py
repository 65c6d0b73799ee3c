"""Somebody who asks all the time, through the real gateway, and remembers every answer that is not as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.app import Gateway
from tenants.environments import Environment
from tests.gateway.asking import query

GROUPS = "{ lotGroups { name } }"
MAY_BE_ANSWERED = {"environment.moved", "environment.busy", "unavailable"}
PAUSE_S = 0.02


@dataclass
class Reader:
    """What was seen: the rows of each good answer, the codes of each 503, and anything else in full."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        for seen in (self.rows, self.unavailable, self.wrong):
            seen.clear()


@asynccontextmanager
async def reading(gateway: Gateway, environment: Environment) -> AsyncIterator[Reader]:
    """Ask until the end, one question after the other."""
    reader = Reader()
    asking = asyncio.create_task(_ask_on(gateway, environment.primary_host, reader))
    try:
        yield reader
    finally:
        asking.cancel()
        await asyncio.wait([asking])


async def _ask_on(gateway: Gateway, host: str, reader: Reader) -> None:
    while True:
        answer = await query(gateway.app, GROUPS, [("host", host)])
        codes = answer.codes
        if answer.status == 200 and not codes:
            reader.rows.append(tuple(group["name"] for group in answer.json()["data"]["lotGroups"]))
        elif codes and set(codes) <= MAY_BE_ANSWERED:
            reader.unavailable += codes
        else:
            reader.wrong.append(f"{answer.status} {answer.body.decode()}")
        await asyncio.sleep(PAUSE_S)
