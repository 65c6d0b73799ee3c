"""The way to captured calls."""

from __future__ import annotations

from sqlalchemy import Select, select

from domain.captures.models import Capture
from domain.kernel.actor import Actor, Permission


def visible_captures(actor: Actor) -> Select[Capture]:
    """All captured calls, unordered. Needs VIEW_MAIL."""
    actor.require(Permission.VIEW_MAIL)
    return select(Capture)
