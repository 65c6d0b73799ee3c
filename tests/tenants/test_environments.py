"""Environments of all six kinds: made empty or from a backup, in the group that decides what is real there, and deleted."""

from uuid import UUID

import pytest
from sqlalchemy import select, text

from domain.kernel.actor import Actor
from domain.kernel.ids import uuid7
from domain.settings.actions import IntegrationChanges, change_integration
from domain.settings.models import Integration, Vendor
from domain.users.models import User
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.backups.actions import back_up
from tenants.copies.errors import CopyRunning, NotCopyable, PreviewLocked, ReasonMissing
from tenants.environments import Environment, EnvironmentGroup, EnvironmentKind, State, canonical_host
from tenants.lifecycle.actions import set_state
from tenants.lifecycle.deleting import delete_environment
from tenants.lifecycle.environments import (
    EnvironmentExists,
    IsProduction,
    add,
    add_from_backup,
    ask_for_deletion,
)
from tenants.previews.actions import Who, refresh, set_lock
from tenants.previews.expiring import half_deleted
from tenants.registry.actions import StateForbids, TenantNotFound
from tenants.registry.history import transitions_of
from tenants.steps import Step, steps_of
from tests.fixtures.jobs import Desk

SAM = Who("sam", is_platform=True)
OTHERS = [kind for kind in EnvironmentKind if kind is not EnvironmentKind.PRODUCTION]


async def named(platform: Platform, tenant: Environment, kind: EnvironmentKind) -> Environment:
    """The tenant's environment of a kind, as a process knows it."""
    await platform.registry.load()
    return next(one for one in platform.registry.siblings(tenant.id) if one.kind is kind)


async def carried_out(desk: Desk) -> list[str]:
    """Carry out what is queued; the states in which it ended."""
    queued = await desk.rows("select id from platform.task_run where state = 'queued' order by id")
    for run in queued:
        await desk.runner().run(run["id"])
    return [(await desk.run(run["id"]))["state"] for run in queued]


@pytest.mark.parametrize("kind", OTHERS)
async def test_an_environment_of_every_kind_is_made_empty_and_answers_at_its_host(
    platform: Platform, tenant: Environment, kind: EnvironmentKind
) -> None:
    made = await add(platform.provisioner, tenant.tenant.id, kind, actor="sam")

    assert (made.kind, made.state, made.tenant) == (kind, State.ACTIVE, tenant.tenant)
    assert made.primary_host == canonical_host(kind, tenant.tenant.slug, platform.settings.base_domain)
    assert platform.registry.by_host(made.primary_host) == made
    assert (made.schema, made.role) != (tenant.schema, tenant.role)
    async with platform.databases.work(made, Actor.system()) as work:
        assert await work.scalars(select(User)) == []


async def test_every_step_in_the_making_of_an_environment_is_done(platform: Platform, tenant: Environment) -> None:
    """The first one waited for ever, as far as anybody was told."""
    made = await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.BETA, actor="sam")

    steps = await steps_of(platform.databases.control(), made.id)

    assert [(one.step, one.state) for one in steps] == [(step, "done") for step in Step]


async def test_production_and_what_is_there_already_are_not_made_again(platform: Platform, tenant: Environment) -> None:
    await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.BETA, actor="sam")

    with pytest.raises(IsProduction):
        await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.PRODUCTION, actor="sam")
    with pytest.raises(EnvironmentExists):
        await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.BETA, actor="sam")
    with pytest.raises(TenantNotFound):
        await add(platform.provisioner, uuid7(), EnvironmentKind.BETA, actor="sam")


async def test_a_tenant_that_is_suspended_gets_no_environment(platform: Platform, tenant: Environment) -> None:
    await set_state(platform.databases, tenant.tenant.id, State.SUSPENDED, actor="sam", reason="unpaid")

    with pytest.raises(StateForbids):
        await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.BETA, actor="sam")

    await platform.registry.load()
    assert [one.kind for one in platform.registry.siblings(tenant.id)] == [EnvironmentKind.PRODUCTION]


async def filled_backup(platform: Platform, tenant: Environment) -> UUID:
    """A backup with a person, and with live credentials of a vendor."""
    await create_administrator(platform, tenant, "ann@tomahawku.example")
    async with platform.databases.work(tenant, Actor.system()) as work:
        live: IntegrationChanges = {"live_endpoint": "https://live.example", "live_password": "open sesame"}
        await change_integration(work, Vendor.MISTALL, **live)
    return await back_up(platform.copier, tenant, reason="by hand", actor="sam")


