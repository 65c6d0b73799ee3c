"""Migrating all environments: a canary first, then the rest side by side, with an end when too many fail.

Every step of a schema is written together with its own head, so a killed command is repeated and goes on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, and_, case, func, select, text

from domain.kernel.errors import Unavailable
from tenants.environments import EnvironmentGroup, EnvironmentKind, State
from tenants.migrate import while_in_use
from tenants.migrations.forward import Migrated, step_forward
from tenants.migrations.plan import Tree, head, is_behind, lacks_what_is_needed, next_step
from tenants.registry.models import EnvironmentRow, TenantRow

if TYPE_CHECKING:
    from tenants.connecting import Connector
    from tenants.databases import Databases

AT_ONCE = 2
"""Schemas of a cell that are migrated side by side: DDL is bound by the catalogue, more gain little."""
WRITTEN_AT_ONCE = 20
"""So many results go into the registry together. Those of a killed command are found again: a schema has its own head."""
FAILURES_ALLOWED, RATE_ALLOWED = 3, 0.05
"""More failures than both of these end the migration."""
IsShort = Callable[[str], bool]
"""Whether a schema that stands at a head is to go on."""
_CONCERNED = EnvironmentRow.state.not_in((State.PENDING, State.DELETING, State.DELETED))
_WRITE = text("""
    update registry.environment e
    set head = coalesce(d.head, e.head), migration_error = d.error, migrated_at = clock_timestamp()
    from unnest(cast(:ids as uuid[]), cast(:schemas as text[]), cast(:heads as text[]), cast(:errors as text[]))
        as d(id, schema_name, head, error)
    where e.id = d.id and e.schema_name = d.schema_name
