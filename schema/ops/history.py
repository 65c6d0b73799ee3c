"""What was done to tenants on the control plane: steps, the platform's audit, and the proof of deletions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.paging import Page
from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.declare import needs, requires, sized
from schema.ids import PLATFORM, global_id, row_id
from schema.ops.known import EnvironmentId, TenantId
from schema.paging import Connection, connection, read_cursor
from tenants.environments import EnvironmentKind, State
from tenants.lifecycle import erasures
from tenants.registry import history
from tenants.steps import StepStatus, steps_of

VIEW = requires(Permission.VIEW_TENANTS)
OfTenant = Annotated[strawberry.ID | None, strawberry.argument(description="Of one tenant only; null: of all.")]


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="One step in the making of an environment.")
class ProvisioningStep:
    """How a step stands."""

    name: str = strawberry.field(description="`registered`, `created`, `furnished` or `active`, in this order.")
    state: str = strawberry.field(description="`waiting`, `running`, `done` or `failed`.")
    attempts: int = strawberry.field(description="How often it was begun.")
    started_at: datetime | None = strawberry.field(description="When it was begun the last time.")
    finished_at: datetime | None = strawberry.field(description="When it was done, or failed.")
    error: str | None = strawberry.field(description="Why it failed, if it did.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="One step in the life of an environment.")
class Transition:
    """From one state to another."""

    kind: EnvironmentKind = strawberry.field(description="Which environment of the tenant.")
    before: State = strawberry.field(description="The state before.")
    after: State = strawberry.field(description="The state after.")
    actor: str = strawberry.field(description="Who did it.")
    reason: str = strawberry.field(description="Why.")
    at: datetime = strawberry.field(description="When.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="One fact of a line of the audit.")
class AuditFact:
    """A name and a value."""

    name: str = strawberry.field(description="What it is.")
    value: str = strawberry.field(description="Its value.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="One line of the platform's audit: who did what. Nothing in it is ever changed.")
class PlatformAuditEntry:
    """What was done."""

    at: datetime = strawberry.field(description="When.")
    actor: str = strawberry.field(description="Who did it.")
    action: str = strawberry.field(description="What was done.")
    facts: list[AuditFact] = strawberry.field(description="To what, and why.", metadata=sized(5))


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="The proof that a tenant was deleted.")
class Erasure:
    """A certificate."""

    tenant_id: strawberry.ID = strawberry.field(description="The id that the tenant had.")
    slug: str = strawberry.field(description="The short name that it had.")
    actor: str = strawberry.field(description="Who carried it out.")
    reason: str = strawberry.field(description="Why.")
    asked_at: datetime = strawberry.field(description="When it was asked for.")
    unreadable_since: datetime | None = strawberry.field(
        description="When its keys were destroyed: from then on no backup and no secret of it opens."
    )
    schemas: list[str] = strawberry.field(description="The schemas that were dropped.")
    backups: int = strawberry.field(description="How many backups were removed.")
    finished_at: datetime | None = strawberry.field(description="When everything was removed.")
    base_backups_until: datetime | None = strawberry.field(
        description="Until when base backups of the database hold what is left of it, unreadable."
    )
    is_final: bool = strawberry.field(description="Whether nothing of it is anywhere any more.")


async def read_steps(info: Info, environment_id: EnvironmentId) -> list[ProvisioningStep]:
    """How the steps in the making of an environment stand."""
    row = row_id(environment_id, "Environment", PLATFORM)
    return [_step(one) for one in await steps_of(info.context.services.databases.control(), row)]


async def read_transitions(
    info: Info, tenant_id: TenantId, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Transition]:
    """A page of the steps in the life of a tenant."""
    page, control = Page(first, read_cursor(after or None, UUID)), info.context.services.databases.control()
    row = row_id(tenant_id, "Tenant", PLATFORM)
    found = await history.transitions_of(control, row, number=page.first + 1, before=page.after)
    has_more = len(found) > page.first
    return connection(found[: page.first], _transition, lambda one: one.id, after=page.after, has_more=has_more)


async def read_audit(
    info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET, tenant_id: OfTenant = None
) -> Connection[PlatformAuditEntry]:
    """A page of the audit."""
    page, control = Page(first, read_cursor(after or None, UUID)), info.context.services.databases.control()
    row = None if tenant_id is None else row_id(tenant_id, "Tenant", PLATFORM)
    found = await history.audit(control, number=page.first + 1, before=page.after, tenant_id=row)
    has_more = len(found) > page.first
    return connection(found[: page.first], _entry, lambda one: one.id, after=page.after, has_more=has_more)


async def read_erasures(
    info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET
) -> Connection[Erasure]:
    """A page of the proofs."""
    services, page = info.context.services, Page(first, read_cursor(after or None, UUID))
    found = await erasures.known_erasures(services.databases.control(), number=page.first + 1, before=page.after)
    has_more, now = len(found) > page.first, services.clock()
    return connection(
        found[: page.first],
        lambda one: _erasure(one, is_final=one.is_final(now)),
        lambda one: one.tenant_id,
        after=page.after,
        has_more=has_more,
    )


def _step(one: StepStatus) -> ProvisioningStep:
    facts = {"attempts": one.attempts, "started_at": one.started_at, "finished_at": one.finished_at}
    return ProvisioningStep(name=one.step, state=one.state, error=one.error, **facts)  # type: ignore[arg-type]


def _transition(one: history.Transition) -> Transition:
    return Transition(
        kind=EnvironmentKind(one.kind),
        before=State(one.before),
        after=State(one.after),
        actor=one.actor,
        reason=one.reason,
        at=one.at,
    )


def _entry(one: history.Entry) -> PlatformAuditEntry:
    facts = [AuditFact(name=name, value=str(value)) for name, value in one.facts.items()]
    return PlatformAuditEntry(at=one.at, actor=one.actor, action=one.action, facts=facts)


def _erasure(one: erasures.Erasure, *, is_final: bool) -> Erasure:
    return Erasure(
        tenant_id=global_id("Tenant", PLATFORM, one.tenant_id),
        slug=one.slug,
        actor=one.actor,
        reason=one.reason,
        asked_at=one.asked_at,
        unreadable_since=one.keys_destroyed_at,
        schemas=list(one.schemas),
        backups=one.backups,
        finished_at=one.finished_at,
        base_backups_until=one.base_backups_until,
        is_final=is_final,
    )


@strawberry.type
class HistoryQueries:
    """What was done."""

    provisioning_steps: list[ProvisioningStep] | None = strawberry.field(
        resolver=read_steps,
        description="The steps in the making of an environment; none for one that came by a copy.",
        metadata=VIEW | sized(4),
    )
    transitions: Connection[Transition] | None = strawberry.field(
        resolver=read_transitions,
        description="The steps in the life of a tenant's environments, newest first.",
        metadata=VIEW,
    )
    audit: Connection[PlatformAuditEntry] | None = strawberry.field(
        resolver=read_audit, description="The platform's audit, newest first.", metadata=VIEW
    )
    erasures: Connection[Erasure] | None = strawberry.field(
        resolver=read_erasures, description="The proofs of all deletions, newest first.", metadata=VIEW
    )
