"""`opscom migrate`: logins, registry, run ledger and every environment to head; and drafting a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from domain.kernel.errors import ParkingError
from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opscom.platform import Platform
    from tenants.migrations.forward import Migrated

app = typer.Typer()


@app.command()
def migrate(
    status: Annotated[bool, typer.Option("--status", help="Change nothing; say who stands where.")] = False,  # noqa: FBT002
) -> None:
    """Bring everything to head, one environment first.

    Needs the provisioner's credentials in OPSCOM_DATABASE_URL, and of every cell elsewhere in OPSCOM_CELL_URLS.
    May be repeated: what is at head is left alone.
    """
    if status:
        _show_status()
        return
    with_platform(_bring_to_head)


async def _bring_to_head(platform: Platform) -> None:
    """Who failed keeps nobody else from the furniture of the release, and a cell that is away no other cell from anything."""
    from tenants.fleet import MigrationsFailed, TooManyFailed, migrate_environments  # noqa: PLC0415 - keeps --help quick
    from tenants.migrate import CellsFailed, migrate_platform  # noqa: PLC0415

    failures: list[ParkingError] = []
    without: Mapping[str, str] = {}
    try:
        await migrate_platform(platform.databases)
    except CellsFailed as error:
        failures.append(error)
        without = error.why
    await platform.registry.load()
    for cell, why in without.items():
        typer.echo(f"cell {cell}: left alone: {why}")
    try:
        results = await migrate_environments(platform.databases, tell=_tell, without=without)
        which = "registry and run ledgers" if not without else "registry and run ledgers of the other cells"
        typer.echo(f"{which} are at head; {len(results)} environments were brought to head")
    except (MigrationsFailed, TooManyFailed) as error:
        failures.append(error)
    await platform.registry.load()
    await platform.bus.nudge("registry")
    unfurnished = await furnish_all(platform, without=without)
    if failures:
        raise failures[0]
    if unfurnished:
        raise MigrationsFailed(f"{len(unfurnished)} environments at head could not be furnished.", first=unfurnished[0])


def _tell(one: Migrated) -> None:
    """One line for each environment."""
    way = f"{one.before or 'nothing'} -> {one.after}" if one.after else f"at {one.before or 'nothing'}"
    typer.echo(f"{one.schema}: {way}{f': {one.error}' if one.error else ''}")


def _show_status() -> None:
    """How many environments stand where; exit code 1 unless all are at head."""
    from tenants.fleet import behind, failures, head_counts  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> bool:
        for one in await head_counts(platform.databases):
            waits = "\tindexes are next" if one.next_is_concurrent else ""
            typer.echo(f"{one.head}\t{one.environments} environments\t{one.failed} failed{waits}")
        for failed in await failures(platform.databases):
            print_row(failed.tenant, failed.schema, failed.error)
        return not await behind(platform.databases)

    if not with_platform(work):
        raise typer.Exit(1)


async def furnish_all(platform: Platform, *, without: Collection[str] = ()) -> list[str]:
    """What a release adds to the furniture of every environment: schedules of new tasks, permissions of built-in roles.

    ``without`` those of some cells.

    Returns the schemas for which it failed, each of which is told.
    """
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - keeps --help quick

    from domain.kernel.actor import Actor  # noqa: PLC0415
    from tenants.migrations.plan import lacks_what_is_needed  # noqa: PLC0415

    failed: list[str] = []
    for environment in platform.registry.current.by_id.values():
        if environment.cell in without or not environment.is_routable or lacks_what_is_needed(environment.head):
            continue
        try:
            async with platform.databases.work(environment, Actor.system("migrate")) as work:
                await platform.provisioner.furnish(work, environment)
        except (ParkingError, SQLAlchemyError) as error:
            failed.append(environment.schema)
            typer.echo(f"{environment.schema}: not furnished: {str(error).splitlines()[0]}")
    return failed


@app.command("draft-revision", hidden=True)
def draft_revision(
    tree: Annotated[str, typer.Argument(help="registry, cell or environment")],
    title: Annotated[str, typer.Argument(help="What the revision does, in a few words.")],
) -> None:
    """For developers: write the next revision from what the models have and the revisions have not."""
    from opscom.revisions import draft_from_models  # noqa: PLC0415 - keeps --help quick

    path = draft_from_models(tree, title)
    typer.echo(f"wrote {path}: read it, complete it" if path else "models and revisions agree")
