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
    from tenants.rotation import new_data_keys, rewrap  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> int:
        done = await rewrap(platform.databases, actor=ACTOR)
        typer.echo(f"{done.changed} keys were wrapped under {platform.key_ring.primary}; {done.unchanged} were already")
        if data_keys:
            typer.echo(f"{await new_data_keys(platform.databases, actor=ACTOR)} tenants have a new data key")
        await platform.bus.nudge("registry")
        for tenant_id in sorted(set(done.unreadable)):
            typer.echo(f"a key of tenant {tenant_id} does not open with this ring", err=True)
        return len(done.unreadable)

    if with_platform(work):
        raise typer.Exit(1)


@app.command()
def reseal() -> None:
    """Seal the secrets of every environment with its tenant's newest data key. May be repeated.

    Exit code 1 if that was not possible for some: those stay as they are.
    """
    from domain.kernel.actor import Actor  # noqa: PLC0415 - keeps --help quick
    from domain.kernel.errors import ParkingError  # noqa: PLC0415
    from opscom.models import environment_models  # noqa: PLC0415
    from tenants import rotation  # noqa: PLC0415
    from tenants.environments import State  # noqa: PLC0415
    from tenants.registry.actions import note  # noqa: PLC0415

    async def work(platform: Platform) -> int:
        await platform.registry.load()
        columns, number, failed = rotation.sealed_columns(environment_models()), 0, 0
        for environment in platform.registry.current.by_id.values():
            if environment.state in {State.PENDING, State.DELETING}:
                continue
            try:
                async with platform.databases.work(environment, Actor.system("reseal")) as changing:
                    number += await rotation.reseal(changing, columns)
            except ParkingError as error:
                failed += 1
                typer.echo(f"{environment.primary_host or environment.id}: {error.code}: {error.message}", err=True)
        async with platform.databases.control().begin() as connection:
            await note(connection, ACTOR, "secrets_resealed", number=str(number))
        typer.echo(f"{number} secrets were sealed anew")
        return failed

    if with_platform(work):
        raise typer.Exit(1)
