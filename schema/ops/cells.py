"""Cells on the control plane: read, opened, closed. Adding one needs credentials of its database: `opscom cell add`."""

from __future__ import annotations

from typing import Annotated

import strawberry

from domain.kernel.actor import Permission
from schema.arguments import Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires, sized
from schema.payloads import ARGUMENTS, UserError, attempt_outside
from tenants.cells.removing import remove_cell
from tenants.environments import EnvironmentGroup
from tenants.registry.cells import environments_by_cell, set_open

MOST_CELLS = 100


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="A database that holds environments.")
class Cell:
    """A cell."""

    name: str = strawberry.field(description="Its name.")
    address: str | None = strawberry.field(description="Where it lies; null for the registry's own database.")
    group: EnvironmentGroup | None = strawberry.field(description="The group it is made for; null for both.")
    is_open: bool = strawberry.field(description="Whether it takes further environments.")
    environments: int = strawberry.field(description="How many environments it holds.")


async def _cell_of_payload(payload: strawberry.Parent[CellPayload], info: Info) -> Cell | None:
    return next((cell for cell in await read_cells(info) if cell.name == payload.name), None)


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a cell.")
class CellPayload:
    """The cell after the change."""

    name: strawberry.Private[str | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    cell: Cell | None = strawberry.field(
        resolver=_cell_of_payload,
        description="The cell as it is now; null if nothing was changed or it is one no longer.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


async def read_cells(info: Info) -> list[Cell]:
    """All cells as the registry in memory knows them, and how full they are."""
    services = info.context.services
    async with services.databases.control().connect() as connection:
        numbers = await environments_by_cell(connection)
    return [
        Cell(
            name=cell.name,
            address=cell.address,
            group=cell.group,
            is_open=cell.is_open,
            environments=numbers.get(cell.name, 0),
        )
        for cell in services.registry.current.cells.values()
    ]


async def set_cell_open(
    info: Info,
    name: Annotated[str, strawberry.argument(description="The cell's name.")],
    is_open: Annotated[bool, strawberry.argument(name="open", description="True opens, false closes.")],
) -> CellPayload:
    """Open or close a cell."""
    _, errors = await attempt_outside(info.context, _set_open(info.context, name, is_open=is_open), ARGUMENTS)
    return CellPayload(name=None if errors else name, user_errors=errors)


async def remove(
    info: Info,
    name: Annotated[str, strawberry.argument(description="The cell's name.")],
    reason: Annotated[str, strawberry.argument(description="Why; it is kept with who did it.")],
    *,
    is_lost: Annotated[
        bool, strawberry.argument(name="lost", description="Its database is gone for good: nothing is asked of it.")
    ] = False,
) -> CellPayload:
    """Remove a cell."""
    context = info.context
    done = remove_cell(context.services.databases, name, actor=context.who, reason=reason, is_lost=is_lost)
    _, errors = await attempt_outside(context, done, ARGUMENTS)
    return CellPayload(name=None, user_errors=errors)


async def _set_open(context: Context, name: str, *, is_open: bool) -> None:
    async with context.services.databases.control().begin() as connection:
        await set_open(connection, name, is_open=is_open, actor=context.who)


@strawberry.type
class CellQueries:
    """Cells."""

    cells: list[Cell] | None = strawberry.field(
        resolver=read_cells,
        description="All cells, by name.",
        metadata=requires(Permission.VIEW_TENANTS) | sized(MOST_CELLS),
    )


@strawberry.type
class CellMutations:
    """Changes of cells."""

    set_cell_open: CellPayload | None = strawberry.field(
        resolver=set_cell_open,
        description="Let a cell take further environments, or none; those that are there stay.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
    remove_cell: CellPayload | None = strawberry.field(
        resolver=remove,
        description=(
            "Let an empty database be a cell no longer: no process looks there, and our logins there are over. Repeated where "
            "it did not answer."
        ),
        metadata=requires(Permission.MANAGE_TENANTS),
    )
