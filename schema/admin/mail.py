"""Mail in the admin API: what was sent, or captured where nothing is sent; where answers go."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.paging import LARGEST_PAGE
from domain.mail.actions import resend, set_reply_to
from domain.mail.errors import MessageNotFound
from domain.mail.queries import message_by_id, reply_to
from schema.arguments import DEFAULT_PAGE, After, First, Id, Info
from schema.captures import CapturedCall, captured_call_of, newest_captures
from schema.context import Context
from schema.declare import PUBLIC, needs, requires, sized
from schema.ids import row_id
from schema.mail import Message, message_of, read_messages
from schema.paging import Connection
from schema.payloads import UserError, attempt

VIEW, MANAGE = requires(Permission.VIEW_MAIL), requires(Permission.MANAGE_SETTINGS)


async def _message_of_payload(payload: strawberry.Parent[ResendMailPayload], info: Info) -> Message | None:
    return None if payload.row is None else await message_with(info.context, payload.row)


@needs(PUBLIC)
@strawberry.type(description="The answer to `resendMail`.")
class ResendMailPayload:
    """The message, which waits again."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if it is sent again.")
    message: Message | None = strawberry.field(
        resolver=_message_of_payload,
        description="The message as it is now; null if it is not sent again.",
        metadata=requires(Permission.VIEW_MAIL),
    )


@strawberry.input(description="What is set for this site's mail.")
class UpdateMailSettingsInput:
    """The form of the settings."""

    reply_to: str | None = strawberry.field(description="The address that answers go to; null or empty for none.")


async def read_reply_to(info: Info) -> str | None:
    """Where answers go."""
    return await info.context.snapshot.scalar(reply_to())


@needs(PUBLIC)
@strawberry.type(description="The answer to `updateMailSettings`.")
class MailSettingsPayload:
    """The setting after the change."""

    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    reply_to: str | None = strawberry.field(
        resolver=read_reply_to,
        description="The address that answers go to now, if one is set.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


async def read_mail(info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET) -> Connection[Message]:
    """A page of messages."""
    number = info.context.environment.tenant.number
    return await read_messages(info.context.snapshot, first, after or None, lambda row: message_of(row, number))


async def find_message(info: Info, message_id: Id) -> Message | None:
    """One message."""
    tenant = info.context.environment.tenant.number
    return await message_with(info.context, row_id(message_id, "Message", tenant))


async def message_with(context: Context, row: UUID) -> Message | None:
    """The message of a row, None if there is none."""
    try:
        return message_of(await message_by_id(context.snapshot, row), context.environment.tenant.number)
    except MessageNotFound:
        return None


async def read_captured_calls(info: Info) -> list[CapturedCall]:
    """The newest captured calls."""
    return [captured_call_of(row) for row in await info.context.snapshot.scalars(newest_captures(info.context.actor))]


async def resend_mail(info: Info, message_id: Id) -> ResendMailPayload:
    """Send a message again."""
    row = row_id(message_id, "Message", info.context.environment.tenant.number)
    _, errors = await attempt(info.context, lambda work: resend(work, row))
    return ResendMailPayload(row=None if errors else row, user_errors=errors)


async def update_mail_settings(
    info: Info, typed: Annotated[UpdateMailSettingsInput, strawberry.argument(name="input", description="What is set.")]
) -> MailSettingsPayload:
    """Set where answers go."""
    _, errors = await attempt(info.context, lambda work: set_reply_to(work, typed.reply_to))
    return MailSettingsPayload(user_errors=errors)


@strawberry.type
class MailQueries:
    """Messages and captured calls."""

    mail: Connection[Message] | None = strawberry.field(
        resolver=read_mail,
        description="The messages that this site sent, or captured if it is a preview; the newest first.",
        metadata=VIEW,
    )
    message: Message | None = strawberry.field(
        resolver=find_message, description="The message with this id; null if there is none.", metadata=VIEW
    )
    captured_calls: list[CapturedCall] | None = strawberry.field(
        resolver=read_captured_calls,
        description="Calls to third parties that this preview held back, the newest hundred.",
        metadata=VIEW | sized(LARGEST_PAGE),
    )
    mail_reply_to: str | None = strawberry.field(
        resolver=read_reply_to,
        description="The address that answers to this site's mail go to, if one is set.",
        metadata=requires(Permission.VIEW_SETTINGS),
    )


@strawberry.type
class MailMutations:
    """What staff do with mail."""

    resend_mail: ResendMailPayload | None = strawberry.field(
        resolver=resend_mail,
        description="Send a message that was kept, failed or cancelled once more.",
        metadata=MANAGE,
    )
    update_mail_settings: MailSettingsPayload | None = strawberry.field(
        resolver=update_mail_settings,
        description="Set the address that answers to this site's mail go to.",
        metadata=MANAGE,
    )
