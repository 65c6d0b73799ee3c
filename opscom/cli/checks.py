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
    """Compare every schema with the migrations, and look for what leans on another tenant's; exit code 1 if anything is found."""
    from tenants.audits import find_drift, find_leaning, find_stray_grants  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> int:
        await platform.registry.load()
        everybody = [*platform.registry.current.by_id.values()]
        found = await find_drift(platform.databases, everybody)
        for cell in sorted(platform.registry.current.cells):
            found += await find_leaning(platform.databases, cell)
            found += await find_stray_grants(platform.databases, cell, [e for e in everybody if e.cell == cell])
        for one in found:
            typer.echo(f"{one.schema}\t{one.what}")
        typer.echo(f"{len(everybody)} environments, {len(found)} findings")
        return len(found)

    if with_platform(work):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check PostgreSQL, Valkey, the keys and the heads of all environments; exit code 1 if anything is wrong."""
    from opscom.health import findings  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> bool:
        healthy = True
        async for finding in findings(platform):
            typer.echo(f"{'ok  ' if finding.is_ok else 'FAIL'} {finding.what}: {finding.words}")
            healthy &= finding.is_ok
        return healthy

    if not with_platform(work):
        raise typer.Exit(1)
