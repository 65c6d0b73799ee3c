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
    """Wrap all keys under the first key of OPSCOM_SECRET_KEYS; afterwards the others may leave the ring. May be repeated."""
    from tenants.rotation import new_data_keys, rewrap  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        done = await rewrap(platform.databases, actor=ACTOR)
        typer.echo(f"{done.changed} keys were wrapped under {platform.key_ring.primary}; {done.unchanged} were already")
        if data_keys:
            typer.echo(f"{await new_data_keys(platform.databases, actor=ACTOR)} tenants have a new data key")
        await platform.bus.nudge("registry")

    with_platform(work)


@app.command()
def reseal() -> None:
    """Seal the secrets of every environment with its tenant's newest data key. May be repeated."""
    from domain.kernel.actor import Actor  # noqa: PLC0415 - keeps --help quick
    from opscom.models import environment_models  # noqa: PLC0415
    from tenants import rotation  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        await platform.registry.load()
        columns, number = rotation.sealed_columns(environment_models()), 0
        for environment in platform.registry.current.by_id.values():
            if environment.is_routable:
                async with platform.databases.work(environment, Actor.system("reseal")) as changing:
                    number += await rotation.reseal(changing, columns)
        typer.echo(f"{number} secrets were sealed anew")

    with_platform(work)
