"""What is copied into an environment on the control plane, what becomes of the space, and moves to another cell."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, time
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.context import Context
from schema.copies import Copy, Lock, shown_copy, shown_locks
from schema.declare import PUBLIC, needs, requires, sized
from schema.ids import PLATFORM, row_id
from schema.ops.known import EnvironmentId, known_environment
from schema.ops.lifecycle import Reason
from schema.ops.tenants import Environment, environment_by_id
from schema.payloads import ARGUMENTS, Path, UserError, attempt_outside
from tenants.backups.queries import backup_time
from tenants.environments import Environment as Registered
from tenants.environments import EnvironmentGroup
from tenants.moves.asking import move
from tenants.previews.queries import last_copy, lock_history, preview_facts

VIEW, MANAGE = requires(Permission.VIEW_TENANTS), requires(Permission.MANAGE_TENANTS)


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="How a preview or test space is used, and when it ends.")
class SpaceUse:
    """Facts of a space of the test group."""

    is_locked: bool = strawberry.field(description="Whether refreshes and its deletion are refused.")
    copied_at: datetime | None = strawberry.field(description="When its data were last replaced.")
    last_login_at: datetime | None = strawberry.field(description="When somebody was last seen there.")
    expires_at: datetime | None = strawberry.field(description="The date of expiry, if one was set.")
    ends_at: datetime | None = strawberry.field(
        description="When it is deleted: on that date, else after 7 days without a login; null while it is locked."
    )


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="When an environment is backed up each night.")
class BackupTime:
    """The schedule of the nightly backup."""

    at: time = strawberry.field(description="The time of day from which it is due, within two hours.")
    time_zone: str = strawberry.field(description="The IANA time zone that it is meant in.")
    next_at: datetime | None = strawberry.field(description="When it is due next.")


async def _environment(state: strawberry.Parent[CopyState], info: Info) -> Environment | None:
    return environment_by_id(info.context, state.row.id)


async def _last_copy(state: strawberry.Parent[CopyState], info: Info) -> Copy | None:
    return shown_copy(await last_copy(info.context.services.databases, state.row.id))


async def _locks(state: strawberry.Parent[CopyState], info: Info) -> list[Lock]:
    return shown_locks(await lock_history(info.context.services.databases, state.row.id))


async def _space(state: strawberry.Parent[CopyState], info: Info) -> SpaceUse | None:
    if state.row.kind.group is not EnvironmentGroup.TEST:
        return None
    facts = await preview_facts(info.context.services.copier, state.row)
    return SpaceUse(
        is_locked=facts.is_locked,
        copied_at=facts.copied_at,
        last_login_at=facts.last_login_at,
        expires_at=facts.expires_at,
        ends_at=facts.ends_at,
    )


async def _backup_time(state: strawberry.Parent[CopyState], info: Info) -> BackupTime | None:
    due = await backup_time(info.context.services.databases, state.row)
    return None if due is None else BackupTime(at=due.at, time_zone=due.time_zone, next_at=due.next_at)


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="What is copied from and into an environment.")
class CopyState:
    """Copies of one environment."""

    row: strawberry.Private[Registered]
    environment: Environment | None = strawberry.field(resolver=_environment, description="The environment.")
    last_copy: Copy | None = strawberry.field(
        resolver=_last_copy, description="The copy under way into it, or the last one."
    )
    locks: list[Lock] = strawberry.field(
        resolver=_locks, description="The last ten lockings and unlockings, newest first.", metadata=sized(10)
    )
    space: SpaceUse | None = strawberry.field(
        resolver=_space, description="Its use and its end, if it is a preview, test or development space."
    )
    backup_time: BackupTime | None = strawberry.field(
        resolver=_backup_time, description="When it is backed up each night; null if it is not."
    )


def _state_of_payload(payload: strawberry.Parent[CopyStatePayload], info: Info) -> CopyState | None:
    found = None if payload.row is None else info.context.services.registry.by_id(payload.row)
    return CopyState(row=found) if found else None


@needs(PUBLIC)
@strawberry.type(description="The answer to what is done with the copies of an environment.")
class CopyStatePayload:
    """The copies after it."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    is_accepted: bool = strawberry.field(
        description="Whether it is done, or will be: `lastCopy` and `backups` tell how far it is."
    )
    copies: CopyState | None = strawberry.field(
        resolver=_state_of_payload,
        description="The copies of the environment now; null if nothing is done.",
        metadata=VIEW,
    )


async def read_copies(info: Info, environment_id: EnvironmentId) -> CopyState | None:
    """What is copied into an environment."""
    environment = known_environment(info.context, environment_id)
    return None if environment is None else CopyState(row=environment)


async def move_environment(
    info: Info,
    environment_id: EnvironmentId,
    to_cell: Annotated[str, strawberry.argument(description="The name of the cell it shall be in.")],
    reason: Reason,
) -> CopyStatePayload:
    """Move an environment."""
    row, databases = row_id(environment_id, "Environment", PLATFORM), info.context.services.databases
    return await answered(info.context, row, move(databases, row, to_cell, actor=info.context.who, reason=reason))


async def answered(
    context: Context, row: UUID | None, done: Awaitable[object], within: Path = ARGUMENTS
) -> CopyStatePayload:
    """Do it, tell every process, and know it here before the answer; ``row`` is the environment that it is about."""
    _, errors = await attempt_outside(context, done, within)
    return CopyStatePayload(row=None if errors else row, user_errors=errors, is_accepted=not errors)


@strawberry.type
class CopyQueries:
    """Copies."""

    copies: CopyState | None = strawberry.field(
        resolver=read_copies,
        description="What is copied into an environment, its locks, when it is backed up, and when it ends.",
        metadata=VIEW,
    )


@strawberry.type
class CopyMutations:
    """Moves."""

    move_environment: CopyStatePayload | None = strawberry.field(
        resolver=move_environment,
        description="Move an environment to another cell; it is read all the time, and not written to for some seconds.",
        metadata=MANAGE,
    )
