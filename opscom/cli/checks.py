"""`opscom doctor`: can this process reach what it needs, and is everything at head?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer()


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
