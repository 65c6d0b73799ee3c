"""`opscom doctor` and `opscom audit`: can this process reach what it needs, and is every schema as it should be?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer()


@app.command()
def audit() -> None:
    """Compare every schema with the migrations, look for what leans on another tenant's and for what nobody names.

    Exit code 1 if anything is found.
    """
    from tenants.orphans import audit_everything  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> int:
        found = await audit_everything(platform.copier)
        for one in found:
            typer.echo(f"{one.schema}\t{one.what}")
        typer.echo(f"{len(platform.registry.current.by_id)} environments, {len(found)} findings")
        return len(found)

    if with_platform(work):
        raise typer.Exit(1)


@app.command()
def sweep() -> None:
    """Remove now what the nightly sweep would remove: what dead processes left, and what nobody names."""
    from tenants.orphans import sweep_everything  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        for one in await sweep_everything(platform.copier):
            typer.echo(f"{one.schema}\t{one.what}")

    with_platform(work)


@app.command()
def doctor() -> None:
    """Check PostgreSQL, Valkey, the mail server, every cell, all heads and keys; exit code 1 if anything is wrong."""
    from opscom.health import findings  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> bool:
        healthy = True
        async for finding in findings(platform):
            typer.echo(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.what}: {finding.words}")
            healthy &= finding.is_ok
        return healthy

    if not with_platform(work):
        raise typer.Exit(1)
