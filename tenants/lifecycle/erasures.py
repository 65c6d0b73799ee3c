"""What proves that a tenant was deleted, and deleting it again after a recovery brought it back.

A tombstone lies beside the backups, since a base backup of the database knows nothing of what was deleted after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import aliased

from domain.kernel.errors import NotFound
from tenants.environments import State
from tenants.lifecycle.deleting import TOMBSTONES, Tombstone, delete_tenant
from tenants.orphans import sweep_everything
from tenants.registry.models import DataKeyRow, EnvironmentRow, TenantRow
from tenants.registry.records import BackupKeyRow, ErasureRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from tenants.copies.copier import Copier


class ErasureNotFound(NotFound):
    """No tenant of this name or id was deleted."""

    code = "erasure.not_found"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was done to delete a tenant. ``base_backups_until`` is when the last base backup that holds its rows is gone."""

    tenant_id: UUID
    slug: str
    actor: str
    reason: str
    asked_at: datetime
    keys_destroyed_at: datetime | None
    schemas: Sequence[str]
    backups: int
    finished_at: datetime | None
    base_backups_until: datetime | None

    def is_final(self, now: datetime) -> bool:
        """Whether nothing of the tenant is anywhere any more, not even unreadable in a base backup."""
        return self.finished_at is not None and self.base_backups_until is not None and self.base_backups_until <= now


async def known_erasures(
    control: AsyncEngine, *, number: int | None = None, before: UUID | None = None
) -> Sequence[Erasure]:
    """Of all deletions that have begun, the newest first: all of them, or so many that were asked for before a tenant's."""
    e, t, last = ErasureRow, TenantRow, aliased(ErasureRow)
    wanted = (
        select(e.tenant_id, t.slug, e.actor, e.reason, e.asked_at, e.keys_destroyed_at)
        .add_columns(e.schemas, e.backups, e.finished_at, e.base_backups_until)
        .join_from(e, t, e.tenant_id == t.id)
        .where(e.keys_destroyed_at.is_not(None))
        .order_by(e.asked_at.desc(), e.tenant_id.desc())
        .limit(number)
    )
    if before is not None:
        asked_at = select(last.asked_at).where(last.tenant_id == before).scalar_subquery()
        wanted = wanted.where(tuple_(e.asked_at, e.tenant_id) < tuple_(asked_at, before))
    async with control.connect() as connection:
        return [Erasure(*row) for row in await connection.execute(wanted)]


async def erasure_of(control: AsyncEngine, name: str) -> Erasure:
    """The one of a tenant, by its short name or id. Raises ErasureNotFound."""
    for one in await known_erasures(control):
        if name in {one.slug, str(one.tenant_id)}:
            return one
    raise ErasureNotFound("No tenant of this name was deleted.", name=name)


async def apply(copier: Copier, *, actor: str) -> Sequence[UUID]:
    """Delete again whatever a recovery brought back of deleted tenants. Repeatable. Returns which tenants were there.

    To be done after a cell or the registry was restored, and before anything is served.
    """
    buried = {one.tenant_id: one for one in await asyncio.to_thread(_tombstones, copier)}
    for proof in await known_erasures(copier.databases.control()):
        facts = {"tenant_id": proof.tenant_id, "reason": proof.reason, "asked_at": proof.asked_at}
        buried.setdefault(proof.tenant_id, Tombstone.model_validate(facts))
    back = [one for one in buried.values() if await _is_back(copier, one.tenant_id)]
    for one in back:
        await delete_tenant(copier, one.tenant_id, actor=actor, reason=one.reason)
    await sweep_everything(copier)
    return [one.tenant_id for one in back]


def _tombstones(copier: Copier) -> list[Tombstone]:
    storage = copier.storage
    if not storage.is_configured:
        return []
    return [Tombstone.model_validate_json(storage.get(name)) for name in storage.names(TOMBSTONES)]


async def _is_back(copier: Copier, tenant_id: UUID) -> bool:
    """Whether anything of a deleted tenant is there, its keys or the end of its deletion unwritten included."""
    t, e, r = TenantRow, EnvironmentRow, ErasureRow
    signs = (
        select(t.id).where(t.id == tenant_id, t.state != State.DELETED),
        select(e.id).where(e.tenant_id == tenant_id, e.state != State.DELETED),
        select(DataKeyRow.tenant_id).where(DataKeyRow.tenant_id == tenant_id),
        select(BackupKeyRow.tenant_id).where(BackupKeyRow.tenant_id == tenant_id),
        select(r.tenant_id).where(r.tenant_id == tenant_id, r.finished_at.is_(None)),
    )
    async with copier.databases.control().connect() as connection:
        for sign in signs:
            if await connection.scalar(sign.limit(1)) is not None:
                return True
    return False
