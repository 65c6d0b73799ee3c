"""Changes of the registry: tenants, environments, host names. Each notes who did it, in the same transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from domain.kernel.errors import Conflict, Invalid, NotFound
from domain.kernel.ids import uuid7
from tenants.embedding import checked_networks, checked_sites
from tenants.environments import TRANSITIONS, EnvironmentGroup, EnvironmentKind, State
from tenants.hostnames import check_slug, production_host
from tenants.keys.ciphertext import new_data_key
from tenants.plans.catalogue import STANDARD, known_plan
from tenants.registry.models import (
    DataKeyRow,
    EnvironmentRow,
    HostnameRow,
    RegistryAuditRow,
    StaffRow,
    TenantRow,
    TransitionRow,
)
from tenants.registry.records import ApprovalRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from tenants.keys.ring import KeyRing

LONGEST_NAME = 200
_WAYS_TO_DELETION = {
    State.PENDING: (State.DELETING,),
    State.ACTIVE: (State.ARCHIVED, State.DELETING),
    State.SUSPENDED: (State.ARCHIVED, State.DELETING),
    State.ARCHIVED: (State.DELETING,),
}


class SlugTaken(Conflict):
    """Another tenant has this short name."""

    code = "tenant.slug_taken"


class TenantNotFound(NotFound):
    """There is no such tenant."""

    code = "tenant.not_found"


class StateForbids(Conflict):
    """An environment in this state cannot go to that one."""

    code = "environment.state_forbids"


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What a tenant is made from."""

    slug: str
    name: str
    time_zone: str = "America/Toronto"
    locale: str = "en-CA"
    plan: str = STANDARD.name


async def register_tenant(
    connection: AsyncConnection, key_ring: KeyRing, new: NewTenant, *, base_domain: str, cell: str, actor: str
) -> UUID:
    """Write the rows of a new tenant and its pending production environment. Returns the environment's id.

    A tenant whose provisioning was interrupted is taken up again: its slug answers with the pending environment.
    Raises SlugRefused, SlugTaken, Invalid (name, time zone), PlanUnknown.
    """
    _check(new)
    pending = await _pending(connection, new.slug)
    if pending is not None:
        return pending
    state = await connection.scalar(select(TenantRow.state).where(TenantRow.slug == new.slug))
    if state is not None:
        whose = "A deleted tenant had" if state == State.DELETED else "Another tenant has"
        raise SlugTaken(f"{whose} this short name.", field="slug", slug=new.slug)
    host = production_host(new.slug, base_domain)
    if await connection.scalar(select(HostnameRow.name).where(HostnameRow.name == host)) is not None:
        raise SlugTaken("Another tenant had this short name until lately.", field="slug", slug=new.slug)
    tenant_id = uuid7()
    row = {"id": tenant_id, "slug": new.slug, "name": new.name, "plan": new.plan}
    row |= {"time_zone": new.time_zone, "locale": new.locale}
    try:
        await connection.execute(insert(TenantRow).values(row))
    except IntegrityError as error:
        raise SlugTaken("Another tenant has this short name.", field="slug", slug=new.slug) from error
    wrapped = key_ring.wrap(new_data_key(), tenant_id)
    await connection.execute(insert(DataKeyRow).values(tenant_id=tenant_id, version=1, wrapped=wrapped))
    environment_id = await register_environment(connection, tenant_id, EnvironmentKind.PRODUCTION, cell=cell, host=host)
    await note(connection, actor, "tenant_registered", tenant=str(tenant_id), slug=new.slug)
    return environment_id


async def made_alike(connection: AsyncConnection, new: NewTenant) -> UUID | None:
    """The production environment of an active tenant with all facts of a new one, if there is such."""
    e, t = EnvironmentRow, TenantRow
    same = (getattr(t, name) == value for name, value in asdict(new).items())
    wanted = select(e.id).join_from(e, t, e.tenant_id == t.id).where(*same)
    kind, state = e.kind == EnvironmentKind.PRODUCTION, e.state == State.ACTIVE
    found: UUID | None = await connection.scalar(wanted.where(kind, state))
    return found


async def register_environment(
    connection: AsyncConnection, tenant_id: UUID, kind: EnvironmentKind, *, cell: str, host: str
) -> UUID:
    """Write the rows of a pending environment with the next schema name (never reused) and its canonical host.

    One of the test group has the features that are on trial.
    """
    environment_id, is_tested = uuid7(), EnvironmentKind(kind).group is EnvironmentGroup.TEST
    number = await connection.scalar(text("select nextval('registry.schema_number')"))
    await connection.execute(
        insert(EnvironmentRow).values(
            id=environment_id,
            tenant_id=tenant_id,
            kind=kind,
            cell=cell,
            schema_name=f"s_{number:06d}",
            role_name=f"e_{environment_id.hex}",
            trial_features=await open_trials(connection, tenant_id) if is_tested else [],
        )
    )
    await connection.execute(
        insert(HostnameRow).values(name=host, environment_id=environment_id, kind="canonical", is_primary=True)
    )
    return environment_id


