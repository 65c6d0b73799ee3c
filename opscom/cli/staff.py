"""`opscom staff …`: accounts of the platform's own staff, for the ops host only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer(help="The platform's own staff.", no_args_is_help=True)


@app.command()
def create(
    user_name: Annotated[str, typer.Argument(help="User name, an e-mail address.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
) -> None:
    """Make an account for the ops host and print its password, once."""
    from opscom.accounts import create_staff  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        password = await create_staff(platform, user_name, name)
        typer.echo(f"user name {user_name}, password {password}")

    with_platform(work)
