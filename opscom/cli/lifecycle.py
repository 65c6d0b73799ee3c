"""`opscom tenant suspend|resume|archive|rename|move|export|delete`: the life of a tenant after it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.environments import State

app = typer.Typer()

ACTOR = "command line"
Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]


@app.command()
def suspend(slug: Slug, reason: Reason) -> None:
    """Let a tenant answer with its own page only: no logins, no jobs, no mail, nothing lost."""
    from tenants.environments import State  # noqa: PLC0415 - keeps --help quick

    _to(slug, State.SUSPENDED, reason)


@app.command()
def resume(slug: Slug, reason: Reason) -> None:
    """Let a suspended or archived tenant answer again."""
    from tenants.environments import State  # noqa: PLC0415 - keeps --help quick

    _to(slug, State.ACTIVE, reason)


@app.command()
def archive(slug: Slug, reason: Reason) -> None:
    """Let a tenant answer no more; its data are kept."""
    from tenants.environments import State  # noqa: PLC0415 - keeps --help quick

    _to(slug, State.ARCHIVED, reason)


@app.command()
def rename(slug: Slug, to: Annotated[str, typer.Argument(help="The new short name.")]) -> None:
    """Give a tenant another short name; its old host names lead to the new ones for 90 days."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle import actions  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        tenant = production_of(platform, slug).tenant
        await actions.rename(platform.databases, tenant.id, to, actor=ACTOR, now=platform.clock())
        await _tell(platform)
        typer.echo(f"{slug} is now {to}")

    with_platform(work)


@app.command()
def move(
    slug: Slug,
    to: Annotated[str, typer.Option(help="The cell, as `opscom cell list` names it.")],
    reason: Reason,
    kind: Annotated[str, typer.Option(help="Which environment.")] = "production",
) -> None:
    """Have a worker move an environment to another cell; it is read all the time, and not written to for some seconds."""
    from opscom.accounts import environment_called  # noqa: PLC0415 - keeps --help quick
    from tenants.moves import asking  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        environment = await environment_called(platform, slug, kind)
        copy_id = await asking.move(platform.databases, environment.id, to, actor=ACTOR, reason=reason)
        await platform.bus.nudge("dispatcher")
        typer.echo(f"copy {copy_id} is queued")

    with_platform(work)


@app.command()
def export(
    slug: Slug, to: Annotated[Path, typer.Option(help="The ZIP file to write; it must not be there yet.")]
) -> None:
    """Write a tenant's data for the client: one CSV file a table, without any secret."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle import exporting  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        found = await exporting.export(platform.copier, production_of(platform, slug), to)
        typer.echo(f"{to}: {found.files} tables, {found.rows} rows")

    with_platform(work)


@app.command("exports")
def list_exports(slug: Slug) -> None:
    """List the exports that lie sealed beside the backups: id, moment, until when, rows, kilobytes."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle.exports import exports_of  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        for one in await exports_of(platform.databases, production_of(platform, slug).tenant.id):
            print_row(one.id, one.made_at, one.until, one.rows, -(-one.size // 1000))

    with_platform(work)


@app.command("fetch-export")
def fetch_export(
    slug: Slug,
    export_id: Annotated[UUID, typer.Argument(help="The export's id, from `opscom tenant exports`.")],
    to: Annotated[Path, typer.Option(help="The ZIP file to write; it must not be there yet.")],
) -> None:
    """Open an export that was asked for over the ops API, and write it to a file."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle import exports  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        await exports.fetch_export(platform.copier, production_of(platform, slug).tenant.id, export_id, to)
        typer.echo(to)

    with_platform(work)


@app.command()
def delete(
    slug: Slug,
    confirm: Annotated[str, typer.Option(help="The short name again.")],
    reason: Reason,
) -> None:
    """Have an archived tenant deleted for ever: its keys first, then backups, rows and roles."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle.actions import ask_for_deletion  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        tenant = production_of(platform, slug).tenant
        run_id = await ask_for_deletion(platform.databases, tenant.id, confirmed=confirm, actor=ACTOR, reason=reason)
        await platform.bus.nudge("dispatcher")
        typer.echo(f"run {run_id} is queued")

    with_platform(work)


def _to(slug: str, to: State, reason: str) -> None:
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle.actions import set_state  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        tenant = production_of(platform, slug).tenant
        await set_state(platform.databases, tenant.id, to, actor=ACTOR, reason=reason)
        await _tell(platform)
        typer.echo(f"{slug} is {to}")

    with_platform(work)


async def _tell(platform: Platform) -> None:
    await platform.registry.load()
    await platform.bus.nudge("registry")
