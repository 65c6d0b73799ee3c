"""Writing messages, and what becomes of them. Who may cause a message is decided by the action that causes it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Update, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.kernel.actor import Permission
from domain.kernel.ids import uuid7
from domain.kernel.model import Json
from domain.kernel.work import Work
from domain.mail.errors import MessageNotFound, MessageNotResendable, ReplyToInvalid
from domain.mail.events import MessageWritten, ReplyToChanged
from domain.mail.models import MailSettings, Message, MessageKind, MessageState
from domain.mail.queries import kept_messages, lost_messages, reply_to
from domain.mail.rules import LONGEST_REASON, TAKEN_UP_FOR, can_be_resent, one_line
from domain.users.errors import EmailInvalid
from domain.users.rules import checked_email

TOO_OLD = "It could not be sent within seven days."


async def write(work: Work, kind: MessageKind, user_id: UUID, facts: Json, *, cause: str | None = None) -> UUID | None:
    """Write a message to a person; a run sends it after the commit. Returns its id.

    Facts are ids and plain words, never a secret. A ``cause`` that has its message already writes nothing: None.
    """
    values = {"id": uuid7(), "kind": kind, "user_id": user_id, "facts": facts, "cause": cause, "created_at": work.now}
    row = insert(Message).values(values).on_conflict_do_nothing().returning(Message.id)
    written = await work.rows(row)
    if not written:
        return None
    work.record(MessageWritten(written[0][0]))
    return written[0][0]


def end(work: Work, message: Message, state: MessageState, *, reason: str | None = None) -> None:
    """Note what became of a message in hand."""
    message.state, message.ended_at = state, work.now
    message.reason = None if reason is None else one_line(reason, LONGEST_REASON)


async def waiting_message(work: Work, message_id: UUID) -> Message | None:
    """The message, locked, if it still waits to be sent."""
    wanted = select(Message).where(Message.id == message_id, Message.state == MessageState.WAITING)
    return await work.scalar(wanted.with_for_update())


async def resend(work: Work, message_id: UUID) -> None:
    """Send a message that did not arrive once more. Needs MANAGE_SETTINGS. Raises MessageNotFound, MessageNotResendable."""
    work.actor.require(Permission.MANAGE_SETTINGS)
    message = await work.scalar(select(Message).where(Message.id == message_id).with_for_update())
    if message is None:
        raise MessageNotFound
    if not can_be_resent(MessageKind(message.kind), MessageState(message.state)):
        raise MessageNotResendable(message.state)
    _wait_again(message)
    work.record(MessageWritten(message.id))


async def take_up(work: Work, *, with_kept: bool) -> int:
    """Send what lost its run (a suspension, three crashes), and ``with_kept`` what had no way out. Returns how many.

    What lost its run and is too old to be sent by itself is given up, so that somebody can decide on it.
    """
    since = work.now - TAKEN_UP_FOR
    lost = await work.scalars(lost_messages().with_for_update())
    for message in (one for one in lost if one.created_at < since):
        end(work, message, MessageState.FAILED, reason=TOO_OLD)
    taken = [one for one in lost if one.created_at >= since]
    if with_kept:
        taken += await work.scalars(kept_messages(since).with_for_update())
    for message in taken:
        _wait_again(message)
        work.record(MessageWritten(message.id))
    return len(taken)


async def cancel_waiting(work: Work, reason: str) -> None:
    """Cancel everything that waits: its rows were brought back by a restore, and may have been sent since."""
    await work.execute(_cancelled(work, reason))


async def cancel_to(work: Work, kind: MessageKind, user_id: UUID, reason: str) -> None:
    """Cancel what waits of a kind to a person: what it says holds no more."""
    await work.execute(_cancelled(work, reason).where(Message.kind == kind, Message.user_id == user_id))


async def set_reply_to(work: Work, address: str | None) -> None:
    """Set where answers go, None or empty for nowhere. Needs MANAGE_SETTINGS. Raises ReplyToInvalid."""
    work.actor.require(Permission.MANAGE_SETTINGS)
    try:
        checked, _ = checked_email(address)
    except EmailInvalid:
        raise ReplyToInvalid from None
    before = await work.scalar(reply_to())
    if before == checked:
        return
    row = insert(MailSettings).values(id=1, reply_to=checked)
    await work.execute(row.on_conflict_do_update(index_elements=["id"], set_={"reply_to": checked}))
    work.record(ReplyToChanged(), before={"reply_to": before}, after={"reply_to": checked})


def _cancelled(work: Work, reason: str) -> Update:
    waiting = update(Message).where(Message.state.in_((MessageState.WAITING, MessageState.KEPT)))
    return waiting.values(state=MessageState.CANCELLED, reason=reason, ended_at=work.now)


def _wait_again(message: Message) -> None:
    message.state, message.reason, message.ended_at = MessageState.WAITING, None, None
