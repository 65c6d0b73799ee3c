"""`opscom backup …` and `opscom preview …`: backups, restores and preview spaces."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opscom.cli.rows import in_utc, print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import Environment
    from tenants.previews.queries import Copy, PreviewFacts

backups = typer.Typer(help="Backups of tenants.", no_args_is_help=True)
previews = typer.Typer(help="Preview spaces of tenants.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
Kind = Annotated[str, typer.Option(help="preview or test")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
BackupId = Annotated[UUID, typer.Argument(help="The backup's id, from `opscom backup list`.")]
ACTOR = "command line"


@backups.command("take")
def take(slug: Slug, kind: Annotated[str, typer.Option(help="Which environment.")] = "production") -> None:
    """Back up an environment now."""
    from tenants.backups.actions import back_up  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        typer.echo(await back_up(platform.copier, environment, reason="by hand", actor=ACTOR))

    with_platform(work)


@backups.command("time")
def set_time(
    slug: Slug,
    at: Annotated[
        datetime | None,
        typer.Argument(formats=["%H:%M"], help="The time of day, such as 02:30; left out: only show it."),
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA time zone; left out: the one that it has.")] = None,
    kind: Annotated[str, typer.Option(help="Which environment.")] = "production",
) -> None:
    """Show at which time of day an environment is backed up each night, and when next; or set it."""
    from tenants.backups.asking import set_backup_time  # noqa: PLC0415 - keeps --help quick
    from tenants.backups.queries import backup_time  # noqa: PLC0415

    if at is None and time_zone is not None:
        msg = "a time zone is set together with the time of day"
        raise typer.BadParameter(msg, param_hint="--time-zone")

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        if at is not None:
            await set_backup_time(platform.databases, environment, at.time(), time_zone, actor=ACTOR)
        due = await backup_time(platform.databases, environment)
        if due is None:
            typer.echo(f"{environment.primary_host} is not backed up each night")
            return
        coming = in_utc(due.next_at) if due.next_at else "never: it is off"
        typer.echo(f"{environment.primary_host} is backed up from {due.at:%H:%M} ({due.time_zone}), next {coming}")

    with_platform(work)


@backups.command("list")
def list_backups(slug: Slug, kind: Annotated[str, typer.Option(help="Which environment.")] = "production") -> None:
    """List the backups of an environment, newest first: id, moment, state, rows, kilobytes, last proof, reason."""
    from tenants.backups.queries import backups_of  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        for one in await backups_of(platform.databases, environment.id, number=100):
            proven = one.verified_at.date() if one.verified_at else "-"
            size = "-" if one.size is None else -(-one.size // 1000)
            print_row(one.id, one.started_at, one.state, one.rows, size, proven, one.reason)

    with_platform(work)


@backups.command("verify")
def verify_backup(slug: Slug, backup: BackupId) -> None:
    """Restore a backup into a schema that nobody sees, count its rows, and drop it again."""
    from tenants.backups.actions import verify  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, "production")
        typer.echo(f"whole: {await verify(platform.copier, backup, environment)} rows")

    with_platform(work)


@backups.command("restore")
def restore_backup(
    slug: Slug,
    backup: BackupId,
    reason: Reason,
    kind: Annotated[str, typer.Option(help="Which environment.")] = "production",
) -> None:
    """Have a worker bring an environment back to a backup; what it holds now is backed up first."""
    from tenants.backups.restoring import restore  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        copy_id = await restore(platform.databases, environment.id, backup, actor=ACTOR, reason=reason)
        await platform.bus.nudge("dispatcher")
        typer.echo(f"copy {copy_id} is queued")

    with_platform(work)


@backups.command("key")
def backup_key(slug: Slug) -> None:
    """Print the age identity that opens a tenant's backups with the usual tools. It is a secret: keep it as one."""
    from tenants.keys.backups import identity_of  # noqa: PLC0415 - keeps --help quick
    from tenants.registry.actions import note  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, "production")
        async with platform.databases.control().begin() as connection:
            identity = await identity_of(connection, platform.key_ring, environment.tenant.id)
            await note(connection, ACTOR, "backup_key_shown", tenant=str(environment.tenant.id))
        typer.echo(identity)

    with_platform(work)


