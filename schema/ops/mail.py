"""Mail and invitations of any tenant on the control plane. What messages say is the tenant's: only what became of them is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import strawberry

from auth.accounts import account_of
from auth.invitations import invite, withdraw_named
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import ParkingError
from domain.kernel.paging import LARGEST_PAGE
from domain.kernel.work import Work
from domain.mail.actions import resend
from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.captures import CallOutline, call_outline_of, newest_captures
from schema.context import Context
from schema.declare import PUBLIC, needs, requires, sized
from schema.ids import PLATFORM, row_id
from schema.mail import MessageOutline, outline_of, read_messages
from schema.ops.known import EnvironmentId, environment_of, known_environment
from schema.paging import Connection
from schema.payloads import ARGUMENTS, INPUT, Path, UserError, user_error
from tenants.environments import Environment, EnvironmentGroup


@needs(PUBLIC)
@strawberry.type(description="The answer to a change of a tenant's mail or people.")
class MailPayload:
    """Whether it was done."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")


@strawberry.input(description="Whom to invite.")
class InviteInput:
    """The form of an invitation."""

    user_name: str = strawberry.field(description="The user name; of somebody new the e-mail address.")
    name: str = strawberry.field(default="", description="The name of somebody new.")
    email: str | None = strawberry.field(default=None, description="The e-mail address, if it is not the user name.")
    role: str | None = strawberry.field(default=None, description="The name of a role to give.")


async def read_mail(
    info: Info, environment_id: EnvironmentId, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[MessageOutline] | None:
    """A page of an environment's messages, without their texts."""
    environment = known_environment(info.context, environment_id)
    if environment is None:
        return None
    async with info.context.services.databases.snapshot(environment, _acting(info.context)) as snapshot:
        return await read_messages(snapshot, first, after or None, lambda row: outline_of(row, PLATFORM))


async def read_captured_calls(info: Info, environment_id: EnvironmentId) -> list[CallOutline] | None:
    """The newest captured calls of an environment, without their bodies."""
    environment = known_environment(info.context, environment_id)
    if environment is None:
        return None
    async with info.context.services.databases.snapshot(environment, _acting(info.context)) as snapshot:
        return [call_outline_of(row) for row in await snapshot.scalars(newest_captures(snapshot.actor))]


async def resend_mail(
    info: Info,
    environment_id: EnvironmentId,
    message_id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
) -> MailPayload:
    """Send a message again."""
    row = row_id(message_id, "Message", PLATFORM)
    return await _done(info.context, environment_id, lambda work, _into: resend(work, row), ARGUMENTS)


async def invite_user(
    info: Info,
    environment_id: EnvironmentId,
    typed: Annotated[InviteInput, strawberry.argument(name="input", description="Whom to invite.")],
) -> MailPayload:
    """Invite somebody, or once more."""

    async def act(work: Work, into: Environment) -> None:
        account = account_of(typed.user_name, name=typed.name, email=typed.email, role=typed.role)
        await invite(work, account, into_preview=into.kind.group is EnvironmentGroup.TEST)

    return await _done(info.context, environment_id, act)


async def withdraw_invitation(
    info: Info,
    environment_id: EnvironmentId,
    user_name: Annotated[str, strawberry.argument(description="The user name of who was invited.")],
) -> MailPayload:
    """Take an invitation back."""
    return await _done(info.context, environment_id, lambda work, _into: withdraw_named(work, user_name), ARGUMENTS)


async def _done(
    context: Context, environment_id: str, act: Callable[[Work, Environment], Awaitable[object]], within: Path = INPUT
) -> MailPayload:
    """Do something in one Work of an environment."""
    try:
        environment = environment_of(context, environment_id)
        async with context.services.databases.work(environment, _acting(context)) as work:
            await act(work, environment)
    except ParkingError as error:
        return MailPayload(user_errors=[user_error(error, within)])
    return MailPayload(user_errors=[])


def _acting(context: Context) -> Actor:
    """The platform inside a tenant, under the name of who of its staff does it: the tenant's own audit has that."""
    return Actor.system(f"{context.who} (platform staff)")


@strawberry.type
class MailQueries:
    """Messages of an environment."""

    mail: Connection[MessageOutline] | None = strawberry.field(
        resolver=read_mail,
        description="What became of an environment's messages, the newest first. Their texts are the tenant's.",
        metadata=requires(Permission.VIEW_TENANTS),
    )
    captured_calls: list[CallOutline] | None = strawberry.field(
        resolver=read_captured_calls,
        description="Calls to third parties that a preview held back, the newest hundred. What they say is the tenant's.",
        metadata=requires(Permission.VIEW_TENANTS) | sized(LARGEST_PAGE),
    )


@strawberry.type
class MailMutations:
    """What staff of the platform do about mail and people."""

    resend_mail: MailPayload | None = strawberry.field(
        resolver=resend_mail,
        description="Send a message that was kept, failed or cancelled once more.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
    invite_user: MailPayload | None = strawberry.field(
        resolver=invite_user,
        description="Invite somebody by mail, or once more: the link lets them choose a password.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
    withdraw_invitation: MailPayload | None = strawberry.field(
        resolver=withdraw_invitation,
        description="Take somebody's invitation back. In a preview, who is not staff is logged out.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
