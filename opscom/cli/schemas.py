"""`opscom schema …`: the three GraphQL schemas as text, and the documents that are published for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The three GraphQL schemas.", no_args_is_help=True)


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


@app.command("check-manifests")
def check_manifests(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="What OPSCOM_MANIFESTS will name.")],
) -> None:
    """Look at manifests of published documents as the gateway does at its start; fail at the first that it refuses."""
    from schema.operations.published import publish_folder  # noqa: PLC0415 - keeps --help quick
    from schema.printing import build_all  # noqa: PLC0415

    for api in build_all():
        typer.echo(f"{api.name}: {publish_folder(api, folder)} documents")
