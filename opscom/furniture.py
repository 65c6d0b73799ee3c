"""What an empty environment must have before anybody can use it: written by provisioning, repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth.furniture import add_builtin
from domain.tasks.schedules import add_default_schedules

if TYPE_CHECKING:
    from domain.kernel.work import Work
    from tenants.environments import Environment


async def furnish(work: Work, environment: Environment) -> None:
    """Write the first rows: built-in roles and user type, the local login source, the schedules of the system tasks."""
    await add_builtin(work)
    await add_default_schedules(work, environment.time_zone)
