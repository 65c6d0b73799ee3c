"""Backups, restores and preview spaces of any tenant on the control plane."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, time
from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.errors import NotFound, ParkingError
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.context import Context
from schema.copies import Backup, Copy, CopyPayload, Lock, read_backups, shown_copy, shown_locks
from schema.declare import needs, requires, sized
from schema.ids import PLATFORM, row_id
from schema.paging import Connection
from schema.payloads import user_error
from tenants.backups.asking import ask_for_backup, ask_for_proof, set_backup_time
from tenants.backups.restoring import restore
from tenants.environments import Environment, EnvironmentKind
from tenants.moves.asking import move
from tenants.previews.actions import Who, refresh, set_expiry, set_lock
from tenants.previews.queries import last_copy, lock_history

VIEW, MANAGE = requires(Permission.VIEW_TENANTS), requires(Permission.MANAGE_TENANTS)
BackupId = Annotated[strawberry.ID, strawberry.argument(description="The id of a complete backup of the same tenant.")]
At = Annotated[time, strawberry.argument(description="The time of day, to the minute.")]
Zone = Annotated[str | None, strawberry.argument(description="An IANA time zone; null: the one that it has.")]
Reason = Annotated[str, strawberry.argument(description="Why; it is kept with who did it.")]


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="What is copied from and into an environment.")
class CopyState:
    """Copies of one environment."""

    last_copy: Copy | None = strawberry.field(description="The copy under way into it, or the last one.")
    locks: list[Lock] = strawberry.field(
        description="The last ten lockings and unlockings, newest first.", metadata=sized(10)
    )


async def read_backups_of(
    info: Info, environment_id: Id, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Backup] | None:
    """The backups of an environment."""
    environment = _known(info.context, environment_id)
    return None if environment is None else await read_backups(info.context, environment, first, after, number=PLATFORM)


async def read_copies(info: Info, environment_id: Id) -> CopyState | None:
    """What is copied into an environment."""
    environment, databases = _known(info.context, environment_id), info.context.services.databases
    if environment is None:
        return None
    return CopyState(
        last_copy=shown_copy(await last_copy(databases, environment.id)),
        locks=shown_locks(await lock_history(databases, environment.id)),
    )


@strawberry.input(description="How a preview is refreshed.")
class RefreshTenantPreviewInput:
    """What staff of the platform may say of a refresh."""

    backup_id: strawberry.ID = strawberry.field(description="The id of a complete backup of the same tenant.")
    kind: EnvironmentKind = strawberry.field(default=EnvironmentKind.PREVIEW, description="Preview or test.")
    anonymise: bool = strawberry.field(default=False, description="Whether persons and plates are taken out.")
    override_lock: bool = strawberry.field(default=False, description="Whether a lock does not matter; it is noted.")


RefreshInput = Annotated[
    RefreshTenantPreviewInput, strawberry.argument(name="input", description="From what, and how.")
]


async def refresh_preview(info: Info, tenant_id: Id, typed: RefreshInput) -> CopyPayload:
    """Refresh a preview."""
    done = refresh(
        info.context.services.databases,
        row_id(tenant_id, "Tenant", PLATFORM),
        row_id(typed.backup_id, "Backup", PLATFORM),
        _who(info.context),
        kind=typed.kind,
        is_anonymised=typed.anonymise,
        over_lock=typed.override_lock,
    )
    return await _answered(info.context, done)


async def take_backup(info: Info, environment_id: Id) -> CopyPayload:
    """Have an environment backed up."""
    environment, databases = _known(info.context, environment_id), info.context.services.databases
    if environment is None:
        return _unknown()
    return await _answered(info.context, ask_for_backup(databases, environment, actor=str(info.context.actor.subject)))


async def verify_backup(info: Info, backup_id: Id) -> CopyPayload:
    """Have a backup restored and dropped again."""
    row, databases = row_id(backup_id, "Backup", PLATFORM), info.context.services.databases
    return await _answered(info.context, ask_for_proof(databases, row, actor=str(info.context.actor.subject)))


async def set_nightly_time(info: Info, environment_id: Id, at: At, time_zone: Zone = None) -> CopyPayload:
    """Set when the nightly backup is due."""
    environment, databases = _known(info.context, environment_id), info.context.services.databases
    if environment is None:
        return _unknown()
    actor = str(info.context.actor.subject)
    return await _answered(info.context, set_backup_time(databases, environment, at, time_zone, actor=actor))


def _unknown() -> CopyPayload:
    error = NotFound("There is no such environment.")
    return CopyPayload(user_errors=[user_error(error)], is_accepted=False)


async def restore_environment(info: Info, environment_id: Id, backup_id: BackupId, reason: Reason) -> CopyPayload:
    """Restore an environment."""
    row = row_id(environment_id, "Environment", PLATFORM)
    actor = str(info.context.actor.subject)
    done = restore(
        info.context.services.databases, row, row_id(backup_id, "Backup", PLATFORM), actor=actor, reason=reason
    )
    return await _answered(info.context, done)


async def move_environment(
    info: Info,
    environment_id: Id,
    to_cell: Annotated[str, strawberry.argument(description="The name of the cell it shall be in.")],
    reason: Reason,
) -> CopyPayload:
    """Move an environment."""
    row, actor = row_id(environment_id, "Environment", PLATFORM), str(info.context.actor.subject)
    return await _answered(
        info.context, move(info.context.services.databases, row, to_cell, actor=actor, reason=reason)
    )


async def lock_preview(
    info: Info,
    environment_id: Id,
    locked: Annotated[bool, strawberry.argument(description="True locks, false unlocks.")],
    reason: Reason,
) -> CopyPayload:
    """Lock or unlock a preview."""
    row, databases = row_id(environment_id, "Environment", PLATFORM), info.context.services.databases
    return await _answered(
        info.context, set_lock(databases, row, is_locked=locked, reason=reason, who=_who(info.context))
    )


async def set_preview_expiry(
    info: Info,
    environment_id: Id,
    expires_at: Annotated[
        datetime | None, strawberry.argument(description="When it is deleted; null: after 7 days without a login.")
    ] = None,
) -> CopyPayload:
    """Set when a preview is deleted."""
    row, databases = row_id(environment_id, "Environment", PLATFORM), info.context.services.databases
    return await _answered(info.context, set_expiry(databases, row, expires_at, _who(info.context)))


async def _answered(context: Context, done: Awaitable[object]) -> CopyPayload:
    try:
        await done
    except ParkingError as error:
        return CopyPayload(user_errors=[user_error(error)], is_accepted=False)
    await context.services.registry.load()
    await context.services.bus.nudge("registry")
    await context.services.bus.nudge("dispatcher")
    return CopyPayload(user_errors=[], is_accepted=True)


def _known(context: Context, environment_id: str) -> Environment | None:
    return context.services.registry.by_id(row_id(environment_id, "Environment", PLATFORM))


def _who(context: Context) -> Who:
    return Who(context.actor.name or str(context.actor.subject), context.actor.user_id, is_platform=True)


@strawberry.type
class CopyQueries:
    """Backups and copies."""

    backups: Connection[Backup] | None = strawberry.field(
        resolver=read_backups_of, description="The backups of an environment, newest first.", metadata=VIEW
    )
    copies: CopyState | None = strawberry.field(
        resolver=read_copies, description="What is copied into an environment, and its locks.", metadata=VIEW
    )


@strawberry.type
class CopyMutations:
    """What staff of the platform do with copies."""

    refresh_preview: CopyPayload | None = strawberry.field(
        resolver=refresh_preview,
        description="Replace a tenant's preview by a backup. A locked one only with `overrideLock`.",
        metadata=MANAGE,
    )
    take_backup: CopyPayload | None = strawberry.field(
        resolver=take_backup,
        description="Have an environment backed up now; it appears in `backups` when it begins.",
        metadata=MANAGE,
    )
    verify_backup: CopyPayload | None = strawberry.field(
        resolver=verify_backup,
        description="Have a backup restored into a schema that nobody sees and dropped again; see its `verifiedAt`, `error`.",
        metadata=MANAGE,
    )
    set_backup_time: CopyPayload | None = strawberry.field(
        resolver=set_nightly_time,
        description="Set the time of day at which an environment is backed up each night.",
        metadata=MANAGE,
    )
    restore_environment: CopyPayload | None = strawberry.field(
        resolver=restore_environment,
        description="Bring an environment back to a backup; what it holds now is backed up first.",
        metadata=MANAGE,
    )
    move_environment: CopyPayload | None = strawberry.field(
        resolver=move_environment,
        description="Move an environment to another cell; it is read all the time, and not written to for some seconds.",
        metadata=MANAGE,
    )
    lock_preview: CopyPayload | None = strawberry.field(
        resolver=lock_preview,
        description="Lock a preview against refreshes and deletion, or unlock it.",
        metadata=MANAGE,
    )
    set_preview_expiry: CopyPayload | None = strawberry.field(
        resolver=set_preview_expiry, description="Set when a preview is deleted.", metadata=MANAGE
    )
