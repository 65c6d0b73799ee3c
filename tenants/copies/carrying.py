"""Carrying out a copy: a list of repeatable steps; a run that is killed between any two is repeated and finishes.

back_up     a restore first keeps what it replaces
role        a new preview's role
load        the new schema, which nobody may use yet
switch      the grant; from here on the new schema is served
follow      the registry says what the grant says
furnish     what every environment must have
drop        the old schema

Two processes that both believe to carry out one copy do no harm: whoever begins to load writes another schema's name into
it, and nobody switches to a schema that is not named there.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from domain.kernel.actor import Actor
from domain.kernel.errors import NotFound, ParkingError
from domain.mail.actions import cancel_waiting
from domain.users.events import ACCESS
from tenants.backups.actions import back_up
from tenants.copies.errors import CopyBegunAgain, CopyEnded, CopyUnfinished
from tenants.copies.load import Changes
from tenants.copies.requests import RESTORE
from tenants.copies.switch import follow, grant, granted, make_role
from tenants.copies.telling import Say, Teller, told
from tenants.copies.threads import Progress
from tenants.environments import Environment, EnvironmentGroup, State
from tenants.migrations.plan import Tree, head
from tenants.registry.actions import transition
from tenants.registry.models import EnvironmentRow

if TYPE_CHECKING:
    from tenants.copies.copier import Copier
    from tenants.copies.manifest import Manifest
    from tenants.provisioning import Furnish

WAYS_IN = frozenset({"login", "one_time_link"})
"""Tables that no restore brings back: a login that was ended, and a link that was used, stay so."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries out one copy."""

    copier: Copier
    furnish: Furnish
    copy_id: UUID
    say: Say

    async def carry_out(self) -> None:
        """All steps that are not done yet. A failure is written into the copy's row; before the switch the old schema serves on.

        Raises what failed; CopyBegunAgain, CopyStopped and a cancellation leave the copy to be repeated.
        """
        copy = await self.teller.row()
        if copy.state in {"complete", "failed"}:
            return
        try:
            await self.teller.note("running", copy.step)
            await self._steps(copy)
        except CopyBegunAgain:
            raise
        except (ParkingError, OSError) as error:
            await self.fail(error)
            raise

    async def fail(self, error: Exception) -> None:
        """Say that it failed, and remove what was made of the new schema, unless it is the one that serves. Repeatable.

        Whoever lost the copy to another process says nothing.
        """
        if isinstance(error, CopyBegunAgain):
            return
        code, words = (error.code, error.message) if isinstance(error, ParkingError) else ("internal", "It broke off.")
        copy = await self.teller.row()
        environment = await self._environment(copy)
        if environment is not None and environment.schema == copy.to_schema:
            code = CopyUnfinished.code
        with suppress(CopyEnded):
            await self.teller.end("failed", error_code=code, error=words)
        with suppress(ParkingError):
            if environment and copy.to_schema and copy.to_schema not in await self._granted(environment):
                await self.copier.drop(environment.cell, copy.to_schema)

    @property
    def teller(self) -> Teller:
        """Tells how far it is."""
        return Teller(self.copier, self.copy_id, self.say)

    async def _environment(self, copy: Any) -> Environment | None:  # noqa: ANN401 - a row
        """Where it is copied into; None if that is deleted."""
        with suppress(NotFound):
            return await self.copier.registry.known(copy.environment_id)
        return None

    async def _steps(self, copy: Any) -> None:  # noqa: ANN401 - a row
        environment = await self.copier.registry.known(copy.environment_id)
        old = copy.from_schema or environment.schema
        if copy.to_schema is None or copy.to_schema not in await self._granted(environment):
            schema = await self._load(copy, environment)
            await self._still_ours(environment, schema)
            await self.teller.step("switch")
            await self._switch(environment, schema)
        else:
            schema = copy.to_schema
        await self._follow(environment, schema)
        await self.teller.step("furnish")
        current = await self.copier.registry.known(environment.id)
        async with self.copier.databases.work(current, Actor.system("copy")) as work:
            await self.furnish(work, current)
            if copy.kind == RESTORE:  # what waited then may have been sent since
                await cancel_waiting(work, "The data were restored.")
        await self.teller.step("drop")
        try:
            await self.copier.drop(environment.cell, old)
        except OperationalError:  # a backup of them, for instance
            self.say("old_data_left", "Somebody still reads the old data; the sweep removes them.")
        await self.teller.end("complete")
        self.say("copied", f"{copy.kind} is done.")

    async def _load(self, copy: Any, environment: Environment) -> str:  # noqa: ANN401 - a row
        copier = self.copier
        if copy.kind == RESTORE:
            await self.teller.step("back_up")
            await back_up(copier, environment, reason="before a restore", actor=copy.actor)
        stored = await copier.stored(copy.backup_id, environment.tenant.id)
        manifest = await asyncio.to_thread(stored.manifest)
        await self.teller.step("role")
        owner, database = copier.databases.owner(environment.cell), copier.databases.database_name(environment.cell)
        await make_role(owner, environment.role, database=database)
        schema = await copier.new_schema(self.copy_id, environment.schema)
        await self.teller.step("load", rows_total=manifest.rows)
        changes = await self._changes(copy, environment, manifest)
        progress = Progress()
        try:
            async with told(progress, self.teller.rows):
                await copier.load(stored, environment.cell, schema, changes, progress)
        except Exception:
            await self._still_ours(environment, schema)
            raise
        return schema

    async def _still_ours(self, environment: Environment, schema: str) -> None:
        """Raises CopyBegunAgain, and removes what was loaded here, if another process has begun to load meanwhile."""
        if (await self.teller.row()).to_schema != schema:
            await self.copier.drop(environment.cell, schema)
            raise CopyBegunAgain("Another process has taken up this copy.")

    async def _changes(self, copy: Any, environment: Environment, manifest: Manifest) -> Changes:  # noqa: ANN401
        """A preview is sanitised whatever was copied; a restore of a live environment brings everything back but ways in."""
        if environment.kind.group is EnvironmentGroup.LIVE:
            return Changes(dropped=WAYS_IN if copy.kind == RESTORE else frozenset())
        has_old = environment.schema in await self._granted(environment)
        return self.copier.sanitiser.changes(
            (table.table for table in manifest.tables),
            old_schema=environment.schema if has_old else None,
            login_id=copy.carried_login_id,
            is_anonymised=copy.is_anonymised,
        )

    async def _granted(self, environment: Environment) -> list[str]:
        async with self.copier.databases.owner(environment.cell).connect() as connection:
            return await granted(connection, environment.role)

    async def _switch(self, environment: Environment, schema: str) -> None:
        """The grant; and what was queued for the old rows is not done to the new ones."""
        databases = self.copier.databases
        owner, database = databases.owner(environment.cell), databases.database_name(environment.cell)
        async with databases.ledger(environment.cell).begin() as connection:
            await connection.execute(_CANCEL, {"environment": environment.role})
        await grant(owner, environment.role, schema, database=database)

    async def _follow(self, environment: Environment, schema: str) -> None:
        control, at_head = self.copier.databases.control(), head(Tree.ENVIRONMENT)
        place = {"before": environment.schema, "after": schema, "cell": environment.cell}
        await follow(control, environment.id, head=at_head, **place)
        async with control.begin() as connection:
            # Its own state: a tenant that was suspended meanwhile lends its state to all that is known of it.
            own = select(EnvironmentRow.state).where(EnvironmentRow.id == environment.id)
            if await connection.scalar(own) == State.PENDING:
                await transition(connection, environment.id, State.ACTIVE, actor="copy", reason="first copy")
        await self.copier.registry.load()
        await self.copier.bus.nudge("registry")
        await self.copier.bus.publish(environment.id, ACCESS)


_CANCEL = text("""
    update platform.task_run set state = 'cancelled', finished_at = clock_timestamp(), error_class = 'environment_copied'
    where environment = :environment and state = 'queued'
""")
