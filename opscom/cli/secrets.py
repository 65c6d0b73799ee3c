"""`opscom secrets …`: rotating the platform's keys and the tenants' data keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer(help="Keys and sealed secrets.", no_args_is_help=True)

ACTOR = "command line"


@app.command()
def rotate(
    data_keys: Annotated[bool, typer.Option("--data-keys", help="Also give every tenant a new data key.")] = False,  # noqa: FBT002
) -> None:
    """Wrap all keys under the first key of OPSCOM_SECRET_KEYS; afterwards the others may leave the ring. May be repeated.

    Exit code 1 if some can not be opened with this ring: those stay as they are.
    """
    from tenants.keys.rotation import new_data_keys, rewrap  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> int:
        done = await rewrap(platform.databases, actor=ACTOR)
        typer.echo(f"{done.changed} keys were wrapped under {platform.key_ring.primary}; {done.unchanged} were already")
        if data_keys:
            typer.echo(f"{await new_data_keys(platform.databases, actor=ACTOR)} tenants have a new data key")
        await platform.bus.nudge("registry")
        await platform.bus.nudge("dispatcher")
        for tenant_id in sorted(set(done.unreadable)):
            typer.echo(f"a key of tenant {tenant_id} does not open with this ring", err=True)
        return len(done.unreadable)

    if with_platform(work):
        raise typer.Exit(1)


@app.command()
def reseal() -> None:
    """Seal now what a worker seals after `rotate --data-keys`: all secrets with the newest data keys. May be repeated.

    Exit code 1 if that was not possible for some: those stay as they are.
    """
    from tenants.keys.resealing import reseal_all  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> int:
        done = await reseal_all(platform.copier, actor=ACTOR)
        for environment, error in done.failed:
            typer.echo(f"{environment.primary_host or environment.id}: {error.code}: {error.message}", err=True)
        typer.echo(f"{done.changed} secrets were sealed anew")
        return len(done.failed)

    if with_platform(work):
        raise typer.Exit(1)
