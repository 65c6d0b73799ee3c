"""Mail and invitations of any tenant on the control plane. What messages say is the tenant's: only what became of them is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import NewAccount
from auth.invitations import invite
from domain.kernel.actor import Actor, Permission
from domain.kernel.errors import NotFound, ParkingError
from domain.kernel.paging import Page, read_page
from domain.mail.actions import resend
from domain.mail.models import Message as MessageRow
from domain.mail.queries import visible_messages
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires
from schema.ids import PLATFORM, row_id
from schema.mail import Message, message_of
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError, user_error
from tenants.environments import Environment, EnvironmentGroup

SUPPORT = Actor.system("platform staff")


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
    environment, start = _known(info.context, environment_id), read_cursor(after or None, UUID)
    if environment is None:
        return None
    async with info.context.services.databases.snapshot(environment, SUPPORT) as snapshot:
        statement = visible_messages(SUPPORT)
        rows, has_more = await read_page(snapshot, statement, MessageRow.id, Page(first, start), newest_first=True)
    return connection(
        rows,
        lambda row: replace(message_of(row, PLATFORM), text=None),
        lambda row: row.id,
        after=start,
        has_more=has_more,
    )


async def resend_mail(
    info: Info,
    environment_id: Id,
    message_id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
) -> MailPayload:
    """Send a message again."""
    row = row_id(message_id, "Message", PLATFORM)
    try:
        async with info.context.services.databases.work(_sure(info.context, environment_id), SUPPORT) as work:
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
    email = typed.user_name if "@" in typed.user_name else None
    name = typed.name or typed.user_name.partition("@")[0]
    account = NewAccount(typed.user_name, name, email=email, role=typed.role)
    try:
        environment = _sure(info.context, environment_id)
        is_preview = environment.kind.group is EnvironmentGroup.TEST
        async with info.context.services.databases.work(environment, SUPPORT) as work:
            await invite(work, account, into_preview=is_preview)
    except ParkingError as error:
        return MailPayload(user_errors=[user_error(error)])
    return MailPayload(user_errors=[])


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
