"""Tenants and their environments on the control plane: read from the registry in memory, made by provisioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import administrator, ensure_account
from auth.invitations import invite_first, was_invited
from auth.passwords import new_password
from domain.kernel.actor import Permission
from domain.kernel.errors import ParkingError
from domain.kernel.features import Feature
from domain.kernel.paging import Page
from domain.kernel.snapshot import Snapshot
from domain.kernel.work import Work
from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.context import Context
from schema.declare import PUBLIC, needs, requires
from schema.descriptions import described
from schema.ids import PLATFORM, global_id, row_id
from schema.nodes import Node
from schema.ops.known import TenantId
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError, user_error
from schema.plans import PlanHere, in_order, plan_here
from tenants.environments import Environment as Registered
from tenants.environments import EnvironmentKind, State
from tenants.provisioning import Furnish, IsThere
from tenants.registry.actions import NewTenant

described(
    State,
    "Where an environment stands in its life.",
    {
        State.PENDING: "Being made; nothing answers yet.",
        State.ACTIVE: "Answers.",
        State.SUSPENDED: "Answers with a page that says so; no logins, no jobs, no mail, nothing lost.",
        State.ARCHIVED: "Answers no more; its data are kept.",
        State.DELETING: "Being deleted.",
        State.DELETED: "Gone.",
    },
    name="EnvironmentState",
)


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="One copy of a tenant's data, with hosts of its own: the unit of isolation.")
class Environment(Node):
    """An environment."""

    kind: EnvironmentKind = strawberry.field(description="What it is for.")
    state: State = strawberry.field(description="Where it stands.")
    primary_host: str = strawberry.field(description="The host name that links go to.")
    hosts: list[str] = strawberry.field(description="All its host names, by name.")
    time_zone: str = strawberry.field(description="Its IANA time zone.")
    cell: str = strawberry.field(description="The database that holds it.")
    is_moving: bool = strawberry.field(description="Whether it is being moved to another cell, and not written to now.")
    head: str = strawberry.field(description="The migration that its schema is at.")
    embedding_sites: list[str] = strawberry.field(description="Origins whose pages may ask and watch what guests may.")
    exempt_networks: list[str] = strawberry.field(description="Networks from where any number may watch.")
    features: list[Feature] = strawberry.field(description="The features that are on in it, those on trial included.")
    trials: list[Feature] = strawberry.field(description="The features that are on in it for a trial only.")


@needs(Permission.VIEW_TENANTS)
@strawberry.type(description="A customer of the platform.")
class Tenant(Node):
    """A tenant."""

    number: int = strawberry.field(description="Its short number, never reused; part of every id of it.")
    slug: str = strawberry.field(description="Its short name in host names.")
    name: str = strawberry.field(description="Its name.")
    plan: PlanHere = strawberry.field(description="What it has: its plan, what was added to that, and its limits.")
    environments: list[Environment] = strawberry.field(description="Its environments, production first.")


@strawberry.input(description="A new tenant.")
class CreateTenantInput:
    """The form of a new tenant."""

    slug: str = strawberry.field(description="The short name in host names: small letters, digits, hyphens.")
    name: str = strawberry.field(description="The name.")
    time_zone: str = strawberry.field(default="America/Toronto", description="The IANA time zone.")
    plan: str = strawberry.field(default="standard", description="The plan's stable name.")
    admin_user_name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The e-mail address of a first administrator, who is invited by mail.",
    )
    show_password: bool = strawberry.field(
        default=False,
        description="Make the administrator's password and show it once, in place of an invitation; any user name will do.",
    )


async def _tenant_of_payload(payload: strawberry.Parent[TenantPayload], info: Info) -> Tenant | None:
    return None if payload.row is None else tenant_by_id(info.context, payload.row)


@needs(PUBLIC)
@strawberry.type(description="The answer to `createTenant`.")
class TenantPayload:
    """The tenant, and once the password of its administrator."""

    row: strawberry.Private[UUID | None]
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")
    admin_password: str | None = strawberry.field(
        default=None,
        description="The first administrator's password, shown this once; it is stored only as a hash.",
        metadata=requires(Permission.MANAGE_TENANTS),
    )
    tenant: Tenant | None = strawberry.field(
        resolver=_tenant_of_payload,
        description="The new tenant, ready to be used; null if nothing was made.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


CreateInput = Annotated[CreateTenantInput, strawberry.argument(name="input", description="What is said of the tenant.")]


async def read_tenants(info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET) -> Connection[Tenant]:
    """A page of tenants by number, from memory."""
    page, by_tenant = Page(first, read_cursor(after or None, int)), info.context.services.registry.current.by_tenant
    known = {found[0].tenant.number: found for found in by_tenant.values()}
    following = sorted(number for number in known if page.after is None or number > page.after)
    return connection(
        following[: page.first],
        lambda number: _tenant(known[number]),
        lambda number: number,
        after=page.after,
        has_more=len(following) > page.first,
    )


async def find_tenant(info: Info, tenant_id: TenantId) -> Tenant | None:
    """One tenant."""
    return tenant_by_id(info.context, row_id(tenant_id, "Tenant", PLATFORM))


async def create_tenant(info: Info, typed: CreateInput) -> TenantPayload:
    """Create a tenant; a repeated call takes up an interrupted one, and is answered with one that has all of this."""
    services, actor = info.context.services, info.context.who
    new = NewTenant(typed.slug, typed.name, typed.time_zone, plan=typed.plan)
    password = new_password() if typed.admin_user_name and typed.show_password else None
    try:
        also = await _first_administrator(info.context, typed.admin_user_name or "", password)
        is_there = None if password else _is_there(typed.admin_user_name or "")
        environment = await services.provisioner.create_tenant(new, actor=actor, also=also, is_there=is_there)
    except ParkingError as error:
        return TenantPayload(row=None, user_errors=[user_error(error)])
    return TenantPayload(row=environment.tenant.id, user_errors=[], admin_password=password)


async def _first_administrator(context: Context, user_name: str, password: str | None) -> Furnish | None:
    """What invites the first administrator, or makes the account with a password that is shown.

    Raises NoAddress, UserNameInvalid, EmailInvalid before anything is made.
    """
    if not user_name:
        return None
    if password is None:
        return invite_first(user_name)
    account, hashed = administrator(user_name), await context.services.desk.passwords.hash(password)

    async def furnish(work: Work, _environment: Registered) -> None:
        await ensure_account(work, account, hashed)

    return furnish


def _is_there(user_name: str) -> IsThere:
    """Whether the first administrator is there, if there was to be one. A password is shown once, and not made again."""

    async def nobody_else(_snapshot: Snapshot) -> bool:
        return True

    return was_invited(user_name) if user_name else nobody_else


def tenant_by_id(context: Context, tenant_id: UUID) -> Tenant | None:
    """The tenant as the registry in memory knows it."""
    found = context.services.registry.of_tenant(tenant_id)
    return _tenant(found) if found else None


def environment_by_id(context: Context, environment_id: UUID) -> Environment | None:
    """The environment as the registry in memory knows it."""
    found = context.services.registry.by_id(environment_id)
    return _environment(found) if found else None


def _tenant(environments: Sequence[Registered]) -> Tenant:
    kinds, tenant = list(EnvironmentKind), environments[0].tenant
    return Tenant(
        id=global_id("Tenant", PLATFORM, tenant.id),
        number=tenant.number,
        slug=tenant.slug,
        name=tenant.name,
        plan=plan_here(tenant.entitled, tenant.entitled.features, frozenset()),
        environments=[_environment(one) for one in sorted(environments, key=lambda one: kinds.index(one.kind))],
    )


def _environment(environment: Registered) -> Environment:
    return Environment(
        id=global_id("Environment", PLATFORM, environment.id),
        kind=environment.kind,
        state=environment.state,
        primary_host=environment.primary_host,
        hosts=sorted(environment.hosts),
        time_zone=environment.time_zone,
        cell=environment.cell,
        is_moving=environment.is_moving,
        head=environment.head,
        embedding_sites=sorted(environment.embedding.sites),
        exempt_networks=list(environment.embedding.networks),
        features=in_order(environment.features),
        trials=in_order(environment.trials),
    )


@strawberry.type
class TenantQueries:
    """Tenants."""

    tenants: Connection[Tenant] | None = strawberry.field(
        resolver=read_tenants, description="All tenants, by number.", metadata=requires(Permission.VIEW_TENANTS)
    )
    tenant: Tenant | None = strawberry.field(
        resolver=find_tenant,
        description="The tenant with this id; null if there is none.",
        metadata=requires(Permission.VIEW_TENANTS),
    )


@strawberry.type
class TenantMutations:
    """Changes of tenants."""

    create_tenant: TenantPayload | None = strawberry.field(
        resolver=create_tenant,
        description=(
            "Create a tenant with its production environment, ready to be used when this answers. Asked again for the same, it "
            "answers with what is there, but for a password."
        ),
        metadata=requires(Permission.MANAGE_TENANTS),
    )
