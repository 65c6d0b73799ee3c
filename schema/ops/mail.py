"""Mail and invitations of any tenant on the control plane. What messages say is the tenant's: only what became of them is shown."""

from __future__ import annotations

from typing import Annotated

import strawberry

from auth.accounts import account_of
from auth.invitations import invite
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import NotFound, ParkingError
from domain.mail.actions import resend
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires
from schema.ids import PLATFORM, row_id
from schema.mail import Message, read_messages
from schema.paging import Connection
from schema.payloads import UserError, user_error
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
    role: str | None = strawberry.field(default=None, description="The name of a role to give.")


async def read_mail(
    info: Info, environment_id: Id, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Message] | None:
    """A page of an environment's messages, without their texts."""
    environment = _known(info.context, environment_id)
    if environment is None:
        return None
    async with info.context.services.databases.snapshot(environment, _acting(info.context)) as snapshot:
        return await read_messages(snapshot, first, after or None, number=PLATFORM, has_text=False)


async def resend_mail(
    info: Info,
    environment_id: Id,
    message_id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
) -> MailPayload:
    """Send a message again."""
    row = row_id(message_id, "Message", PLATFORM)
    try:
        environment = _sure(info.context, environment_id)
        async with info.context.services.databases.work(environment, _acting(info.context)) as work:
            await resend(work, row)
    except ParkingError as error:
        return MailPayload(user_errors=[user_error(error)])
    return MailPayload(user_errors=[])


async def invite_user(
    info: Info,
    environment_id: Id,
    typed: Annotated[InviteInput, strawberry.argument(name="input", description="Whom to invite.")],
) -> MailPayload:
    """Invite somebody, or once more."""
    try:
        account = account_of(typed.user_name, name=typed.name, role=typed.role)
        environment = _sure(info.context, environment_id)
        is_preview = environment.kind.group is EnvironmentGroup.TEST
        async with info.context.services.databases.work(environment, _acting(info.context)) as work:
            await invite(work, account, into_preview=is_preview)
    except ParkingError as error:
        return MailPayload(user_errors=[user_error(error)])
    return MailPayload(user_errors=[])


def _acting(context: Context) -> Actor:
    """The platform inside a tenant, under the name of who of its staff does it: the tenant's own audit has that."""
    return Actor.system(f"{context.actor.name} (platform staff)")


def _known(context: Context, environment_id: str) -> Environment | None:
    return context.services.registry.by_id(row_id(environment_id, "Environment", PLATFORM))


def _sure(context: Context, environment_id: str) -> Environment:
    environment = _known(context, environment_id)
    if environment is None:
        raise NotFound("There is no such environment.")
    return environment


@strawberry.type
class MailQueries:
    """Messages of an environment."""

    mail: Connection[Message] | None = strawberry.field(
        resolver=read_mail,
        description="What became of an environment's messages, the newest first. Their texts are the tenant's.",
        metadata=requires(Permission.VIEW_TENANTS),
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
