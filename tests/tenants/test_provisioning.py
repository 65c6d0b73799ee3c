"""Making a tenant: repeatable, not routable before it is whole, and found by its host afterwards."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from auth.invitations import invite_first, was_invited
from domain.kernel.actor import Actor
from domain.kernel.errors import Invalid
from domain.kernel.work import Work
from domain.mail.models import Message
from domain.users.models import User
from opscom.accounts import first_administrator
from opscom.platform import Platform
from tenants.audits import find_drift
from tenants.cells.grants import environment_role_statements
from tenants.databases import REGISTRY
from tenants.environments import Environment, EnvironmentKind, State
from tenants.hostnames import SlugRefused, preview_host
from tenants.lifecycle.actions import rename, set_state
from tenants.lifecycle.deleting import delete_tenant
from tenants.migrate import replay
from tenants.migrations.plan import Tree, after, head, revisions
from tenants.provisioning import Provisioner, create_statements
from tenants.registry.actions import NewTenant, SlugTaken, StateForbids, register_environment, transition
from tenants.registry.models import EnvironmentRow, RegistryAuditRow, TransitionRow
from tests.fixtures.platform import MakeTenant


class PowerCut(Exception):
    """Stands for a process that dies between two steps."""


async def test_a_new_tenant_is_found_by_its_host(platform: Platform) -> None:
    made = await platform.provisioner.create_tenant(NewTenant("found-u", "Found University"), actor="ann")

    found = platform.registry.by_host("found-u.ops-com.localhost")

    assert found == made
    assert (made.state, made.head, made.primary_host) == (
        State.ACTIVE,
        head(Tree.ENVIRONMENT),
        "found-u.ops-com.localhost",
    )


async def test_an_interrupted_tenant_is_not_routable_and_is_taken_up_again(platform: Platform) -> None:
    async def dies(work: Work, environment: Environment) -> None:
        raise PowerCut

    p = platform.provisioner
    dying = Provisioner(p.databases, p.registry, p.bus, dies)
    with pytest.raises(PowerCut):
        await dying.create_tenant(NewTenant("twice", "Twice"), actor="ann")
    assert platform.registry.by_host("twice.ops-com.localhost") is None

    made = await p.create_tenant(NewTenant("twice", "Twice"), actor="ann")

    assert platform.registry.by_host("twice.ops-com.localhost") == made
    assert await _count(platform, select(EnvironmentRow.id).where(EnvironmentRow.id == made.id)) == 1


async def test_a_first_administrator_outlives_an_interruption(platform: Platform) -> None:
    """Once the account came after the last step: a process that died in between left a tenant nobody could log in to."""
    _, also = await first_administrator("ann@twice.example")

    async def dies(work: Work, environment: Environment) -> None:
        await also(work, environment)
        await work.flush()
        raise PowerCut

    with pytest.raises(PowerCut):
        await platform.provisioner.create_tenant(NewTenant("outlives", "Outlives"), actor="ann", also=dies)
    made = await platform.provisioner.create_tenant(NewTenant("outlives", "Outlives"), actor="ann", also=also)

    async with platform.databases.snapshot(made, Actor.system()) as snapshot:
        assert await snapshot.scalars(select(User.user_name)) == ["ann@twice.example"]


async def test_the_same_environment_provisioned_twice_at_once_is_made_once(platform: Platform) -> None:
    environment_id = await platform.provisioner.register(NewTenant("at-once", "At Once"), actor="ann")

    made = await asyncio.gather(*(platform.provisioner.provision(environment_id, actor="ann") for _ in range(3)))

    assert {environment.state for environment in made} == {State.ACTIVE}
    assert await _count(platform, select(TransitionRow.id).where(TransitionRow.environment_id == environment_id)) == 1


async def test_what_an_earlier_release_began_is_made_anew_at_head(platform: Platform) -> None:
    """Its tables stayed as they were, and the registry said that they are at head."""
    environment_id = await platform.provisioner.register(NewTenant("older", "Older"), actor="ann")
    pending = await _pending(platform, environment_id)
    database = platform.databases.database_name(pending.cell)
    first = revisions(Tree.ENVIRONMENT)[:1]
    older = create_statements(database, pending).replace(
        replay(pending.schema, after(Tree.ENVIRONMENT, "")), replay(pending.schema, first)
    )
    async with platform.databases.owner(pending.cell).begin() as connection:
        await connection.exec_driver_sql(older)

    made = await platform.provisioner.provision(environment_id, actor="ann")

    assert (made.state, await find_drift(platform.databases, [made])) == (State.ACTIVE, [])


async def test_an_environment_whose_first_copy_failed_can_be_made_empty(
    platform: Platform, tenant: Environment
) -> None:
    """The copy had made the role, at which making it again broke off."""
    async with platform.databases.control().begin() as connection:
        where = {"cell": tenant.cell, "host": f"beta.{tenant.primary_host}"}
        environment_id = await register_environment(connection, tenant.tenant.id, EnvironmentKind.BETA, **where)
    pending = await _pending(platform, environment_id)
    async with platform.databases.owner(pending.cell).begin() as connection:
        database = platform.databases.database_name(pending.cell)
        await connection.exec_driver_sql(environment_role_statements(database, pending.role))

    made = await platform.provisioner.provision(environment_id, actor="ann")

    assert made.state is State.ACTIVE


async def test_provisioning_an_active_environment_again_changes_nothing(
    platform: Platform, tenant: Environment
) -> None:
    assert await platform.provisioner.provision(tenant.id, actor="ann") == tenant
    assert await _count(platform, select(TransitionRow.id).where(TransitionRow.environment_id == tenant.id)) == 1


async def test_two_at_once_with_one_slug_make_one_tenant(platform: Platform) -> None:
    new = NewTenant("racing", "Racing")

    outcomes = await asyncio.gather(
        *(platform.provisioner.register(new, actor="ann") for _ in range(4)), return_exceptions=True
    )

    made = {outcome for outcome in outcomes if isinstance(outcome, UUID)}
    assert len(made) == 1
    assert all(isinstance(outcome, SlugTaken | UUID) for outcome in outcomes)


@pytest.mark.parametrize(
    ("new", "error", "field"),
    [
        (NewTenant("www", "Reserved"), SlugRefused, "slug"),
        (NewTenant("blank", "  "), Invalid, "name"),
        (NewTenant("lines", "Two\nLines"), Invalid, "name"),
        (NewTenant("endless", "x" * 201), Invalid, "name"),
        (NewTenant("mars", "Mars", time_zone="Mars/Olympus"), Invalid, "timeZone"),
    ],
)
async def test_bad_facts_are_refused_and_leave_no_row(
    platform: Platform, new: NewTenant, error: type[Invalid], field: str
) -> None:
    with pytest.raises(error) as refused:
        await platform.provisioner.create_tenant(new, actor="ann")

    assert refused.value.field == field
    assert platform.registry.by_host(f"{new.slug}.ops-com.localhost") is None


async def test_a_slug_whose_preview_is_being_made_is_taken(platform: Platform, tenant: Environment) -> None:
    """The pending preview was once taken for an interrupted tenant: it was made empty, with a new administrator."""
    async with platform.databases.control().begin() as connection:
        host = preview_host(tenant.tenant.slug, platform.settings.base_domain)
        where = {"cell": tenant.cell, "host": host}
        preview = await register_environment(connection, tenant.tenant.id, EnvironmentKind.PREVIEW, **where)

    with pytest.raises(SlugTaken):
        await platform.provisioner.create_tenant(NewTenant(tenant.tenant.slug, "Another"), actor="ann")

    made = platform.registry.by_id(preview)
    assert made is None or made.state is State.PENDING


async def test_who_asks_again_for_what_was_made_is_answered_with_it_and_nobody_else_is(platform: Platform) -> None:
    """A command that was killed after its last step was told that the name is taken."""
    new, ann = NewTenant("again", "Again"), "ann@again.example"
    asked: dict[str, Any] = {"actor": "ann", "also": invite_first(ann), "is_there": was_invited(ann)}
    made = await platform.provisioner.create_tenant(new, **asked)

    again = await platform.provisioner.create_tenant(new, **asked)

    assert again == made
    async with platform.databases.snapshot(made, Actor.system()) as snapshot:
        assert await snapshot.scalars(select(Message.kind)) == ["invitation"]
    others: list[dict[str, Any]] = [
        {"new": replace(new, name="Another")},
        {"new": replace(new, time_zone="Europe/Berlin")},
        {"is_there": was_invited("bob@again.example")},
        {"is_there": None},
    ]
    for other in others:
        with pytest.raises(SlugTaken):
            await platform.provisioner.create_tenant(**({"new": new} | asked | other))


async def test_a_tenant_that_is_not_active_any_more_is_not_what_was_asked_for(platform: Platform) -> None:
    new, ann = NewTenant("put-away", "Put Away"), "ann@away.example"
    asked: dict[str, Any] = {"actor": "ann", "also": invite_first(ann), "is_there": was_invited(ann)}
    made = await platform.provisioner.create_tenant(new, **asked)
    await set_state(platform.databases, made.tenant.id, State.ARCHIVED, actor="ann", reason="over")

    with pytest.raises(SlugTaken):
        await platform.provisioner.create_tenant(new, **asked)


async def test_a_taken_slug_is_refused_in_words_that_say_who_has_or_had_it(
    platform: Platform, tenant: Environment, make_tenant: MakeTenant
) -> None:
    """Whoever has it now was called one that had it until lately."""
    renamed, deleted = await make_tenant(), await make_tenant()
    await rename(
        platform.databases, renamed.tenant.id, f"{renamed.tenant.slug}-anew", actor="ann", now=platform.clock()
    )
    await delete_tenant(platform.copier, deleted.tenant.id, actor="ann", reason="over")

    said = []
    for slug in (tenant.tenant.slug, renamed.tenant.slug, deleted.tenant.slug):
        with pytest.raises(SlugTaken) as refused:
            await platform.provisioner.create_tenant(NewTenant(slug, "Another"), actor="ann")
        said.append(refused.value.message)

    assert said == [
        "Another tenant has this short name.",
        "Another tenant had this short name until lately.",
        "A deleted tenant had this short name.",
    ]


async def test_tenants_get_schemas_and_numbers_of_their_own(platform: Platform, make_tenant: object) -> None:
    one = await platform.provisioner.create_tenant(NewTenant("own-one", "One"), actor="ann")
    two = await platform.provisioner.create_tenant(NewTenant("own-two", "Two"), actor="ann")

    assert one.schema != two.schema
    assert one.role != two.role
    assert one.tenant.number != two.tenant.number
    assert platform.databases.vault(one).open(platform.databases.vault(one).seal("x")) == "x"


async def test_who_made_a_tenant_is_in_the_platforms_audit(platform: Platform) -> None:
    await platform.provisioner.create_tenant(NewTenant("audited", "Audited"), actor="ann@example.org")

    async with platform.databases.control().connect() as connection:
        facts = select(RegistryAuditRow.actor).where(RegistryAuditRow.facts["slug"].as_string() == "audited")
        assert (await connection.scalars(facts)).all() == ["ann@example.org"]


async def test_states_follow_the_table(platform: Platform, tenant: Environment) -> None:
    async with platform.databases.control().begin() as connection:
        await transition(connection, tenant.id, State.SUSPENDED, actor="ann", reason="invoice")
    with pytest.raises(StateForbids):
        async with platform.databases.control().begin() as connection:
            await transition(connection, tenant.id, State.DELETED, actor="ann", reason="no")

    await platform.registry.load()
    suspended = platform.registry.by_id(tenant.id)
    assert suspended is not None
    assert suspended.state is State.SUSPENDED
    assert platform.registry.by_host(tenant.primary_host) == suspended, "a suspended site answers, with its own page"


async def test_the_registry_notices_changes_by_its_version(platform: Platform, tenant: Environment) -> None:
    before = platform.registry.version
    async with platform.databases.control().begin() as connection:
        await connection.execute(
            text("update registry.tenant set name = 'Renamed' where id = :id"), {"id": tenant.tenant.id}
        )

    await platform.registry.load()

    changed = platform.registry.by_id(tenant.id)
    assert changed is not None
    assert changed.tenant.name == "Renamed"
    assert platform.registry.version > before


async def test_a_furnished_environment_is_written_as_its_own_role(platform: Platform, tenant: Environment) -> None:
    database = platform.databases.database_name(REGISTRY)
    async with platform.databases.work(tenant, Actor.system()) as work:
        rows = await work.rows(select(text("current_user"), text("session_user"), text("current_schema()")))

    assert tuple(rows[0]) == (tenant.role, f"{database}_app", tenant.schema)


async def _count(platform: Platform, statement: object) -> int:
    async with platform.databases.control().connect() as connection:
        return len((await connection.execute(statement)).all())  # type: ignore[call-overload]


async def _pending(platform: Platform, environment_id: UUID) -> Environment:
    await platform.registry.load()
    found = platform.registry.by_id(environment_id)
    assert found is not None
    return found
