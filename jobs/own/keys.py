"""The platform's task that seals secrets anew after a rotation of data keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.faults import Fault
from tenants.keys.resealing import reseal_all

if TYPE_CHECKING:
    from jobs.context import PlatformContext

ACTOR = "rotation"


class SecretsLeft(Fault):
    """Some secrets are as they were: their environment was just being moved, or they do not open."""

    error_class = "secrets_left"
    is_passing = True


async def reseal(context: PlatformContext) -> None:
    """Seal all secrets with the newest data keys; what could not be is a line of the log, and tried again."""
    done = await reseal_all(context.platform.copier, actor=ACTOR)
    context.counters.updated, context.counters.failed = done.changed, len(done.failed)
    for environment, error in done.failed:
        context.runlog.error(error.code, error.message, name=environment.schema)
    if done.failed:
        msg = f"{len(done.failed)} environments have secrets of older data keys."
        raise SecretsLeft(msg)
