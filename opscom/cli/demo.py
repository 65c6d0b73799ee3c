"""`opscom demo` and `opscom watch`: the whole product on this machine, and its live map in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            envvar="OPSCOM_DEMO_FOLDER", help="Where its data are kept; .opscom in the repository if not given."
        ),
    ] = None,
) -> None:
    """Run the whole product here: databases, gateway, worker, dispatcher and the vendors' simulators.

    OPSCOM_PORT (8000) is where it answers; OPSCOM_DATABASE_URL and OPSCOM_REDIS_URL name servers to use in place of its own.
    """
    from opscom.cli.running import log_to_stderr  # noqa: PLC0415 - keeps --help quick
    from opscom.demo.places import FOLDER, DemoError, Places  # noqa: PLC0415
    from opscom.demo.run import run  # noqa: PLC0415
    from opscom.embedded.child import EmbeddedServerError  # noqa: PLC0415

    log_to_stderr()
    try:
        run(Places((folder or FOLDER).absolute()))
    except (DemoError, EmbeddedServerError) as error:
        typer.echo(f"opscom demo: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def watch(
    tenant: Annotated[str, typer.Argument(help="Short name of the tenant.")],
    port: Annotated[int | None, typer.Option(help="Port of the gateway; the running demo's if not given.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the state of now and end, for scripts.")] = False,  # noqa: FBT002
) -> None:
    """Show a tenant's live map in the terminal, as any visitor sees it. Ctrl-C ends it."""
    from opscom.watch.run import watch_tenant  # noqa: PLC0415 - keeps --help quick
    from opscom.watch.stream import WatchRefused  # noqa: PLC0415

    try:
        watch_tenant(tenant, port, once=once)
    except WatchRefused as error:
        typer.echo(f"opscom watch: {error}", err=True)
        raise typer.Exit(1) from None
