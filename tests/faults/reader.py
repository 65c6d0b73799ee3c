"""Somebody who asks all the time, through the real gateway, and remembers every answer that is not as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.app import Gateway
from tenants.environments import Environment
from tests.gateway.asking import ask

LOG_IN = "mutation ($input: LogInInput!) { logIn(input: $input) { userErrors { code } } }"
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
async def reading(gateway: Gateway, environment: Environment, *, cookie: str = "") -> AsyncIterator[Reader]:
    """Ask until the end, one question after the other; as a guest, or as who has the cookie of the admin portal."""
    reader = Reader()
    headers = [("host", environment.primary_host), *([("cookie", cookie)] if cookie else [])]
    asking = asyncio.create_task(_ask_on(gateway, "/admin/graphql" if cookie else "/graphql", headers, reader))
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


async def _ask_on(gateway: Gateway, path: str, headers: list[tuple[str, str]], reader: Reader) -> None:
    sent = [("content-type", "application/json"), *headers]
    while True:
        answer = await ask(gateway.app, {"query": GROUPS}, sent, path=path)
        codes = answer.codes
        if answer.status == 200 and not codes:
            reader.rows.append(tuple(group["name"] for group in answer.json()["data"]["lotGroups"]))
        elif codes and set(codes) <= MAY_BE_ANSWERED:
            reader.unavailable += codes
        else:
            reader.wrong.append(f"{answer.status} {answer.body.decode()}")
        await asyncio.sleep(PAUSE_S)
