"""Asking for a backup of an environment, and setting when the nightly one is due: for the platform's staff."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING
from uuid import UUID

from domain.kernel.actor import Actor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import BACK_UP
from tenants.copies.errors import NotCopyable
from tenants.environments import State
from tenants.registry.actions import note

if TYPE_CHECKING:
    from tenants.databases import Databases
    from tenants.environments import Environment


async def ask_for_backup(databases: Databases, environment: Environment, *, actor: str) -> UUID:
    """Have a worker back an environment up now; a run that waits already is the answer. Returns the run's id.

    Raises NotCopyable: no worker enters an environment that is not active.
    """
    if environment.state is not State.ACTIVE:
        raise NotCopyable("Only an environment that is active is backed up by a worker.", state=environment.state)
    async with databases.work(environment, Actor.system(actor)) as work:
        requested = await tasks.run(work, BACK_UP.name)
    async with databases.control().begin() as connection:
        await note(connection, actor, "backup_requested", environment=str(environment.id))
    return requested.run_id


async def set_backup_time(
    databases: Databases, environment: Environment, at: time, time_zone: str | None, *, actor: str
) -> None:
    """Set the time of day of the nightly backup. Raises TimeZoneUnknown."""
    async with databases.work(environment, Actor.system(actor)) as work:
        await tasks.set_time(work, BACK_UP.name, at, time_zone)
    async with databases.control().begin() as connection:
        facts = {"environment": str(environment.id), "at": f"{at:%H:%M}", "time_zone": time_zone or ""}
        await note(connection, actor, "backup_time_set", **facts)
