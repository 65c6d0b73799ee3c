"""Messages to people as the admin API and the control plane show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from domain.kernel.paging import Page, read_page
from domain.kernel.snapshot import Snapshot
from domain.mail.models import Message as MessageRow
from domain.mail.models import MessageKind, MessageState
from domain.mail.queries import visible_messages
from schema.declare import PUBLIC, needs
from schema.descriptions import described
from schema.ids import global_id
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor

T = TypeVar("T")

described(
    MessageKind,
    "What a message is about.",
    {
        MessageKind.INVITATION: "An invitation to choose a password.",
        MessageKind.COPY_DONE: "A preview space was refreshed.",
        MessageKind.COPY_FAILED: "A refresh of a preview space failed.",
        MessageKind.PREVIEW_ENDS: "A preview space is about to be deleted.",
        MessageKind.PREVIEW_LOCKED: "A preview space is still locked.",
        MessageKind.FEATURE_WAITS: "A feature on trial waits for a decision.",
        MessageKind.DOMAIN_FAILING: "The DNS of an own domain is wrong.",
        MessageKind.DOMAIN_ENDED: "An own domain is served no more, since its DNS stayed wrong.",
    },
)
described(
    MessageState,
    "What became of a message.",
    {
        MessageState.WAITING: "Waits to be sent, or to be tried again; its reason says why.",
        MessageState.SENT: "Handed to the mail server.",
        MessageState.CAPTURED: "Held back, since this is a preview, and readable there.",
        MessageState.KEPT: "Not sent, since no mail server is configured; it is sent as soon as there is one.",
        MessageState.FAILED: "Given up; its reason says why. It can be sent again.",
        MessageState.CANCELLED: "Taken back before it was sent.",
    },
)


@needs(PUBLIC)
@strawberry.type(name="Message", description="A message to a person: what became of it, and not what it says.")
class MessageOutline:
    """A message without its text, as the control plane shows it."""

    id: strawberry.ID = strawberry.field(
        description="The id by which it is sent again: opaque, and of its environment."
    )
    kind: MessageKind = strawberry.field(description="What it is about.")
    state: MessageState = strawberry.field(description="What became of it.")
    reason: str | None = strawberry.field(description="Why it is not sent, if it is not.")
    address: str | None = strawberry.field(description="The address that it went, or would have gone to.")
    subject: str | None = strawberry.field(description="Its subject; null before the first attempt.")
    created_at: datetime = strawberry.field(description="When it was written.")
    ended_at: datetime | None = strawberry.field(description="When it was sent, captured, kept or given up.")


@needs(PUBLIC)
@strawberry.type(description="A message to a person. The field that returns it says who may see it.")
class Message(Node, MessageOutline):
    """A message with its text, as the tenant's staff see it."""

    text: str | None = strawberry.field(
        description="Its text; null before the first attempt. One-time links are in it in a preview only; elsewhere "
        "they are its recipient's."
    )


def outline_of(row: MessageRow, number: int) -> MessageOutline:
    """A message from its row; ``number`` is what its id carries."""
    return MessageOutline(**_facts(row, number))


def message_of(row: MessageRow, tenant: int) -> Message:
    """A message with its text; ``tenant`` is the number that its id carries."""
    return Message(text=row.text, **_facts(row, tenant))


def _facts(row: MessageRow, number: int) -> dict[str, Any]:
    return {
        "id": global_id("Message", number, row.id),
        "kind": MessageKind(row.kind),
        "state": MessageState(row.state),
        "reason": row.reason,
        "address": row.address,
        "subject": row.subject,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


async def read_messages(
    snapshot: Snapshot, first: int, after: str | None, shown: Callable[[MessageRow], T]
) -> Connection[T]:
    """A page of the messages that the snapshot's actor may see, newest first."""
    start = read_cursor(after or None, UUID)
    statement = visible_messages(snapshot.actor)
    rows, has_more = await read_page(snapshot, statement, MessageRow.id, Page(first, start), newest_first=True)
    return connection(rows, shown, lambda row: row.id, after=start, has_more=has_more)
