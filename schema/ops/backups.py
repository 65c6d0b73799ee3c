"""Backups of any environment on the control plane: listed, taken, verified, restored, and when the nightly one is due."""

from __future__ import annotations

from datetime import time
from typing import Annotated

import strawberry

from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.copies import Backup, read_backups
from schema.ids import PLATFORM, row_id
from schema.ops.copies import MANAGE, VIEW, CopyStatePayload, answered
from schema.ops.known import EnvironmentId, environment_of, known_environment
from schema.ops.lifecycle import Reason
from schema.paging import Connection
from tenants.backups.asking import ask_for_backup, ask_for_proof, set_backup_time
from tenants.backups.queries import backup_by_id
from tenants.backups.restoring import restore

ProvenId = Annotated[strawberry.ID, strawberry.argument(name="id", description="The backup's id.")]
BackupId = Annotated[strawberry.ID, strawberry.argument(description="The id of a complete backup of the same tenant.")]
At = Annotated[time, strawberry.argument(description="The time of day, to the minute.")]
Zone = Annotated[str | None, strawberry.argument(description="An IANA time zone; null: the one that it has.")]


async def read_backups_of(
    info: Info, environment_id: EnvironmentId, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Backup] | None:
    """The backups of an environment."""
    environment = known_environment(info.context, environment_id)
    return None if environment is None else await read_backups(info.context, environment, first, after, number=PLATFORM)


async def take_backup(info: Info, environment_id: EnvironmentId) -> CopyStatePayload:
    """Have an environment backed up."""
    context = info.context

    async def take() -> None:
        environment = environment_of(context, environment_id)
        await ask_for_backup(context.services.databases, environment, actor=context.who)

    return await answered(context, row_id(environment_id, "Environment", PLATFORM), take())


async def verify_backup(info: Info, backup_id: ProvenId) -> CopyStatePayload:
    """Have a backup restored and dropped again."""
    row, databases = row_id(backup_id, "Backup", PLATFORM), info.context.services.databases
    backup = await backup_by_id(databases, row)
    done = ask_for_proof(databases, row, actor=info.context.who)
    return await answered(info.context, backup.environment_id if backup else None, done)


async def set_nightly_time(
    info: Info, environment_id: EnvironmentId, at: At, time_zone: Zone = None
) -> CopyStatePayload:
    """Set when the nightly backup is due."""
    context = info.context

    async def set_it() -> None:
        environment = environment_of(context, environment_id)
        await set_backup_time(context.services.databases, environment, at, time_zone, actor=context.who)

    return await answered(context, row_id(environment_id, "Environment", PLATFORM), set_it())


async def restore_environment(
    info: Info, environment_id: EnvironmentId, backup_id: BackupId, reason: Reason
) -> CopyStatePayload:
    """Restore an environment."""
    row, backup = row_id(environment_id, "Environment", PLATFORM), row_id(backup_id, "Backup", PLATFORM)
    databases, actor = info.context.services.databases, info.context.who
    return await answered(info.context, row, restore(databases, row, backup, actor=actor, reason=reason))


@strawberry.type
class BackupQueries:
    """Backups."""

    backups: Connection[Backup] | None = strawberry.field(
        resolver=read_backups_of, description="The backups of an environment, newest first.", metadata=VIEW
    )


@strawberry.type
class BackupMutations:
    """What staff of the platform do with backups."""

    take_backup: CopyStatePayload | None = strawberry.field(
        resolver=take_backup,
        description="Have an environment backed up now; it appears in `backups` when it begins.",
        metadata=MANAGE,
    )
    verify_backup: CopyStatePayload | None = strawberry.field(
        resolver=verify_backup,
        description="Have a backup restored into a schema that nobody sees and dropped again; see its `verifiedAt`, `error`.",
        metadata=MANAGE,
    )
    set_backup_time: CopyStatePayload | None = strawberry.field(
        resolver=set_nightly_time,
        description="Set the time of day at which an environment is backed up each night.",
        metadata=MANAGE,
    )
    restore_environment: CopyStatePayload | None = strawberry.field(
        resolver=restore_environment,
        description="Bring an environment back to a backup; what it holds now is backed up first.",
        metadata=MANAGE,
    )
