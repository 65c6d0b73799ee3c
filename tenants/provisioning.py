"""Making an environment: repeatable steps, each with a status, until it may be routed to.

    registered   rows of tenant, environment, host and data key        (registry)
    created      role, schema, tables at head, the grant               (cell, one transaction)
    furnished    first rows: what an empty environment must have       (the environment itself)
    active       state and head in the registry; from here on routable

A killed command is repeated and goes on; nothing is routable before the last step. ``steps.py`` keeps how each one stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from sqlalchemy import text, update

from domain.kernel.actor import Actor
from domain.kernel.snapshot import Snapshot
from domain.kernel.work import Work
from tenants.cells.grants import environment_role_statements, schema_grant_statements
from tenants.environments import Environment, EnvironmentGroup, State
from tenants.migrate import replay
from tenants.migrations.plan import Tree, after, head
from tenants.registry.actions import NewTenant, SlugTaken, StateForbids, made_alike, register_tenant, transition
from tenants.registry.models import EnvironmentRow
from tenants.registry.placing import choose_cell
from tenants.steps import Step, taken, taking

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.bus import Bus
    from tenants.databases import Databases
    from tenants.registry.directory import Registry

_IS_THERE = text("select to_regnamespace(:schema) is not null, to_regrole(:role) is not null")

Furnish = Callable[[Work, Environment], Awaitable[None]]
"""Writes the first rows of an environment; must be repeatable. Given by the composition root, which knows all nouns."""

IsThere = Callable[[Snapshot], Awaitable[bool]]
"""Whether an environment has what a command would make in it."""


@dataclass(frozen=True, slots=True)
class Provisioner:
    """What provisioning needs: the databases, the registry in memory, the bus for the note, and the furniture."""

    databases: Databases
    registry: Registry
    bus: Bus
    furnish: Furnish

    async def create_tenant(
        self, new: NewTenant, *, actor: str, also: Furnish | None = None, is_there: IsThere | None = None
    ) -> Environment:
        """Register a tenant and bring its production environment to life. Takes up an interrupted one.

        ``also`` furnishes beyond what every environment has, such as a first administrator; it must be repeatable.
        An active tenant with all of these facts that has what ``is_there`` looks for is the answer: who lost the first
        one may ask again. Raises SlugRefused, SlugTaken, Invalid, and what ``also`` raises: then the tenant stays pending.
        """
        try:
            environment_id = await self.register(new, actor=actor)
        except SlugTaken:
            if is_there is None or (found := await self._made_before(new, is_there)) is None:
                raise
            return found
        return await self.provision(environment_id, actor=actor, also=also)

    async def register(self, new: NewTenant, *, actor: str) -> UUID:
        """The first step alone: the rows of the registry. Returns the pending environment's id."""
        settings = self.databases.settings
        async with self.databases.control().begin() as connection:
            environment_id = await register_tenant(
                connection,
                self.databases.key_ring,
                new,
                base_domain=settings.base_domain,
                cell=await choose_cell(connection, EnvironmentGroup.LIVE),
                actor=actor,
            )
            await taken(connection, environment_id, Step.REGISTERED)
            return environment_id

    async def provision(self, environment_id: UUID, *, actor: str, also: Furnish | None = None) -> Environment:
        """The other steps. Does nothing for an environment that is active. Raises NotFound."""
        environment = await self.registry.known(environment_id)
        if environment.state is not State.PENDING:
            return environment
        control = self.databases.control()
        async with taking(control, environment_id, Step.CREATED):
            await self._create(environment)
        async with (
            taking(control, environment_id, Step.FURNISHED),
            self.databases.work(environment, Actor.system("provisioning")) as work,
        ):
            await self.furnish(work, environment)
            if also is not None:
                await also(work, environment)
        await self._activate(environment, actor)
        await self.bus.nudge("registry")
        return await self.registry.known(environment_id)

    async def _made_before(self, new: NewTenant, is_there: IsThere) -> Environment | None:
        async with self.databases.control().connect() as connection:
            environment_id = await made_alike(connection, new)
        if environment_id is None:
            return None
        environment = await self.registry.known(environment_id)
        async with self.databases.snapshot(environment, Actor.system("provisioning")) as snapshot:
            return environment if await is_there(snapshot) else None

    async def _create(self, environment: Environment) -> None:
        database = self.databases.database_name(environment.cell)
        async with self.databases.owner(environment.cell).begin() as connection:
            # Two at once with one slug: the second waits here and finds everything made.
            await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": environment.id.int % 2**63})
            names = {"schema": environment.schema, "role": environment.role}
            has_schema, has_role = (await connection.execute(_IS_THERE, names)).one()
            if has_schema and not await _remove_older(connection, database, environment.schema):
                return
            await connection.exec_driver_sql(create_statements(database, environment, has_role=has_role))

    async def _activate(self, environment: Environment, actor: str) -> None:
        async with self.databases.control().begin() as connection:
            await connection.execute(
                update(EnvironmentRow).where(EnvironmentRow.id == environment.id).values(head=head(Tree.ENVIRONMENT))
            )
            with suppress(StateForbids):  # somebody else, who did the same, was first
                await taken(connection, environment.id, Step.ACTIVE)
                await transition(connection, environment.id, State.ACTIVE, actor=actor, reason="provisioned")


async def _remove_older(connection: AsyncConnection, database: str, schema: str) -> bool:
    """Remove a schema that an earlier release made, where migrations pass it over. False: it is at head."""
    names = {"owner": sql.Identifier(f"{database}_owner"), "schema": sql.Identifier(schema)}
    become = sql.SQL("set local role {owner}").format(**names)
    await connection.exec_driver_sql(become.as_string(None))
    stands = sql.SQL("select version_num from {schema}.alembic_version").format(**names)
    is_older = str(await connection.scalar(text(stands.as_string(None)))) != head(Tree.ENVIRONMENT)
    remove = sql.SQL("drop schema {schema} cascade; reset role" if is_older else "reset role").format(**names)
    await connection.exec_driver_sql(remove.as_string(None))
    return is_older


def create_statements(database: str, environment: Environment, *, has_role: bool = False) -> str:
    """One message: role (unless an earlier copy into it made that), schema, all tables at head, and the grant. All or nothing."""
    owner, schema = sql.Identifier(f"{database}_owner"), sql.Identifier(environment.schema)
    make = sql.SQL("set local role {owner}; create schema {schema};").format(owner=owner, schema=schema)
    return "\n".join(
        (
            "" if has_role else environment_role_statements(database, environment.role),
            make.as_string(None),
            replay(environment.schema, after(Tree.ENVIRONMENT, "")),
            schema_grant_statements(environment.schema, environment.role),
            "reset role; reset search_path;",
        )
    )