""")


class CanaryFailed(Unavailable):
    """The first environment could not be migrated; no other one was touched."""

    code = "migrations.canary_failed"


class TooManyFailed(Unavailable):
    """So many environments could not be migrated that the rest was left alone."""

    code = "migrations.aborted"


class MigrationsFailed(Unavailable):
    """Some environments could not be migrated, or not be furnished; the others are at head, and the command may be repeated."""

    code = "migrations.failed"


@dataclass(frozen=True, slots=True)
class Behind:
    """An environment that is not at head."""

    id: UUID
    cell: str
    schema: str
    head: str


@dataclass(frozen=True, slots=True)
class HeadCount:
    """How many environments stand at a head, and how many of them failed the last time."""

    head: str
    environments: int
    failed: int

    @property
    def next_is_concurrent(self) -> bool:
        """Whether what they wait for builds indexes while everybody writes, which may take long."""
        return any(revision.concurrent for revision in next_step(Tree.ENVIRONMENT, self.head))


@dataclass(frozen=True, slots=True)
class Failed:
    """An environment whose last migration failed, and why."""

    tenant: str
    schema: str
    error: str


async def migrate_environments(
    databases: Databases, *, tell: Callable[[Migrated], None] | None = None, without: Collection[str] = ()
) -> list[Migrated]:
    """Bring every environment to head, ``without`` those of some cells. Returns what became of each; ``tell`` hears of each at once.

    Raises CanaryFailed, TooManyFailed, and MigrationsFailed at the end if any failed.
    """
    waiting = [one for one in await behind(databases) if one.cell not in without]
    fleet = _Fleet(databases, tell or (lambda _one: None), len(waiting))
    for is_short in (lacks_what_is_needed, is_behind):  # all can be served before indexes are built that may take long
        left = fleet.left(waiting, is_short)
        if left and not fleet.done:
            canary = await fleet.migrate(left.pop(0), is_short)
            if canary.error:
                raise CanaryFailed(
                    "The first environment could not be migrated.", schema=canary.schema, why=canary.error
                )
        await fleet.migrate_all(left, is_short)
        if fleet.is_aborted:
            raise TooManyFailed(f"{len(fleet.failed)} failed; the rest was left alone.", **fleet.first_failure)
    if fleet.failed:
        raise MigrationsFailed(
            f"{len(fleet.failed)} of {len(fleet.done)} environments could not be migrated.", **fleet.first_failure
        )
    return list(fleet.done.values())


async def behind(databases: Databases) -> list[Behind]:
    """The environments that are not at head: a test environment first, which is the canary, and live ones last.

    A newer head than this release knows is none to leave. Whatever state they are in, they come along; what is being made or
    deleted does not.
    """
    e = EnvironmentRow
    tests = [kind for kind in EnvironmentKind if kind.group is EnvironmentGroup.TEST]
    wanted = select(e.id, e.cell, e.schema_name, e.head).where(e.head != head(Tree.ENVIRONMENT), _CONCERNED)
    order = (case((e.kind.in_(tests), 0), else_=1), e.id)
    async with databases.control().connect() as connection:
        rows = await connection.execute(wanted.order_by(*order))
        return [Behind(*row) for row in rows if is_behind(row.head)]


async def head_counts(databases: Databases) -> Sequence[HeadCount]:
    """How many environments stand where, the newest head first."""
    e = EnvironmentRow
    wanted = select(e.head, func.count(), func.count().filter(_failed())).where(_CONCERNED)
    async with databases.control().connect() as connection:
        return [HeadCount(*row) for row in await connection.execute(wanted.group_by(e.head).order_by(e.head.desc()))]


async def failures(databases: Databases) -> Sequence[Failed]:
    """The environments whose last migration failed."""
    e, t = EnvironmentRow, TenantRow
    wanted = select(t.slug, e.schema_name, e.migration_error).join_from(e, t, e.tenant_id == t.id)
    async with databases.control().connect() as connection:
        rows = await connection.execute(wanted.where(_failed(), _CONCERNED).order_by(t.slug, e.schema_name))
        return [Failed(row.slug, row.schema_name, str(row.migration_error)) for row in rows]


def _failed() -> ColumnElement[bool]:
    """Whether the last migration failed. One that is at head all the same has got another schema since, by a copy."""
    e = EnvironmentRow
    return and_(e.migration_error.is_not(None), e.head != head(Tree.ENVIRONMENT))


class _Fleet:
    """One migration of many environments, and how it goes."""

    def __init__(self, databases: Databases, tell: Callable[[Migrated], None], number: int) -> None:
        self._databases = databases
        self._tell = tell
        self._number = number
        self.done: dict[str, Migrated] = {}
        self.failed: list[Migrated] = []
        self._unwritten: list[tuple[UUID, Migrated]] = []

    @property
    def is_aborted(self) -> bool:
        """Whether so many failed that something is wrong with the migration itself."""
        return len(self.failed) > max(FAILURES_ALLOWED, RATE_ALLOWED * self._number)

    @property
    def first_failure(self) -> dict[str, str]:
        """The facts of the first failure, for the error."""
        return {"first": self.failed[0].schema, "why": self.failed[0].error} if self.failed else {}

    def left(self, waiting: Sequence[Behind], is_short: IsShort) -> list[Behind]:
        """Those of them that are short of something and have not failed, where they stand by now."""
        failed = {one.schema for one in self.failed}
        now = [replace(one, head=self.done[one.schema].after) if one.schema in self.done else one for one in waiting]
        return [one for one in now if one.schema not in failed and is_short(one.head)]

    async def migrate_all(self, waiting: Sequence[Behind], is_short: IsShort) -> None:
        """A few at once in each cell. What fails other than a schema ends all of them."""
        queues: dict[str, list[Behind]] = {}
        for one in reversed(waiting):
            queues.setdefault(one.cell, []).append(one)
        try:
            async with asyncio.TaskGroup() as lanes:
                for cell, queue in queues.items():
                    for _ in range(AT_ONCE):
                        lanes.create_task(self._work(cell, queue, is_short))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def migrate(self, one: Behind, is_short: IsShort) -> Migrated:
        """One environment; what became of it is written into the registry at once."""
        async with self._lane(one.cell) as lane:
            result = self._noted(one, await lane.migrate(one, is_short))
        await self._write()
        self._tell(result)
        return result

    async def _work(self, cell: str, queue: list[Behind], is_short: IsShort) -> None:
        async with self._lane(cell) as lane:
            while queue and not self.is_aborted:
                one = queue.pop()
                self._tell(self._noted(one, await lane.migrate(one, is_short)))
                if len(self._unwritten) >= WRITTEN_AT_ONCE:
                    await self._write()
        # Another lane may build for long, and who is behind by the registry is not served.
        await self._write()

    def _lane(self, cell: str) -> _Lane:
        return _Lane(self._databases.owner_connector(cell), f"{self._databases.database_name(cell)}_owner")

    def _noted(self, one: Behind, result: Migrated) -> Migrated:
        self._unwritten.append((one.id, result))
        earlier = self.done.get(one.schema)
        self.done[one.schema] = replace(result, before=earlier.before) if earlier else result
        if result.error:
            self.failed.append(result)
        return result

    async def _write(self) -> None:
        """Into the registry what became of some. A schema that was switched away meanwhile is nobody's any more."""
        written, self._unwritten = self._unwritten, []
        if not written:
            return
        values = {
            "ids": [environment_id for environment_id, _ in written],
            "schemas": [result.schema for _, result in written],
            "heads": [result.after or None for _, result in written],
            "errors": [result.error or None for _, result in written],
        }
        async with self._databases.control().begin() as connection:
            await connection.execute(_WRITE, values)


class _Lane:
    """A connection on which one environment of a cell after the other is migrated. One that breaks is replaced."""

    def __init__(self, connector: Connector, owner: str) -> None:
        self._connector = connector
        self._owner = owner
        self._connection: psycopg.AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def migrate(self, one: Behind, is_short: IsShort) -> Migrated:
        """One environment, step by step, until it is short of nothing."""
        done = Migrated(one.schema, one.head, "")
        try:
            while not done.after or is_short(done.after):
                step = await self._step(one.schema, done.after or one.head)
                done = replace(step, before=done.before) if done.after else step
        except psycopg.Error as error:
            return replace(done, error=(str(error).splitlines() or [type(error).__name__])[0])
        return done

    async def _step(self, schema: str, at: str) -> Migrated:
        """One step, tried again while tables are in use."""
        async for attempt in while_in_use():
            with attempt:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._connector.connect_async()
                return await step_forward(self._connection, self._owner, schema, at)
        raise AssertionError  # the last attempt returns or raises
