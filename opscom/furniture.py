"""What an empty environment must have before anybody can use it: written by provisioning, repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.kernel.work import Work
    from tenants.environments import Environment


async def furnish(work: Work, environment: Environment) -> None:
    """Write the first rows of an environment: user types, roles, the local login source, the schedules of its tasks."""
