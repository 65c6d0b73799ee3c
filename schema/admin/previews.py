"""Tools → Reset Database: the client's backups, and its preview space with refreshes and locks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import strawberry

from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.context import Context
from schema.copies import (
    MAY_CHANGE,
    MAY_SEE,
    Backup,
    Copy,
    CopyPayload,
    Lock,
    read_backups,
    shown_copy,
    shown_locks,
)
from schema.declare import PUBLIC, live, needs, requires, sized
from schema.ids import row_id
from schema.paging import Connection
from schema.payloads import UserError, attempt_outside
from tenants.copies.errors import NoPreview
from tenants.copies.telling import TOPIC, tell_tenant
from tenants.environments import Environment, EnvironmentKind
from tenants.previews.actions import Who, refresh, set_lock
from tenants.previews.queries import last_copy, lock_history, preview_facts

SPACES = (EnvironmentKind.PREVIEW, EnvironmentKind.TEST)


async def _last_copy(space: strawberry.Parent[PreviewSpace], info: Info) -> Copy | None:
    return shown_copy(await last_copy(info.context.services.databases, space.row.id))


async def _locks(space: strawberry.Parent[PreviewSpace], info: Info) -> list[Lock]:
    return shown_locks(await lock_history(info.context.services.databases, space.row.id))


@needs(MAY_SEE)
@strawberry.type(description="A space with a copy of production, to try things in. Nothing real happens there.")
class PreviewSpace:
    """A preview or test space."""

    row: strawberry.Private[Environment]
    kind: EnvironmentKind = strawberry.field(description="Preview or test.")
    host: str = strawberry.field(description="Its host name.")
    is_locked: bool = strawberry.field(description="Whether refreshes are refused.")
    copied_at: datetime | None = strawberry.field(description="When its data were last replaced.")
    last_login_at: datetime | None = strawberry.field(description="When somebody was last seen there.")
    expires_at: datetime | None = strawberry.field(description="The date of expiry, if the platform's staff set one.")
    ends_at: datetime | None = strawberry.field(
        description="When it is deleted: on that date, else after 7 days without a login; null while it is locked."
    )
    last_copy: Copy | None = strawberry.field(
        resolver=_last_copy, description="The refresh under way, or the last one."
    )
    locks: list[Lock] = strawberry.field(
        resolver=_locks, description="The last ten lockings and unlockings, newest first.", metadata=sized(10)
    )


@strawberry.input(description="Which backup a preview space is to hold.")
class RefreshPreviewInput:
    """The form of Refresh."""

    backup_id: strawberry.ID = strawberry.field(description="The id of a complete backup.")
    kind: EnvironmentKind = strawberry.field(
        default=EnvironmentKind.PREVIEW, description="Preview, or the test space `CLIENT-test`."
    )
    anonymise: bool = strawberry.field(
        default=False, description="Whether persons and plates are taken out; who holds a role stays."
    )


@strawberry.input(description="A lock against refreshes, or its end.")
class LockPreviewInput:
    """The form of Lock and Unlock."""

    locked: bool = strawberry.field(description="True locks, false unlocks.")
    reason: str = strawberry.field(description="Why, for those who wonder.")
    kind: EnvironmentKind = strawberry.field(default=EnvironmentKind.PREVIEW, description="Preview or test.")


async def _space_of_payload(payload: strawberry.Parent[PreviewPayload], info: Info) -> PreviewSpace | None:
    return None if payload.user_errors else await _space(info.context, payload.kind)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a preview space.")
class PreviewPayload:
    """The space after the change."""

    kind: strawberry.Private[EnvironmentKind]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    preview_space: PreviewSpace | None = strawberry.field(
        resolver=_space_of_payload,
        description="The space as it is now; null if nothing was changed.",
        metadata=requires(MAY_SEE),
    )


RefreshInput = Annotated[RefreshPreviewInput, strawberry.argument(name="input", description="What to refresh from.")]
LockInput = Annotated[LockPreviewInput, strawberry.argument(name="input", description="What is to hold.")]


async def read_backups_here(
    info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Backup]:
    """The backups of production, also when the preview asks."""
    production = environment_of_kind(info.context, EnvironmentKind.PRODUCTION)
    return await read_backups(info.context, production, first, after, number=production.tenant.number)


async def read_spaces(info: Info) -> list[PreviewSpace]:
    """The preview spaces that there are."""
    found = [await _space(info.context, kind) for kind in SPACES]
    return [space for space in found if space is not None]


async def follow_spaces(info: Info) -> AsyncIterator[list[PreviewSpace]]:
    """The state now; the gateway asks again at each step of a refresh."""
    yield await read_spaces(info)


async def refresh_preview(info: Info, typed: RefreshInput) -> CopyPayload:
    """Ask for a refresh."""
    context, tenant = info.context, info.context.environment.tenant
    done = refresh(
        context.services.databases,
        tenant.id,
        row_id(typed.backup_id, "Backup", tenant.number),
        _who(context),
        kind=typed.kind,
        is_anonymised=typed.anonymise,
    )
    _, errors = await attempt_outside(context, done)
    return CopyPayload(user_errors=errors, is_accepted=not errors)


async def lock_preview(info: Info, typed: LockInput) -> PreviewPayload:
    """Lock or unlock."""
    _, errors = await attempt_outside(info.context, _lock(info.context, typed))
    return PreviewPayload(kind=typed.kind, user_errors=errors)


async def _lock(context: Context, typed: LockPreviewInput) -> None:
    preview = environment_of_kind(context, typed.kind)
    databases, reason = context.services.databases, typed.reason
    await set_lock(databases, preview.id, is_locked=typed.locked, reason=reason, who=_who(context))
    await tell_tenant(context.services.registry, context.services.bus, preview.id)


async def _space(context: Context, kind: EnvironmentKind) -> PreviewSpace | None:
    try:
        preview = environment_of_kind(context, kind)
    except NoPreview:
        return None
    facts = await preview_facts(context.services.copier, preview)
    return PreviewSpace(
        row=preview,
        kind=preview.kind,
        host=preview.primary_host,
        is_locked=facts.is_locked,
        copied_at=facts.copied_at,
        last_login_at=facts.last_login_at,
        expires_at=facts.expires_at,
        ends_at=facts.ends_at,
    )


def environment_of_kind(context: Context, kind: EnvironmentKind) -> Environment:
    """The asking tenant's environment of a kind. Raises NoPreview."""
    for environment in context.services.registry.siblings(context.environment.id):
        if environment.kind is kind:
            return environment
    raise NoPreview("There is no such space; a refresh makes it.")


