"""Environments of a tenant beside its production: made empty or from a backup, and deleted. All kinds but production."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.kernel.errors import Conflict, NotFound
from tenants.backups.restoring import restore
from tenants.copies.errors import CopyRunning, PreviewLocked
from tenants.environments import EnvironmentGroup, EnvironmentKind, State, canonical_host
from tenants.lifecycle.actions import checked_reason
from tenants.platform_tasks import DELETE_ENVIRONMENT, enqueue_once, ledger_name
from tenants.previews.actions import Who, refresh
from tenants.registry.actions import StateForbids, TenantNotFound, begin_deletion, note, register_environment
from tenants.registry.models import EnvironmentRow, TenantRow
from tenants.registry.placing import choose_cell
from tenants.registry.records import CopyRow
from tenants.steps import Step, taken

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.databases import Databases
    from tenants.environments import Environment
    from tenants.provisioning import Provisioner


class EnvironmentExists(Conflict):
    """The tenant has an environment of this kind."""

    code = "environment.exists"


class IsProduction(Conflict):
    """Production is made and deleted with its tenant."""

    code = "environment.is_production"


async def add(provisioner: Provisioner, tenant_id: UUID, kind: EnvironmentKind, *, actor: str) -> Environment:
    """Make an environment: empty, furnished, active. Takes up an interrupted one.

    Raises IsProduction, TenantNotFound, StateForbids (the tenant is not active), EnvironmentExists, CopyRunning.
    """
    _refuse_production(kind)
    databases = provisioner.databases
    async with databases.control().begin() as connection:
        t = TenantRow
        wanted = select(t.slug, t.state).where(t.id == tenant_id).with_for_update()
        tenant = (await connection.execute(wanted)).one_or_none()
        if tenant is None:
            raise TenantNotFound("There is no such tenant.")
        if tenant.state != State.ACTIVE:
            raise StateForbids("Only a tenant that is active gets another environment.", before=tenant.state)
        environment_id = await _pending(connection, tenant_id, kind)
        if environment_id is None:
            host = canonical_host(kind, tenant.slug, databases.settings.base_domain)
            cell = await choose_cell(connection, kind.group)
            environment_id = await register_environment(connection, tenant_id, kind, cell=cell, host=host)
            await note(connection, actor, "environment_registered", tenant=str(tenant_id), kind=kind)
            await taken(connection, environment_id, Step.REGISTERED)
    return await provisioner.provision(environment_id, actor=actor)


async def add_from_backup(
    provisioner: Provisioner, tenant_id: UUID, kind: EnvironmentKind, backup_id: UUID, who: Who
) -> UUID:
    """Make an environment that holds a backup of its tenant. Returns the copy's id; a run carries it out.

    In the test group that is the first refresh, which sanitises. A live one is made empty and restored: it has everything
    of the backup, live credentials too. Raises as ``add``, ``refresh`` and ``restore`` do.
    """
    if kind.group is EnvironmentGroup.TEST:
        return await refresh(provisioner.databases, tenant_id, backup_id, who, kind=kind)
    made = await add(provisioner, tenant_id, kind, actor=who.name)
    return await restore(provisioner.databases, made.id, backup_id, actor=who.name, reason=f"new {kind}")


async def ask_for_deletion(databases: Databases, environment_id: UUID, *, actor: str, reason: str) -> UUID:
    """Have an environment deleted, which answers no more from here on; its backups stay until their time is over.

    Returns the run's id.

    Raises NotFound, IsProduction, PreviewLocked, ReasonMissing.
    """
    reason, e = checked_reason(reason), EnvironmentRow
    wanted = select(e.kind, e.is_locked).where(e.id == environment_id, e.state != State.DELETED).with_for_update()
    async with databases.control().begin() as connection:
        row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise NotFound("There is no such environment.")
        _refuse_production(EnvironmentKind(row.kind))
        if row.is_locked:
            raise PreviewLocked("The preview is locked: unlock it first.")
        await begin_deletion(connection, environment_id, actor=actor, reason=reason)
        facts = {"environment": str(environment_id), "kind": row.kind, "reason": reason}
        await note(connection, actor, "environment_deletion_requested", **facts)
        name = ledger_name(databases.database_name(""))
        return await enqueue_once(connection, name, DELETE_ENVIRONMENT, environment_id)


def _refuse_production(kind: EnvironmentKind) -> None:
    if kind is EnvironmentKind.PRODUCTION:
        raise IsProduction("Production is made and deleted with its tenant.", field="kind")


async def _pending(connection: AsyncConnection, tenant_id: UUID, kind: EnvironmentKind) -> UUID | None:
    """One that was begun and is to be finished; None if there is none. Raises EnvironmentExists, CopyRunning."""
    e, c = EnvironmentRow, CopyRow
    wanted = select(e.id, e.state).where(e.tenant_id == tenant_id, e.kind == kind, e.state != State.DELETED)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        return None
    if row.state != State.PENDING:
        raise EnvironmentExists("The tenant has an environment of this kind.", field="kind", kind=kind)
    copies = select(c.id).where(c.environment_id == row.id, c.state.in_(("queued", "running")))
    if await connection.scalar(copies.limit(1)) is not None:
        raise CopyRunning("A copy into this environment is under way already.", kind=kind)
    return UUID(str(row.id))
