"""`opscom tenant show|history|erasure` and `opscom erasures`: what became of tenants, and the proof of their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.lifecycle.erasures import Erasure

of_tenant = typer.Typer()
erasures = typer.Typer(help="Tenants that were deleted.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
MOST_LINES = 10_000


@of_tenant.command()
def show(slug: Slug) -> None:
    """Show a tenant: its environments with hosts, cell, schema and head, and the steps in the making of each."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.steps import steps_of  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        production = production_of(platform, slug)
        print_row(production.tenant.slug, f"no. {production.tenant.number}", production.tenant.name)
        for one in platform.registry.siblings(production.id):
            hosts = " ".join(sorted(one.hosts)) or "no hosts"
            print_row(one.kind, one.state, hosts, one.cell, one.schema, f"at {one.head or 'nothing'}")
            for step in await steps_of(platform.databases.control(), one.id):
                when = f"{step.finished_at:%Y-%m-%d %H:%M:%SZ}" if step.finished_at else None
                print_row(f"  {step.step}", step.state, when, f"attempt {step.attempts}", step.error or "")

    with_platform(work)


@of_tenant.command()
def history(
    slug: Slug, number: Annotated[int, typer.Option(min=1, max=MOST_LINES, help="How many lines of each.")] = 50
) -> None:
    """Show what was done to a tenant, the newest first: steps in its life, then the platform's audit of it."""
    from opscom.accounts import production_of  # noqa: PLC0415 - keeps --help quick
    from tenants.registry.history import audit, transitions_of  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        tenant, control = production_of(platform, slug).tenant, platform.databases.control()
        for step in await transitions_of(control, tenant.id, number=number):
            print_row(step.at, step.kind, f"{step.before} -> {step.after}", step.actor, step.reason)
        for entry in await audit(control, number=number, tenant_id=tenant.id):
            facts = " ".join(f"{name}={value}" for name, value in entry.facts.items())
            print_row(entry.at, entry.action, entry.actor, facts)

    with_platform(work)


@of_tenant.command()
def erasure(name: Annotated[str, typer.Argument(help="Short name or id of a deleted tenant.")]) -> None:
    """Print the proof of a deletion: when keys were destroyed, what was removed, until when base backups are kept."""
    from tenants.lifecycle.erasures import erasure_of  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        found = await erasure_of(platform.databases.control(), name)
        for line in _lines(found, is_final=found.is_final(platform.clock())):
            typer.echo(line)

    with_platform(work)


@erasures.command("list")
def list_erasures() -> None:
    """List the deleted tenants: id, when it was asked for, when it was done, until when base backups are kept."""
    from tenants.lifecycle.erasures import known_erasures  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        for one in await known_erasures(platform.databases.control()):
            moments = (one.asked_at, one.finished_at, one.base_backups_until)
            typer.echo("\t".join([str(one.tenant_id), *(f"{at:%Y-%m-%d}" if at else "-" for at in moments)]))

    with_platform(work)


@erasures.command("apply")
def apply_erasures() -> None:
    """Delete again what a recovery of the database brought back of deleted tenants. Before anything is served; may be repeated."""
    from tenants.lifecycle.erasures import apply  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        back = await apply(platform.copier, actor="erasures apply")
        typer.echo(f"{len(back)} deleted tenants were back, and are deleted again")
        for tenant_id in back:
            typer.echo(str(tenant_id))

    with_platform(work)


def _lines(found: Erasure, *, is_final: bool) -> list[str]:
    moments = {"asked for": found.asked_at, "keys destroyed": found.keys_destroyed_at, "finished": found.finished_at}
    told = [f"tenant {found.tenant_id}", f"by {found.actor}: {found.reason}"]
    told += [f"{what} {at.isoformat(timespec='seconds') if at else 'not yet'}" for what, at in moments.items()]
    told.append(f"schemas dropped: {' '.join(found.schemas) or 'none'}; backups removed: {found.backups}")
    until = found.base_backups_until
    rest = f"base backups hold unreadable rest until {until:%Y-%m-%d}" if until else "base backups are not over yet"
    return [*told, "nothing is left of it anywhere" if is_final else rest]
