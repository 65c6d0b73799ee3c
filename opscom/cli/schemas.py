"""`opscom schema …`: the three GraphQL schemas as text."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The three GraphQL schemas.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `print` a command of the group."""


@app.command("print")
def print_schemas(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a printed schema differs.")] = False,  # noqa: FBT002
) -> None:
    """Print the schemas into schema/portal.graphql, schema/admin.graphql and schema/ops.graphql."""
    from schema.printing import stale, write_all  # noqa: PLC0415 - keeps --help quick

    if not check:
        for path in write_all():
            typer.echo(f"wrote {path.name}")
        return
    differing = stale()
    for path in differing:
        typer.echo(f"{path.name} differs from what `opscom schema print` would write", err=True)
    if differing:
        raise typer.Exit(1)