@previews.command("refresh")
def refresh_preview(
    slug: Slug,
    backup: BackupId,
    kind: Kind = "preview",
    anonymise: Annotated[bool, typer.Option("--anonymise", help="Take persons and plates out.")] = False,  # noqa: FBT002
    override_lock: Annotated[bool, typer.Option("--override-lock", help="Although it is locked; it is noted.")] = False,  # noqa: FBT002
) -> None:
    """Have a worker replace a preview by a backup; the first refresh makes the preview."""
    from opscom.accounts import kind_called  # noqa: PLC0415 - keeps --help quick
    from tenants.previews.actions import Who, refresh  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        tenant = (await _environment(platform, slug, "production")).tenant
        who = Who(ACTOR, is_platform=True)
        copy_id = await refresh(
            platform.databases,
            tenant.id,
            backup,
            who,
            kind=kind_called(kind),
            is_anonymised=anonymise,
            over_lock=override_lock,
        )
        await platform.bus.nudge("registry")
        await platform.bus.nudge("dispatcher")
        typer.echo(f"copy {copy_id} is queued")

    with_platform(work)


@previews.command("lock")
def lock(slug: Slug, reason: Reason, kind: Kind = "preview") -> None:
    """Lock a preview against refreshes and deletion."""
    _set_lock(slug, kind, reason, is_locked=True)


@previews.command("unlock")
def unlock(slug: Slug, reason: Reason, kind: Kind = "preview") -> None:
    """Unlock a preview."""
    _set_lock(slug, kind, reason, is_locked=False)


@previews.command("show")
def show(slug: Slug, kind: Kind = "preview") -> None:
    """Show a preview: its end, its lock, the last copy and the last ten locks. Of other environments: the last copy."""
    from tenants.previews.queries import last_copy, lock_history, preview_facts  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        preview = await _environment(platform, slug, kind)
        facts = await preview_facts(platform.copier, preview)
        login = in_utc(facts.last_login_at) if facts.last_login_at else "-"
        print_row(preview.primary_host, f"ends {_end(preview, facts)}", f"last login {login}")
        if copy := await last_copy(platform.databases, preview.id):
            typer.echo(f"{copy.kind} {_stage(copy)}")
        for one in await lock_history(platform.databases, preview.id):
            print_row(one.at, "locked" if one.is_locked else "unlocked", one.actor, one.reason)

    with_platform(work)


def _end(environment: Environment, facts: PreviewFacts) -> str:
    """When an environment is deleted by itself, in words: only those of the test group ever are."""
    from tenants.environments import EnvironmentGroup  # noqa: PLC0415 - keeps --help quick

    if environment.kind.group is not EnvironmentGroup.TEST:
        return "never: no preview"
    return in_utc(facts.ends_at) if facts.ends_at else "never: locked"


def _stage(copy: Copy) -> str:
    """How far a copy is, in words."""
    if copy.state == "complete":
        return f"complete: {copy.rows_done} rows"
    return " ".join(
        [f"{copy.state} at {copy.step}: {copy.rows_done} of {copy.rows_total} rows", copy.error or ""]
    ).rstrip()


@previews.command("expire")
def expire(
    slug: Slug,
    at: Annotated[
        datetime | None,
        typer.Option(help="When it is deleted, in UTC unless it has an offset; left out: after 7 days without login."),
    ] = None,
    kind: Kind = "preview",
) -> None:
    """Set when a preview is deleted; while it is locked it is not."""
    from datetime import UTC  # noqa: PLC0415

    from tenants.copies.telling import tell_tenant  # noqa: PLC0415 - keeps --help quick
    from tenants.previews.actions import Who, set_expiry  # noqa: PLC0415
    from tenants.previews.queries import preview_facts  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        preview = await _environment(platform, slug, kind)
        moment = (at if at.tzinfo else at.replace(tzinfo=UTC)) if at else None
        await set_expiry(platform.databases, preview.id, moment, Who(ACTOR, is_platform=True))
        await tell_tenant(platform.registry, platform.bus, preview.id)
        is_locked = (await preview_facts(platform.copier, preview)).is_locked
        end = in_utc(moment) if moment else "after 7 days without a login"
        typer.echo(f"{preview.primary_host} ends {end}{', but not while it is locked' if is_locked else ''}")

    with_platform(work)


def _set_lock(slug: str, kind: str, reason: str, *, is_locked: bool) -> None:
    from tenants.copies.telling import tell_tenant  # noqa: PLC0415 - keeps --help quick
    from tenants.previews.actions import Who, set_lock  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        preview = await _environment(platform, slug, kind)
        who = Who(ACTOR, is_platform=True)
        await set_lock(platform.databases, preview.id, is_locked=is_locked, reason=reason, who=who)
        await tell_tenant(platform.registry, platform.bus, preview.id)
        typer.echo(f"{preview.primary_host} is {'locked' if is_locked else 'unlocked'}")

    with_platform(work)


async def _environment(platform: Platform, slug: str, kind: str) -> Environment:
    from opscom.accounts import environment_called  # noqa: PLC0415 - keeps --help quick

    return await environment_called(platform, slug, kind)
