"""People with a browser at one site, in this process: what they ask, what they are answered, which cookies they keep."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher

from auth.accounts import NewAccount, create_account
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import Actor
from gateway.asgi import ASGIApp
from opscom.platform import Platform
from schema.operations.errors import Code
from tenants.environments import Environment
from tests.gateway.asking import Response, ask, connected
from tests.patience import patience

PASSWORD = "a password for all of them"
QUICK_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
LOG_IN = "mutation($i: LogInInput!) { logIn(input: $i) { me { id name } userErrors { code } } }"
ADDRESS = "198.51.100.7"

Json = dict[str, Any]


@dataclass
class Person:
    """Somebody at a host. ``portal`` is the path of the API; ``cookies`` are those of the browser."""

    app: ASGIApp
    host: str
    portal: str = "/admin/graphql"
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(self, document: str, **variables: object) -> Response:
        """One operation over HTTP; cookies that come back are kept."""
        response = await ask(
            self.app, {"query": document, "variables": variables}, self.headers(), path=self.portal, client=ADDRESS
        )
        self.cookies |= set_by(response)
        return response

    async def data(self, document: str, **variables: object) -> Json:
        """The data of an operation that has no errors at all, neither of the request nor of a form."""
        answer = (await self.ask(document, **variables)).json()
        assert "errors" not in answer, answer["errors"]
        assert all(not payload["userErrors"] for payload in answer["data"].values() if _is_payload(payload)), answer
        data: Json = answer["data"]
        return data

    async def first_word(self, document: str, **variables: object) -> Json:
        """The first message to a subscription over a WebSocket: its state, or what refuses it.

        Views that nobody watches any more count for a moment: one too many is asked for again.
        """
        async with patience():
            while True:
                async with connected(self.app, self.headers(), path=self.portal, client=ADDRESS) as peer:
                    peer.subscribe("1", document, **variables)
                    _, said = await peer.until(2)
                if Code.TOO_MANY_VIEWS not in text_of(said):
                    return {"type": said["type"], "payload": said.get("payload")}

    async def log_in(self, user_name: str) -> Json:
        """Log in with the password of all test accounts; returns the person."""
        typed = {"userName": user_name, "password": PASSWORD}
        answer = (await self.data(LOG_IN, i=typed))["logIn"]
        me: Json = answer["me"]
        return me

    def at(self, host: str, portal: str | None = None) -> Person:
        """The same browser, made to send its cookies to another host or portal: what no browser does."""
        return Person(self.app, host, portal or self.portal, dict(self.cookies))

    def headers(self) -> list[tuple[str, str]]:
        """What the browser sends with every request."""
        pairs = [("content-type", "application/json"), ("host", self.host)]
        if self.cookies:
            pairs.append(("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        return pairs


def set_by(response: Response) -> dict[str, str]:
    """The cookies that a response sets, by name."""
    pairs = (value.partition(";")[0].partition("=") for name, value in response.headers if name == "set-cookie")
    return {name: value for name, _, value in pairs}


async def settle_in(
    platform: Platform, environment: Environment, user_name: str, name: str, *, is_staff: bool = True
) -> None:
    """Make an account with the password of all test accounts; hashing it costs nothing."""
    new = NewAccount(user_name, name, email=f"{user_name}@example.org", role=ADMINISTRATOR if is_staff else None)
    async with platform.databases.work(environment, Actor.system("tests")) as work:
        await create_account(work, new, QUICK_HASH)


def text_of(answer: object) -> str:
    """An answer as one text, for comparing and searching."""
    return json.dumps(answer, sort_keys=True, ensure_ascii=False)


def _is_payload(value: object) -> bool:
    return isinstance(value, dict) and "userErrors" in value
