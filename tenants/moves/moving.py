"""Carrying out a move: repeatable steps; a run that is killed between any two is repeated and finishes.

role        the environment's role in the new cell, under another name: a role is of a whole cluster
wait        what waits in the run ledger is held; what runs comes to an end
fence       writes are refused, reads go on
load        the rows, straight from cell to cell, compared afterwards
switch      the old rows are taken from every reader, then the registry names the new ones, by compare-and-set
runs        schedules and runs go on in the new cell; finished ones follow
drop        the old schema and role

Until the switch a failure gives the old environment back as it was; after it the move only goes on. Two processes that both
believe to carry out one move do no harm: whoever begins writes another schema's name into the copy, and nobody changes
anything without looking there, under a lock of the environment in the old cell.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from domain.kernel.errors import NotFound, ParkingError
from tenants.copies.dump import Source
from tenants.copies.errors import CopyBegunAgain, CopyEnded, NotCopyable
from tenants.copies.load import Target
from tenants.copies.pipe import pipe
from tenants.copies.requests import moved_role
from tenants.copies.switch import GIVE_UP, StillBusy, make_role, wait_for_writers, withdraw
from tenants.copies.telling import Say, Teller, told
from tenants.copies.threads import Progress
from tenants.environments import Environment
from tenants.migrations.plan import Tree, head
from tenants.moves import runs
from tenants.moves.clearing import bring_history, clear, drop
from tenants.moves.fencing import fence, give_back
from tenants.moves.route import ALONE, MoveFailed, Patience, Route
from tenants.moves.switching import is_switched, name_new, switch
from tenants.registry.records import CopyRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.copies.copier import Copier

log = structlog.get_logger(__name__)

PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Mover:
    """Carries out one move."""

    copier: Copier
    copy_id: UUID
    say: Say
    patience: Patience = field(default_factory=Patience)

    @property
    def teller(self) -> Teller:
        """Tells how far it is."""
        return Teller(self.copier, self.copy_id, self.say)

    async def carry_out(self) -> None:
        """All steps that are not done yet. A failure before the switch is written into the copy, and undone.

        Raises what failed; outages and a cancellation leave the copy to be repeated.
        """
        copy = await self.teller.row()
        if copy.state in {"complete", "failed"}:
            return
        await self.teller.note("running", copy.step)
        environment = await self.copier.registry.known(copy.environment_id)
        route = await self._begin(environment)
        if route is not None:
            try:
                await self._move(route, environment)
            except BaseException as error:
                await self.undo(route, error)
                raise
        await self._go_on(Route.of(await self.teller.row()))

    async def fail(self, error: Exception) -> None:
        """It will not be tried again: give the old environment back and say so. Repeatable."""
        copy = await self.teller.row()
        if copy.state in {"complete", "failed"}:
            return
        if copy.from_role is None:
            await self.teller.end("failed", **_told_of(error))
        else:
            await self.undo(Route.of(copy), error, is_over=True)

    async def undo(self, route: Route, error: BaseException, *, is_over: bool = False) -> None:
        """Give the old environment back as it was, if it was not switched yet. Never raises: a repeated run does it too."""
        databases = self.copier.databases
        try:
            async with self._alone(route) as alone:
                if await self._has_moved(route) or await is_switched(databases, alone, route):
                    return
                await give_back(databases, route.environment_id, route.old)
            await self._tell_everybody()
            if is_over or isinstance(error, ParkingError | OSError):
                await self.teller.end("failed", **_told_of(error))
                with suppress(SQLAlchemyError):  # what can not be removed now is swept
                    await clear(databases, route.new)
        except (CopyBegunAgain, CopyEnded, NotFound, SQLAlchemyError, OSError) as trouble:
            log.warning("move_not_undone", copy=str(self.copy_id), error=repr(trouble))

    async def _begin(self, environment: Environment) -> Route | None:
        """Name the new schema: from here on an earlier try can do nothing any more. None for one that was switched."""
        databases = self.copier.databases
        async with databases.owner(environment.cell).begin() as alone:
            await alone.execute(ALONE, {"environment": str(environment.id)})
            copy = await self.teller.row()
            if copy.from_role is not None and await self._was_switched(alone, Route.of(copy)):
                return None
            if environment.head != head(Tree.ENVIRONMENT):
                raise NotCopyable("Only an environment at head is moved.", head=environment.head)
            role, name = moved_role(self.copy_id), databases.database_name(copy.to_cell)
            await withdraw(databases.owner(copy.to_cell), role, database=name)
            await self.copier.new_schema(self.copy_id, environment.schema)
            place = {"from_cell": environment.cell, "from_role": environment.role}
            async with databases.control().begin() as control:
                await control.execute(update(CopyRow).where(CopyRow.id == self.copy_id).values(place))
        return Route.of(await self.teller.row())

    async def _was_switched(self, alone: AsyncConnection, route: Route) -> bool:
        """Whether an earlier try came so far; then the registry names the new place, if it does not yet."""
        if await self._has_moved(route):
            return True
        if not await is_switched(self.copier.databases, alone, route):
            return False
        await name_new(self.copier.databases, self.copy_id, route)
        return True

    async def _move(self, route: Route, environment: Environment) -> None:
        await self.teller.step("role")
        new, databases = route.new, self.copier.databases
        await make_role(databases.owner(new.cell), new.role, database=databases.database_name(new.cell))
        await self.teller.step("wait")
        await self._settle(route)
        await self.teller.step("fence")
        began = monotonic()
        await self._fence(route)
        await self.teller.step("load")
        rows = await self._load(route, environment)
        await self.teller.step("switch")
        async with self._alone(route) as alone:
            await switch(self.copier.databases, alone, route)
        await name_new(self.copier.databases, self.copy_id, route)
        self.say("moved", f"{rows} rows are in cell {route.new.cell}; writes waited {monotonic() - began:.2f} s.")

    async def _settle(self, route: Route) -> None:
        """Hold what waits until nothing runs. Raises StillBusy."""
        busy: list[str] = []
        try:
            async with asyncio.timeout(self.patience.runs_s):
                while True:
                    async with self._alone(route), self.copier.databases.ledger(route.old.cell).begin() as ledger:
                        busy = list(await runs.hold(ledger, route.old.role))
                    if not busy:
                        return
                    await asyncio.sleep(PAUSE_S)
        except TimeoutError as error:
            raise StillBusy("A system task of the environment is running.", task=", ".join(busy)) from error

    async def _fence(self, route: Route) -> None:
        databases, old, patience_s = self.copier.databases, route.old, self.patience.writers_s
        async with self._alone(route) as alone:
            await fence(databases, alone, route.environment_id, old, patience_s=patience_s)
        await self._tell_everybody()
        await wait_for_writers(databases.owner(old.cell), old.schema, patience_s=patience_s)
        await self._settle(route)  # what the last writers left, and what began to run between the two

    async def _load(self, route: Route, environment: Environment) -> int:
        databases, progress = self.copier.databases, Progress()
        old, new = (databases.owner_connector(place.cell) for place in (route.old, route.new))
        owners = [f"{databases.database_name(place.cell)}_owner" for place in (route.old, route.new)]
        facts = (environment.tenant.id, environment.id, environment.kind)
        source = Source(old, owners[0], route.old.schema, *facts)
        try:
            async with told(progress, self.teller.rows):
                return await pipe(source, Target(new, owners[1], route.new.schema), progress)
        except psycopg.Error as error:
            words = (str(error).splitlines() or [type(error).__name__])[0]
            raise MoveFailed("The rows could not be copied.", why=words) from error

    async def _go_on(self, route: Route) -> None:
        """What is left to do after the switch; all of it may be repeated."""
        databases = self.copier.databases
        await self._tell_everybody()
        await self.teller.step("runs")
        async with databases.ledger(route.new.cell).begin() as ledger:
            await runs.release(ledger, route.new.role)
        await self.copier.bus.nudge("dispatcher")
        await bring_history(databases, route)
        await self.teller.step("drop")
        await drop(databases, route.old)
        await self.teller.end("complete")

    @asynccontextmanager
    async def _alone(self, route: Route) -> AsyncIterator[AsyncConnection]:
        """A transaction in the old cell in which no other try at this move begins. Raises CopyBegunAgain if one has."""
        async with self.copier.databases.owner(route.old.cell).begin() as connection:
            await connection.execute(ALONE, {"environment": str(route.environment_id)})
            copy = await self.teller.row()
            if (copy.to_schema, copy.state) != (route.new.schema, "running"):
                raise CopyBegunAgain("Another process has taken up this move.")
            await connection.exec_driver_sql(GIVE_UP)
            yield connection

    async def _tell_everybody(self) -> None:
        await self.copier.registry.load()
        await self.copier.bus.nudge("registry")

    async def _has_moved(self, route: Route) -> bool:
        environment = await self.copier.registry.known(route.environment_id)
        return (environment.cell, environment.schema) == (route.new.cell, route.new.schema)


def _told_of(error: BaseException) -> dict[str, str]:
    if isinstance(error, ParkingError):
        return {"error_code": error.code, "error": error.message}
    return {"error_code": "internal", "error": "It broke off."}
