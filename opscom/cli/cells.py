"""`opscom cell …`: the databases that hold environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer(help="Cells: the databases that hold environments.", no_args_is_help=True)

ACTOR = "command line"
Name = Annotated[str, typer.Argument(help="The cell's name.")]


@app.command()
def add(
    name: Name,
    address: Annotated[
        str | None,
        typer.Option(help="Where our processes find it, without credentials; left out: as in OPSCOM_CELL_URLS."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="live or test: take new environments of this group only; left out: of both.")
    ] = None,
) -> None:
    """Make a database a cell: logins, run ledger, then new environments. Needs its provisioner's URL in OPSCOM_CELL_URLS.

    May be repeated, with another address where the database has moved.
    """
    from tenants.cells.adding import add_cell  # noqa: PLC0415
    from tenants.environments import EnvironmentGroup  # noqa: PLC0415 - keeps --help quick

    if group not in {None, *EnvironmentGroup}:
        msg = f"there are {', '.join(EnvironmentGroup)}"
        raise typer.BadParameter(msg)

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        chosen = EnvironmentGroup(group) if group else None
        cell = await add_cell(platform.databases, name, address=address, group=chosen, actor=ACTOR)
        await platform.bus.nudge("registry")
        typer.echo(f"{cell.name} is at {cell.address}")

    with_platform(work)


@app.command("list")
def list_cells() -> None:
    """List the cells: name, group, whether it takes further environments, how many it holds, address."""
    from tenants.registry.cells import environments_by_cell  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        async with platform.databases.control().connect() as connection:
            numbers = await environments_by_cell(connection)
        for cell in platform.registry.current.cells.values():
            state = "open" if cell.is_open else "closed"
            place = cell.address or "the registry's own database"
            print_row(cell.name, cell.group or "both", state, numbers.get(cell.name, 0), place)

    with_platform(work)


@app.command("open")
def open_cell(name: Name) -> None:
    """Let a cell take new environments again."""
    _set_open(name, is_open=True)


@app.command("close")
def close_cell(name: Name) -> None:
    """Let a cell take no further environments; those that are there stay."""
    _set_open(name, is_open=False)


@app.command()
def remove(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    *,
    lost: Annotated[bool, typer.Option("--lost", help="Its database is gone for good: ask nothing of it.")] = False,
) -> None:
    """Let an empty database be a cell no longer: no process looks there, and our logins there are over. May be repeated."""
    from tenants.cells.removing import remove_cell  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        try:
            await remove_cell(platform.databases, name, actor=ACTOR, reason=reason, is_lost=lost)
        finally:  # one that does not answer may be removed by now
            await platform.bus.nudge("registry")
        typer.echo(f"{name} is removed; its database and the roles that begin with the name of it are yours to drop")

    with_platform(work)


def _set_open(name: str, *, is_open: bool) -> None:
    from tenants.registry.cells import set_open  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        async with platform.databases.control().begin() as connection:
            await set_open(connection, name, is_open=is_open, actor=ACTOR)
        await platform.bus.nudge("registry")
        typer.echo(f"{name} is {'open' if is_open else 'closed'}")

    with_platform(work)
