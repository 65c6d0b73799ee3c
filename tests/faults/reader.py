"""Somebody who asks all the time, through the real gateway, and remembers every answer that is not as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.app import Gateway
from tenants.environments import Environment
from tests.gateway.asking import ask
from tests.patience import patience

LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { userErrors { code } } }"
GROUPS = "{ lotGroups { name } }"
ADD = """mutation($name: String!) { createLotGroup(input: {name: $name, showOnMap: true, mapColor: "#336699",
    point: {latitude: 45.0, longitude: -75.0}}) { userErrors { code message } } }"""
MAY_BE_ANSWERED = {"environment.moved", "environment.busy", "unavailable"}
PAUSE_S = 0.02


@dataclass
class Reader:
    """What was seen: the rows of each good answer, the codes of each 503, and anything else in full; what was written."""

    gateway: Gateway
    path: str
    headers: list[tuple[str, str]]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        for seen in (self.rows, self.unavailable, self.wrong):
            seen.clear()

    async def until_answered(self) -> None:
        """Wait for a good answer to a question that was not asked yet."""
        wanted = len(self.rows) + 2
        async with patience():
            while len(self.rows) < wanted:  # noqa: ASYNC110 - the reader is a task of its own
                await asyncio.sleep(PAUSE_S)

    async def write(self, name: str) -> str | None:
        """Add a lot group, once. Returns the code of what it was refused with."""
        answer = await ask(self.gateway.app, {"query": ADD, "variables": {"name": name}}, self.headers, path=self.path)
        if answer.codes:
            return answer.codes[0]
        assert answer.json()["data"]["createLotGroup"]["userErrors"] == []
        self.written.append(name)
        return None

    async def ask_on(self) -> None:
        """Ask until cancelled, one question after the other."""
        while True:
            answer = await ask(self.gateway.app, {"query": GROUPS}, self.headers, path=self.path)
            codes = answer.codes
            if answer.status == 200 and not codes:
                self.rows.append(tuple(group["name"] for group in answer.json()["data"]["lotGroups"]))
            elif codes and set(codes) <= MAY_BE_ANSWERED:
                self.unavailable += codes
            else:
                self.wrong.append(f"{answer.status} {answer.body.decode()}")
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def reading(gateway: Gateway, environment: Environment, *, cookie: str = "") -> AsyncIterator[Reader]:
    """Ask until the end, one question after the other; as a guest, or as who has the cookie of the admin portal."""
    headers = [("content-type", "application/json"), ("host", environment.primary_host)]
    headers += [("cookie", cookie)] if cookie else []
    reader = Reader(gateway, "/admin/graphql" if cookie else "/graphql", headers)
    asking = asyncio.create_task(reader.ask_on())
    try:
        yield reader
    finally:
        asking.cancel()
        await asyncio.wait([asking])


async def logged_in(gateway: Gateway, environment: Environment, user_name: str, password: str) -> str:
    """The cookie of a new login to the admin portal."""
    typed = {"userName": user_name, "password": password}
    body = {"query": LOG_IN, "variables": {"input": typed}}
    headers = [("content-type", "application/json"), ("host", environment.primary_host)]
    answer = await ask(gateway.app, body, headers, path="/admin/graphql")
    assert answer.json()["data"]["logIn"]["userErrors"] == []
    return "; ".join(value.partition(";")[0] for name, value in answer.headers if name == "set-cookie")
