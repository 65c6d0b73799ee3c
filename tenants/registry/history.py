"""Reading what was done to tenants: steps in their life, and the platform's audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import String, cast, or_, select

from tenants.registry.models import EnvironmentRow, RegistryAuditRow, TransitionRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in the life of an environment."""

    id: UUID
    kind: str
    before: str
    after: str
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the platform's audit. ``facts`` are ids, names and reasons, never secrets."""

    id: UUID
    at: datetime
    actor: str
    action: str
    facts: Mapping[str, object]


async def transitions_of(
    control: AsyncEngine, tenant_id: UUID, *, number: int, before: UUID | None = None
) -> Sequence[Transition]:
    """The steps of all environments of a tenant, the newest first; those of deleted ones too."""
    t, e = TransitionRow, EnvironmentRow
    wanted = (
        select(t.id, e.kind, t.before, t.after, t.actor, t.reason, t.at)
        .join_from(t, e, t.environment_id == e.id)
        .where(e.tenant_id == tenant_id)
        .order_by(t.id.desc())
        .limit(number)
    )
    if before is not None:
        wanted = wanted.where(t.id < before)
    async with control.connect() as connection:
        return [Transition(*row) for row in await connection.execute(wanted)]


async def audit(
    control: AsyncEngine, *, number: int, before: UUID | None = None, tenant_id: UUID | None = None
) -> Sequence[Entry]:
    """The platform's audit, the newest first; of one tenant or of all."""
    a, e = RegistryAuditRow, EnvironmentRow
    wanted = select(a.id, a.at, a.actor, a.action, a.facts).order_by(a.id.desc()).limit(number)
    if before is not None:
        wanted = wanted.where(a.id < before)
    if tenant_id is not None:
        environments = select(cast(e.id, String)).where(e.tenant_id == tenant_id)
        of_tenant = a.facts["tenant"].as_string() == str(tenant_id)
        wanted = wanted.where(or_(of_tenant, a.facts["environment"].as_string().in_(environments)))
    async with control.connect() as connection:
        return [Entry(*row) for row in await connection.execute(wanted)]