async def open_trials(connection: AsyncConnection, tenant_id: UUID) -> list[str]:
    """The features that a tenant has on trial, by name."""
    a = ApprovalRow
    wanted = select(a.feature).where(a.tenant_id == tenant_id, a.decided_at.is_(None)).order_by(a.feature)
    return list((await connection.scalars(wanted)).all())


async def transition(connection: AsyncConnection, environment_id: UUID, to: State, *, actor: str, reason: str) -> None:
    """Move an environment, and with its production environment the tenant, to another state.

    Raises NotFound, and StateForbids for a step that the table of transitions does not have.
    """
    found = (
        await connection.execute(
            select(EnvironmentRow.state, EnvironmentRow.tenant_id, EnvironmentRow.kind)
            .where(EnvironmentRow.id == environment_id)
            .with_for_update()
        )
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such environment.")
    if to not in TRANSITIONS[State(found.state)]:
        raise StateForbids(f"An environment that is {found.state} cannot become {to}.", before=found.state, after=to)
    await connection.execute(update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(state=to))
    if found.kind == EnvironmentKind.PRODUCTION:
        await connection.execute(update(TenantRow).where(TenantRow.id == found.tenant_id).values(state=to))
    await connection.execute(
        insert(TransitionRow).values(
            id=uuid7(), environment_id=environment_id, before=found.state, after=to, actor=actor, reason=reason
        )
    )


async def begin_deletion(connection: AsyncConnection, environment_id: UUID, *, actor: str, reason: str) -> None:
    """Bring an environment to ``deleting``, from where no way leads back; each step on the way is kept. Repeatable.

    Raises NotFound.
    """
    wanted = select(EnvironmentRow.state).where(EnvironmentRow.id == environment_id).with_for_update()
    state = await connection.scalar(wanted)
    if state is None:
        raise NotFound("There is no such environment.")
    for to in _WAYS_TO_DELETION.get(State(state), ()):
        await transition(connection, environment_id, to, actor=actor, reason=reason)


async def set_embedding(
    connection: AsyncConnection,
    environment_id: UUID,
    *,
    sites: Iterable[str] | None,
    networks: Iterable[str] | None,
    actor: str,
) -> None:
    """Write where an environment's map may be shown, and from where any number may watch; None leaves a list as it is.

    Raises SiteInvalid, NetworkInvalid, NotFound.
    """
    changes: dict[str, list[str]] = {}
    if sites is not None:
        changes["embedding_sites"] = list(checked_sites(sites))
    if networks is not None:
        changes["exempt_networks"] = list(checked_networks(networks))
    if not changes:
        return
    changed = update(EnvironmentRow).where(EnvironmentRow.id == environment_id).values(changes)
    if (await connection.scalar(changed.returning(EnvironmentRow.id))) is None:
        raise NotFound("There is no such environment.")
    facts = {name: " ".join(values) for name, values in changes.items()}
    await note(connection, actor, "embedding_changed", environment=str(environment_id), **facts)


def checked_title(name: str) -> str:
    """The name of a tenant or of somebody of the staff, without blanks around it. Raises Invalid."""
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        raise Invalid(f"A name is 1 to {LONGEST_NAME} printable characters.", field="name")
    return stripped


async def add_staff(connection: AsyncConnection, *, user_name: str, name: str, password_hash: str, actor: str) -> UUID:
    """Write an account of the platform's own staff. Raises Invalid (name), Conflict if the user name is taken."""
    staff_id, name = uuid7(), checked_title(name)
    try:
        await connection.execute(
            insert(StaffRow).values(id=staff_id, user_name=user_name, name=name, password_hash=password_hash)
        )
    except IntegrityError as error:
        raise Conflict("This user name is taken.", field="userName") from error
    await note(connection, actor, "staff_added", staff=str(staff_id), user_name=user_name)
    return staff_id


async def note(connection: AsyncConnection, actor: str, action: str, **facts: str) -> None:
    """Write a line of the platform's audit."""
    await connection.execute(insert(RegistryAuditRow).values(id=uuid7(), actor=actor, action=action, facts=facts))


async def _pending(connection: AsyncConnection, slug: str) -> UUID | None:
    e, t = EnvironmentRow, TenantRow
    pending = (e.kind == EnvironmentKind.PRODUCTION, e.state == State.PENDING)
    wanted = select(e.id).join_from(e, t, e.tenant_id == t.id).where(t.slug == slug, *pending)
    found: UUID | None = await connection.scalar(wanted)
    return found


def _check(new: NewTenant) -> None:
    check_slug(new.slug)
    known_plan(new.plan)
    checked_title(new.name)
    if new.time_zone not in available_timezones():
        raise Invalid("This is no IANA time zone.", field="timeZone", time_zone=new.time_zone)
