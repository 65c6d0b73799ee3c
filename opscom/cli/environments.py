"""`opscom environment …`: environments of a tenant beside its production, of five kinds in two groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer(help="Environments of a tenant beside its production.", no_args_is_help=True)

ACTOR = "command line"
Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
Kind = Annotated[str, typer.Option(help="staging or beta (live); preview, test or development (nothing real).")]


@app.command("list")
def list_environments(slug: Slug) -> None:
    """List a tenant's environments: kind, group, state, host, cell, features on trial."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        for one in platform.registry.siblings(production_of(platform, slug).id):
            trials = " ".join(sorted(one.trials)) or None
            print_row(one.kind, one.kind.group, one.state, one.primary_host, one.cell, trials)

    with_platform(work)


@app.command()
def create(
    slug: Slug,
    kind: Kind,
    backup: Annotated[
        UUID | None, typer.Option(help="Fill it from this backup, from `opscom backup list`; left out: empty.")
    ] = None,
) -> None:
    """Make an environment: empty, or by a worker from a backup, which is sanitised in the test group and not in the live one."""
    from opscom.accounts import kind_called, production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle.environments import add, add_from_backup  # noqa: PLC0415
    from tenants.previews.actions import Who  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        tenant, wanted = production_of(platform, slug).tenant.id, kind_called(kind)
        if backup is None:
            made = await add(platform.provisioner, tenant, wanted, actor=ACTOR)
            typer.echo(f"{made.primary_host} is {made.state}")
            return
        who = Who(ACTOR, is_platform=True)
        copy_id = await add_from_backup(platform.provisioner, tenant, wanted, backup, who)
        await platform.bus.nudge("registry")
        await platform.bus.nudge("dispatcher")
        typer.echo(f"copy {copy_id} is queued")

    with_platform(work)


@app.command()
def delete(slug: Slug, kind: Kind, reason: Annotated[str, typer.Option(help="Why; it is kept.")]) -> None:
    """Have an environment deleted by a worker; its backups stay until their time is over."""
    from opscom.accounts import environment_called  # noqa: PLC0415 - keeps --help quick
    from tenants.lifecycle.environments import ask_for_deletion  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        environment = await environment_called(platform, slug, kind)
        run_id = await ask_for_deletion(platform.databases, environment.id, actor=ACTOR, reason=reason)
        await platform.bus.nudge("dispatcher")
        typer.echo(f"run {run_id} is queued")

    with_platform(work)
