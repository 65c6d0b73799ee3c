"""`opscom staff …`: accounts of the platform's own staff, for the ops host only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer(help="The platform's own staff.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="User name, an e-mail address.")]


@app.command()
def create(user_name: UserName, name: Annotated[str, typer.Option(help="The person's name.")]) -> None:
    """Make an account for the ops host and print its password, once."""
    from opscom.accounts import create_staff  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        password = await create_staff(platform, user_name, name)
        typer.echo(f"user name {user_name}, password {password}")

    with_platform(work)


@app.command("list")
def list_staff() -> None:
    """List the accounts: user name, name, whether they may log in."""
    from opscom.accounts import staff_desk  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        async with staff_desk(platform) as desk:
            for one in await desk.everybody():
                print_row(one.user_name, one.name, "active" if one.is_active else "disabled")

    with_platform(work)


@app.command("new-password")
def new_password(user_name: UserName) -> None:
    """Give somebody another password and print it, once; ends all their logins."""
    from opscom.accounts import new_staff_password  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        typer.echo(f"user name {user_name}, password {await new_staff_password(platform, user_name)}")

    with_platform(work)


@app.command()
def disable(user_name: UserName) -> None:
    """Let somebody log in no more, and end all their logins."""
    _set_active(user_name, is_active=False)


@app.command()
def enable(user_name: UserName) -> None:
    """Let somebody log in again."""
    _set_active(user_name, is_active=True)


def _set_active(user_name: str, *, is_active: bool) -> None:
    from opscom.accounts import ACTOR, staff_desk  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        async with staff_desk(platform) as desk:
            await desk.set_active(user_name, is_active=is_active, actor=ACTOR.name)
        typer.echo(f"{user_name} may log in" if is_active else f"{user_name} may log in no more")

    with_platform(work)