def _who(context: Context) -> Who:
    return Who(context.who, context.actor.user_id, context.actor.login_id)


@strawberry.type
class PreviewQueries:
    """Backups and previews."""

    backups: Connection[Backup] | None = strawberry.field(
        resolver=read_backups_here,
        description="The backups of production, newest first: what a preview can be refreshed from.",
        metadata=requires(MAY_SEE),
    )
    preview_spaces: list[PreviewSpace] | None = strawberry.field(
        resolver=read_spaces,
        description="The client's preview and test space, as far as there are any.",
        metadata=requires(MAY_SEE) | sized(2),
    )


@strawberry.type
class PreviewMutations:
    """What staff do with previews."""

    refresh_preview: CopyPayload | None = strawberry.field(
        resolver=refresh_preview,
        description="Replace the data of a preview space by a backup; the first refresh makes the space.",
        metadata=requires(MAY_CHANGE),
    )
    lock_preview: PreviewPayload | None = strawberry.field(
        resolver=lock_preview,
        description="Lock a preview space against refreshes and deletion, or unlock it.",
        metadata=requires(MAY_CHANGE),
    )


@strawberry.type
class PreviewSubscriptions:
    """Previews as they change."""

    preview_spaces: AsyncIterator[list[PreviewSpace]] = strawberry.subscription(
        resolver=follow_spaces,
        description="The preview spaces as a refresh goes on: a state stream.",
        metadata=requires(MAY_SEE) | live(TOPIC) | sized(2),
    )
