"""The product with three tenants and a preview, in which every word that is written carries the mark of its environment.

Two gateways serve it: one that follows the registry, and one that never hears of a change until the database tells it so.
Whatever anybody is shown goes through ``saw``, which raises ``Leak`` at the mark of somebody else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from auth.desk import LoginDesk
from auth.passwords import Passwords
from gateway.answers import GuestAnswers
from gateway.app import Gateway, create_app, running
from opscom.accounts import create_staff
from opscom.platform import Platform
from tenants.databases import Databases
from tenants.environments import Environment
from tenants.hostnames import ops_host
from tenants.registry.directory import Registry
from tests.fixtures.jobs import Desk
from tests.fixtures.mail import Mailbox, receiving, with_relay
from tests.fixtures.platform import MakeTenant
from tests.isolation.people import Person, settle_in
from tests.isolation.scene import allow_all
from tests.isolation.stores import Stores
from tests.tenants.test_previews import _refreshed

MARK = re.compile(r"canary-([a-z])-(?:[0-9a-f]{8}-([0-9]+))?", re.IGNORECASE)
"""Whose a word is, and its number: they rise."""
OWNERS = ("a", "b", "c")
PREVIEW = "p"
EVERYBODY = (*OWNERS, PREVIEW)
STAFF = "staff-of-the-world"
LOG_IN_OPS = "mutation($i: LogInInput!) { logIn(input: $i) { me { id } userErrors { code } } }"

Logs = list[MutableMapping[str, Any]]


class Leak(AssertionError):
    """Something of one environment was seen in another."""


class Backup(NamedTuple):
    """A backup as the model knows it: the groups in it, and the number of the first word after it."""

    id: UUID
    groups: frozenset[str]
    taken_at: int


@dataclass
class Home:
    """One environment as the model knows it: its groups by name, what is in its backups, and who is logged in there.

    In a preview ``copied_at`` is the number of the first word that production said after the copy was taken.
    """

    label: str
    id: UUID
    admin: Person
    groups: set[str] = field(default_factory=set)
    backups: list[Backup] = field(default_factory=list)
    copied_at: int = 0
    is_suspended: bool = False

    def may_see(self, whose: str, number: int) -> bool:
        """Whether a word may be seen here: in a preview also those of production that were copied."""
        return whose == self.label or (self.label == PREVIEW and whose == "a" and number < self.copied_at)


@dataclass
class Parts:
    """What a world may be made of instead of the product's own parts; each is made from the platform."""

    databases: Callable[[Platform], Databases] | None = None
    desk: Callable[[Platform], LoginDesk] | None = None
    answers: Callable[[Platform], GuestAnswers] | None = None


@dataclass
class World:
    """Everything that runs, and the model of what must be seen. ``done`` counts what came about.

    ``name`` is in every mark: other worlds in the same database have their own.
    """

    platform: Platform
    gateways: tuple[Gateway, Gateway]
    registries: tuple[Registry, Registry]
    desk: Desk
    stores: Stores
    make_tenant: MakeTenant
    logs: Logs
    mailbox: Mailbox
    stack: AsyncExitStack
    staff: Person
    homes: dict[str, Home] = field(default_factory=dict)
    name: str = field(default_factory=lambda: uuid4().hex[:8])
    words: Iterator[int] = field(default_factory=count)
    done: Counter[str] = field(default_factory=Counter)

    def environment(self, label: str, gateway: int = 0) -> Environment:
        """The environment as one of the processes knows it."""
        found = self.registries[gateway].by_id(self.homes[label].id)
        assert found is not None
        return found

    def admin(self, label: str, gateway: int = 0) -> Person:
        """The administrator at one of the gateways, under the name that it knows."""
        home = self.homes[label]
        host = self.environment(label, gateway).primary_host
        return Person(self.gateways[gateway].app, host, "/admin/graphql", home.admin.cookies)

    def guest(self, label: str, gateway: int = 0) -> Person:
        """Somebody without a login."""
        return Person(self.gateways[gateway].app, self.environment(label, gateway).primary_host, "/graphql")

    def canary(self, label: str) -> str:
        """A new word that nobody else has."""
        return f"canary-{label}-{self.name}-{next(self.words)}"

    def saw(self, label: str, text: str, where: str) -> None:
        """Raise Leak if somebody at home in ``label`` was shown what is not of there."""
        self.done[where] += bool(MARK.search(text))
        may_see = self.homes[label].may_see
        for found in MARK.finditer(text):
            if not may_see(found[1].lower(), int(found[2] or 0)):
                around = text[max(0, found.start() - 300) : found.end() + 100]
                raise Leak(f"{where} of {label} shows {found[0]}: {around}")

    async def settle(self, label: str, environment: Environment) -> None:
        """Make the administrator of an environment and log them in."""
        name = self.canary(label)
        await allow_all(self.platform, environment)
        await settle_in(self.platform, environment, name, name)
        home = self.homes[label] = Home(label, environment.id, Person(self.gateways[0].app, environment.primary_host))
        await home.admin.log_in(name)


@asynccontextmanager
async def open_world(
    platform: Platform, desk: Desk, make_tenant: MakeTenant, parts: Parts | None = None
) -> AsyncIterator[World]:
    """Make the tenants and the preview, and serve them."""
    parts = parts or Parts()
    if parts.databases is not None:
        platform = replace(platform, databases=parts.databases(platform))
    deaf = Registry(platform.databases)
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(capture_logs([merge_contextvars]))  # as in the processes
        mailbox = await stack.enter_async_context(receiving(Mailbox()))
        platform = with_relay(platform, mailbox.url())
        if parts.databases is not None:
            stack.push_async_callback(platform.databases.close)
        gateways = [await _serving(stack, replace(platform, registry=one), parts) for one in (platform.registry, deaf)]
        world = World(
            platform,
            (gateways[0], gateways[1]),
            (platform.registry, deaf),
            replace(desk, platform=platform),
            Stores(platform),
            make_tenant,
            logs,
            mailbox,
            stack,
            await _staff(platform, gateways[0]),
        )
        for label in OWNERS:
            await world.settle(label, await make_tenant(name=f"Tenant {world.canary(label)}"))
        preview = await _refreshed(platform, world.environment("a"))
        copied_at = next(world.words)
        await world.settle(PREVIEW, preview)
        world.homes[PREVIEW].copied_at = copied_at
        await deaf.load()
        yield world


def quick_desk(platform: Platform, made: type[LoginDesk] = LoginDesk) -> LoginDesk:
    """A log-in desk whose passwords cost a test little."""
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return made(platform.databases, platform.bus, platform.clock, passwords=quick)


async def _serving(stack: AsyncExitStack, platform: Platform, parts: Parts) -> Gateway:
    gateway = create_app(
        platform,
        desk=(parts.desk or quick_desk)(platform),
        answers=parts.answers(platform) if parts.answers else None,
    )
    await stack.enter_async_context(running(gateway))
    return gateway


async def _staff(platform: Platform, gateway: Gateway) -> Person:
    """A member of the platform's staff who is logged in."""
    name = f"{STAFF}-{platform.clock().timestamp()}"
    password = await create_staff(platform, name, "Olga Ops")
    person = Person(gateway.app, ops_host(platform.settings.base_domain), "/graphql")
    await person.data(LOG_IN_OPS, i={"userName": name, "password": password})
    return person
