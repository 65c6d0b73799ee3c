"""`opscom mail …`: the messages of a tenant's environments, and what previews held back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from opscom.cli.rows import print_row
from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from domain.kernel.snapshot import Snapshot
    from opscom.platform import Platform
    from tenants.environments import Environment

app = typer.Typer(help="Mail of tenants: sent, kept, captured.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="Short name of the tenant.")]
Kind = Annotated[str, typer.Option(help="Which environment.")]
MessageId = Annotated[UUID, typer.Argument(help="The message's id, from `opscom mail list`.")]
SHOWN = 50


@app.command("list")
def list_mail(slug: Slug, kind: Kind = "production") -> None:
    """List the newest messages of an environment: id, when, state, address, subject, why it is not sent."""
    from domain.mail.models import Message  # noqa: PLC0415 - keeps --help quick
    from domain.mail.queries import visible_messages  # noqa: PLC0415

    async def read(snapshot: Snapshot) -> None:
        newest = visible_messages(snapshot.actor).order_by(Message.id.desc()).limit(SHOWN)
        for one in await snapshot.scalars(newest):
            print_row(one.id, one.created_at, one.state, one.address, one.subject, one.reason)

    _read(slug, kind, read)


@app.command()
def show(slug: Slug, message: MessageId, kind: Kind = "production") -> None:
    """Show a message. One-time links are readable in previews only."""
    from domain.mail.queries import message_by_id  # noqa: PLC0415 - keeps --help quick

    async def read(snapshot: Snapshot) -> None:
        found = await message_by_id(snapshot, message)
        typer.echo(f"To: {found.address or '-'}\nSubject: {found.subject or '-'}\n\n{found.text or '(not sent yet)'}")

    _read(slug, kind, read)


@app.command()
def captures(slug: Slug, kind: Kind = "preview") -> None:
    """List the calls to third parties that a preview held back: how often, when last, for what, where to, with what."""
    from domain.captures.models import Capture  # noqa: PLC0415 - keeps --help quick
    from domain.captures.queries import visible_captures  # noqa: PLC0415

    async def read(snapshot: Snapshot) -> None:
        for one in await snapshot.scalars(visible_captures(snapshot.actor).order_by(Capture.last_at.desc())):
            print_row(one.count, one.last_at, one.vendor, one.purpose, one.address, one.body)

    _read(slug, kind, read)


@app.command()
def resend(slug: Slug, message: MessageId, kind: Kind = "production") -> None:
    """Send a message that was kept, failed or cancelled once more."""
    from domain.mail import actions  # noqa: PLC0415 - keeps --help quick
    from opscom.accounts import ACTOR  # noqa: PLC0415

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        async with platform.databases.work(environment, ACTOR) as writing:
            await actions.resend(writing, message)
        typer.echo("it is sent again")

    with_platform(work)


def _read(slug: str, kind: str, read: Callable[[Snapshot], Awaitable[None]]) -> None:
    from opscom.accounts import ACTOR  # noqa: PLC0415 - keeps --help quick

    async def work(platform: Platform) -> None:
        environment = await _environment(platform, slug, kind)
        async with platform.databases.snapshot(environment, ACTOR) as snapshot:
            await read(snapshot)

    with_platform(work)


async def _environment(platform: Platform, slug: str, kind: str) -> Environment:
    from opscom.accounts import environment_called  # noqa: PLC0415 - keeps --help quick

    return await environment_called(platform, slug, kind)
