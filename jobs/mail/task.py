"""The system task Send Mail: one message a run; without one, what lost its run or had no way out is taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from auth.invitations import invitation_link
from domain.mail.actions import end, take_up, waiting_message
from domain.mail.letters import HIDDEN_LINK, WITH_LINK, Letter, Place, letter_of
from domain.mail.models import MessageKind, MessageState
from domain.mail.queries import reply_to
from domain.mail.rules import one_line, pause_after, text_of
from domain.users.queries import user_by_id
from jobs.mail.composing import Envelope, composed
from jobs.mail.faults import AddressUnusable, MailFault
from jobs.mail.smtp import hand_over
from tenants.outgoing.mail_domains import sender_of
from tenants.outlets import Outlet, outlet

if TYPE_CHECKING:
    from email.message import EmailMessage

    from domain.kernel.work import Work
    from domain.mail.models import Message
    from domain.users.models import User
    from jobs.context import RunContext

NOT_CONFIGURED = "Mail is not configured."


async def send_mail(context: RunContext) -> None:
    """Send the message that the payload names. Raises MailFault; with the last attempt of its run it is given up."""
    named = context.payload.get("message_id")
    if named is None:
        await _take_up(context)
        return
    message_id = UUID(str(named))
    try:
        await _send(context, message_id)
    except MailFault as fault:
        fault.retry_after = pause_after(context.claim.failures)
        await _note_failure(context, message_id, fault)
        raise


async def _take_up(context: RunContext) -> None:
    has_way_out = outlet(context.environment) is Outlet.CAPTURE or context.platform.settings.relay is not None
    async with context.work() as work:
        context.counters.updated = await take_up(work, with_kept=has_way_out)
    if context.counters.updated:
        context.runlog.info("taken_up", "Messages that waited are sent again.", count=context.counters.updated)


async def _send(context: RunContext, message_id: UUID) -> None:
    mail, relay = await _prepare(context, message_id), context.platform.settings.relay
    if mail is None or relay is None:
        return
    await hand_over(relay, mail)
    async with context.work() as work:
        message = await waiting_message(work, message_id)
        if message is not None:
            end(work, message, MessageState.SENT)
    context.counters.created = 1
    context.runlog.info("sent", "The message was handed to the mail server.")


async def _prepare(context: RunContext, message_id: UUID) -> EmailMessage | None:
    """The e-mail to hand over. None when the message is done with: ended before, captured, or kept for want of a server."""
    async with context.work() as work:
        message = await waiting_message(work, message_id)
        if message is None:
            context.counters.skipped = 1
            return None
        user = await _recipient(work, message)
        message.address = user.email
        if outlet(context.environment) is Outlet.CAPTURE:
            _keep_words(message, await _letter(context, work, message))
            end(work, message, MessageState.CAPTURED)
            return None
        _keep_words(message, letter_of(MessageKind(message.kind), message.facts, _place(context), HIDDEN_LINK))
        if context.platform.settings.relay is None:
            end(work, message, MessageState.KEPT, reason=NOT_CONFIGURED)
            return None
        letter = await _letter(context, work, message)
        envelope = await _envelope(context, work, user)
        return composed(letter, envelope, message.id, work.now)


async def _recipient(work: Work, message: Message) -> User:
    user = await work.scalar(user_by_id(message.user_id))
    if user is None or user.archived_at is not None:
        msg = "The person was put away."
        raise AddressUnusable(msg)
    return user


async def _letter(context: RunContext, work: Work, message: Message) -> Letter:
    """The letter as its recipient gets it, with a link made for this attempt."""
    kind, place = MessageKind(message.kind), _place(context)
    link = invitation_link(work, message.user_id, place.site) if kind in WITH_LINK else HIDDEN_LINK
    return letter_of(kind, message.facts, place, link)


def _keep_words(message: Message, letter: Letter) -> None:
    message.subject, message.text = one_line(letter.subject), text_of(letter)


async def _envelope(context: RunContext, work: Work, user: User) -> Envelope:
    if user.email is None:
        msg = "The person has no e-mail address."
        raise AddressUnusable(msg)
    answers_to = await work.scalar(reply_to())
    return Envelope(
        sender_of(context.platform.settings, context.environment.tenant),
        context.environment.tenant.name,
        user.email,
        user.name,
        answers_to,
    )


async def _note_failure(context: RunContext, message_id: UUID, fault: MailFault) -> None:
    """Keep why the message is not sent yet; it is given up where no further attempt follows."""
    is_last = not fault.is_passing or context.is_last_attempt
    async with context.work() as work:
        message = await waiting_message(work, message_id)
        if message is None:
            return
        if is_last:
            end(work, message, MessageState.FAILED, reason=fault.message)
        else:
            message.reason = fault.message


def _place(context: RunContext) -> Place:
    environment, settings = context.environment, context.platform.settings
    is_preview = outlet(environment) is Outlet.CAPTURE
    return Place(environment.tenant.name, settings.site_of(environment.primary_host), is_preview)
