"""Calls to third parties that previews held back, as the admin API and the control plane show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Select

from domain.captures.models import Capture
from domain.captures.queries import visible_captures
from domain.kernel.actor import Actor
from domain.kernel.paging import LARGEST_PAGE
from schema.declare import PUBLIC, needs


@needs(PUBLIC)
@strawberry.type(
    name="CapturedCall",
    description="A call to a third party that a preview held back, without what it would have said.",
)
class CallOutline:
    """A captured call without its body, as the control plane shows it."""

    vendor: str = strawberry.field(description="The third party.")
    purpose: str = strawberry.field(description="What it was for.")
    address: str = strawberry.field(description="Where it would have gone.")
    count: int = strawberry.field(description="How often.")
    first_at: datetime = strawberry.field(description="When first.")
    last_at: datetime = strawberry.field(description="When last.")


@needs(PUBLIC)
@strawberry.type(description="A call to a third party that a preview held back. Equal calls are one.")
class CapturedCall(CallOutline):
    """A captured call, as the tenant's staff see it."""

    body: str = strawberry.field(description="What it would have said; empty if nothing.")


def newest_captures(actor: Actor) -> Select[Capture]:
    """The newest hundred, the newest first. Needs VIEW_MAIL."""
    return visible_captures(actor).order_by(Capture.last_at.desc()).limit(LARGEST_PAGE)


def call_outline_of(row: Capture) -> CallOutline:
    """A captured call from its row, without its body."""
    return CallOutline(**_facts(row))


def captured_call_of(row: Capture) -> CapturedCall:
    """A captured call from its row."""
    return CapturedCall(body=row.body, **_facts(row))


def _facts(row: Capture) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("vendor", "purpose", "address", "count", "first_at", "last_at")}