@pytest.mark.parametrize(("kind", "has_live"), [(EnvironmentKind.STAGING, True), (EnvironmentKind.DEVELOPMENT, False)])
async def test_a_copy_keeps_its_live_credentials_in_the_live_group_only(
    platform: Platform, desk: Desk, tenant: Environment, kind: EnvironmentKind, has_live: bool
) -> None:
    backup = await filled_backup(platform, tenant)

    await add_from_backup(platform.provisioner, tenant.tenant.id, kind, backup, SAM)
    states = await carried_out(desk)

    made = await named(platform, tenant, kind)
    async with platform.databases.work(made, Actor.system()) as work:
        people = [user.user_name for user in await work.scalars(select(User))]
        (integration,) = await work.scalars(select(Integration))
    assert states == ["succeeded"]
    assert (made.state, people) == (State.ACTIVE, ["ann@tomahawku.example"])
    assert (integration.live_password is not None) == has_live
    assert kind.group is (EnvironmentGroup.LIVE if has_live else EnvironmentGroup.TEST)


async def test_a_copy_that_is_under_way_is_not_overtaken(platform: Platform, desk: Desk, tenant: Environment) -> None:
    backup = await back_up(platform.copier, tenant, reason="by hand", actor="sam")
    await add_from_backup(platform.provisioner, tenant.tenant.id, EnvironmentKind.TEST, backup, SAM)

    with pytest.raises(CopyRunning):
        await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.TEST, actor="sam")

    assert await carried_out(desk) == ["succeeded"]


async def test_only_the_platforms_staff_have_development_spaces_refreshed(
    platform: Platform, tenant: Environment
) -> None:
    backup = await back_up(platform.copier, tenant, reason="by hand", actor="sam")

    with pytest.raises(NotCopyable):
        await refresh(platform.databases, tenant.tenant.id, backup, Who("ann"), kind=EnvironmentKind.DEVELOPMENT)


async def test_a_deleted_environment_is_gone_with_role_and_schema_and_can_be_made_anew(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    made = await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.STAGING, actor="sam")

    asked = {await ask_for_deletion(platform.databases, made.id, actor="sam", reason="not needed") for _ in range(2)}
    states = await carried_out(desk)
    again = await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.STAGING, actor="sam")

    async with platform.databases.owner(made.cell).connect() as connection:
        left = "select to_regnamespace(:schema) is not null or to_regrole(:role) is not null"
        assert not await connection.scalar(text(left), {"schema": made.schema, "role": made.role})
    assert (len(asked), states) == (1, ["succeeded"])
    steps = await transitions_of(platform.databases.control(), tenant.tenant.id, number=3)
    assert [(step.after, step.actor) for step in steps[1:]] == [("deleted", "deletion"), ("deleting", "sam")]
    assert again.id != made.id
    assert again.primary_host == made.primary_host


async def test_a_deletion_is_taken_up_by_the_hourly_task_only_once_its_own_run_is_over(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    made = await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.STAGING, actor="sam")
    await ask_for_deletion(platform.databases, made.id, actor="sam", reason="not needed")
    await platform.registry.load()

    waiting = {one.id for one in await half_deleted(platform.copier)}
    await desk.execute("update platform.task_run set state = 'failed', finished_at = now()")
    left = {one.id for one in await half_deleted(platform.copier)}

    assert (made.id in waiting, made.id in left) == (False, True)
    assert platform.registry.by_host(made.primary_host) is None, "it answers no more"
    await delete_environment(platform.copier, made.id, actor="tests", reason="over")


async def test_production_and_a_locked_space_are_not_deleted_and_a_reason_is_asked_for(
    platform: Platform, desk: Desk, tenant: Environment
) -> None:
    made = await add(platform.provisioner, tenant.tenant.id, EnvironmentKind.TEST, actor="sam")
    await set_lock(platform.databases, made.id, is_locked=True, reason="exam", who=SAM)

    for environment, reason, refusal in (
        (tenant, "why not", IsProduction),
        (made, "why not", PreviewLocked),
        (made, " ", ReasonMissing),
    ):
        with pytest.raises(refusal):
            await ask_for_deletion(platform.databases, environment.id, actor="sam", reason=reason)

    assert await carried_out(desk) == []
