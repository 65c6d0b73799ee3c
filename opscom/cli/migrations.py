"""`opscom migrate`: logins, registry, run ledger and every environment to head; and drafting a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring everything to head. Needs the provisioner's credentials in OPSCOM_DATABASE_URL. May be repeated."""
    from tenants.migrate import migrate_environments, migrate_platform  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        await migrate_platform(platform.databases)
        results = await migrate_environments(platform.databases)
        for result in results:
            typer.echo(f"{result.schema}: {result.before or 'nothing'} -> {result.after}")
        typer.echo(f"registry and run ledger are at head; {len(results)} environments were brought to head")

    with_platform(work)


@app.command("draft-revision", hidden=True)
def draft_revision(
    tree: Annotated[str, typer.Argument(help="registry, cell or environment")],
    title: Annotated[str, typer.Argument(help="What the revision does, in a few words.")],
) -> None:
    """For developers: write the next revision from what the models have and the revisions have not."""
    from opscom.revisions import draft_from_models  # noqa: PLC0415 - keeps --help quick

    path = draft_from_models(tree, title)
    typer.echo(f"wrote {path}: read it, complete it" if path else "models and revisions agree")
