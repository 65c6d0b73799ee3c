"""The ways to messages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Text, cast, exists, select

from domain.kernel.actor import Actor, Permission
from domain.kernel.ledger import UNFINISHED, TaskRun
from domain.kernel.snapshot import Snapshot
from domain.mail.errors import MessageNotFound
from domain.mail.models import MailSettings, Message, MessageState
from domain.tasks.catalogue import SEND_MAIL


def visible_messages(actor: Actor) -> Select[Message]:
    """All messages, unordered; their ids rise with time. Needs VIEW_MAIL."""
    actor.require(Permission.VIEW_MAIL)
    return select(Message)


async def message_by_id(snapshot: Snapshot, message_id: UUID) -> Message:
    """One message. Needs VIEW_MAIL. Raises MessageNotFound."""
    found = await snapshot.scalar(visible_messages(snapshot.actor).where(Message.id == message_id))
    if found is None:
        raise MessageNotFound
    return found


def lost_messages() -> Select[Message]:
    """Messages that wait without a run that would send them."""
    run = exists().where(
        TaskRun.task == SEND_MAIL.name,
        TaskRun.state.in_(UNFINISHED),
        TaskRun.payload["message_id"].as_string() == cast(Message.id, Text),
    )
    return select(Message).where(Message.state == MessageState.WAITING, ~run)


def kept_messages(since: datetime) -> Select[Message]:
    """Messages written since then that had no way out."""
    return select(Message).where(Message.state == MessageState.KEPT, Message.created_at >= since)


def reply_to() -> Select[str | None]:
    """Where answers to the tenant's mail go, if anywhere."""
    return select(MailSettings.reply_to)
