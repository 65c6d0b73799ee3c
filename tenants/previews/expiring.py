"""Deleting previews that nobody uses, a day after their people were warned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnClause, DateTime, Text, cast, column, exists, func, select, table, update

from domain.kernel.actor import Actor
from domain.kernel.ledger import UNFINISHED, TaskRun
from tenants.copies.ending import is_copied_into
from tenants.environments import Environment, EnvironmentGroup, State
from tenants.platform_tasks import DELETE_ENVIRONMENT
from tenants.previews.rules import Use, ends_at, is_over, is_to_be_warned
from tenants.registry.models import EnvironmentRow, TenantRow

if TYPE_CHECKING:
    from uuid import UUID

    from tenants.copies.copier import Copier

Apart = Callable[[str], AbstractContextManager[object]]
"""Around what is done for one environment, which it is given the name of."""

_SEEN: ColumnClause[datetime | None] = column("last_seen_at", DateTime(timezone=True))
_LAST_SEEN = select(func.max(table("login", _SEEN).c.last_seen_at))


@dataclass(frozen=True, slots=True)
class Aging:
    """A preview, how it is used, and when its people were last warned."""

    environment: Environment
    use: Use
    warned_at: datetime | None

    @property
    def ends_at(self) -> datetime | None:
        """When it will be deleted; None while it is locked."""
        return ends_at(self.use)


async def aging(copier: Copier, now: datetime, each: Apart) -> tuple[list[Aging], list[Aging]]:
    """The previews whose time is over, and those whose people are to be warned now.

    One that can not be asked for its logins, in a cell that is away for instance, is neither: ``each`` says what becomes of it.
    """
    found = list[Aging]()
    for environment in filter(_may, copier.registry.current.by_id.values()):
        with each(environment.primary_host):
            found.append(await _aging(copier, environment))
    over = [one for one in found if is_over(one.use, now) and not await _is_busy(copier, one.environment)]
    warned = [one for one in found if one not in over and is_to_be_warned(one.use, one.warned_at, now)]
    return over, warned


async def half_deleted(copier: Copier) -> list[Environment]:
    """The environments whose deletion was begun by a process that died, and that no unfinished run will delete.

    Those of a tenant that is deleted itself are not ours.
    """
    e, t, r = EnvironmentRow, TenantRow, TaskRun
    run = exists().where(
        r.task == DELETE_ENVIRONMENT.name, r.concurrency_key == cast(e.id, Text), r.state.in_(UNFINISHED)
    )
    wanted = select(e.id).join_from(e, t, e.tenant_id == t.id)
    wanted = wanted.where(e.state == State.DELETING, t.state == State.ACTIVE, ~run)
    async with copier.databases.control().connect() as connection:
        ids = (await connection.scalars(wanted)).all()
    return [found for one in ids if (found := copier.registry.by_id(one)) is not None]


async def mark_warned(copier: Copier, environment_id: UUID, now: datetime) -> None:
    """Remember that the people of a preview were told."""
    async with copier.databases.control().begin() as connection:
        await connection.execute(
            update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(warned_at=now)
        )


async def use_of(copier: Copier, environment: Environment) -> Use:
    """How a preview is used. Its logins are its own: none came with the copy but the one that asked for it."""
    return (await _aging(copier, environment)).use


def _may(environment: Environment) -> bool:
    """A preview whose first refresh came to nothing is pending, and ends like any other."""
    states = {State.PENDING, State.ACTIVE, State.SUSPENDED}
    return environment.kind.group is EnvironmentGroup.TEST and environment.state in states


async def _is_busy(copier: Copier, environment: Environment) -> bool:
    async with copier.databases.control().connect() as connection:
        return await is_copied_into(connection, environment.id)


async def _aging(copier: Copier, environment: Environment) -> Aging:
    e = EnvironmentRow
    wanted = select(e.created_at, e.copied_at, e.expires_at, e.is_locked, e.warned_at).where(e.id == environment.id)
    async with copier.databases.control().connect() as connection:
        row = (await connection.execute(wanted)).one()
    use = Use(row.created_at, row.copied_at, await _last_login(copier, environment), row.expires_at, row.is_locked)
    return Aging(environment, use, row.warned_at)


async def _last_login(copier: Copier, environment: Environment) -> datetime | None:
    """The last time that anybody logged in, or was seen to be."""
    if not environment.is_routable:
        return None  # it is being made
    snapshot = copier.databases.snapshot(environment, Actor.system("previews"))
    try:
        return await snapshot.scalar(_LAST_SEEN)
    finally:
        await snapshot.end()
