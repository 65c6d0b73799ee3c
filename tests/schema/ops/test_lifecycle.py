"""The life of tenants and their copies on the control plane."""

from datetime import UTC, datetime

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.ids import uuid7
from opscom.platform import Platform
from schema.ids import PLATFORM, global_id
from tenants.backups.actions import back_up
from tenants.environments import Environment, State
from tenants.previews.actions import Who, set_lock
from tests.fixtures.jobs import Desk
from tests.fixtures.schemas import Asking, codes
from tests.tenants.test_previews import _refreshed

STAFF = Actor(
    ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS, Permission.MANAGE_TENANTS}), user_id=uuid7(), name="Sam"
)
STEP = """mutation ($id: ID!, $reason: String!) { %s(id: $id, reason: $reason) {
    tenant { slug environments { state } } userErrors { code } } }"""
DELETE = """mutation ($id: ID!, $confirm: String!) { deleteTenant(id: $id, confirm: $confirm, reason: "over") {
    userErrors { code } } }"""
RESTORE = """mutation ($id: ID!, $backup: ID!) { restoreEnvironment(id: $id, backupId: $backup, reason: "oops") {
    isAccepted userErrors { code } } }"""
REFRESH = """mutation ($id: ID!, $backup: ID!, $over: Boolean!) {
    refreshPreview(id: $id, input: {backupId: $backup, overrideLock: $over}) { isAccepted userErrors { code message } } }"""
TAKE = "mutation ($id: ID!) { takeBackup(id: $id) { isAccepted userErrors { code } } }"
TIME = "mutation ($id: ID!, $at: LocalTime!) { setBackupTime(id: $id, at: $at) { isAccepted userErrors { code } } }"
VERIFY = "mutation ($id: ID!) { verifyBackup(id: $id) { isAccepted userErrors { code } } }"
PROOFS = "query ($id: ID!) { backups(id: $id) { edges { node { verifiedAt error } } } }"
BACKUPS = "query ($id: ID!) { backups(id: $id) { edges { node { id reason } } } }"


async def test_a_tenant_is_suspended_resumed_archived_and_only_then_deleted(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    row = global_id("Tenant", PLATFORM, tenant.tenant.id)
    states = []
    early = await ops.data(DELETE, {"id": row, "confirm": tenant.tenant.slug}, actor=STAFF)
    for step in ("suspendTenant", "resumeTenant", "archiveTenant"):
        data = await ops.data(STEP % step, {"id": row, "reason": "a test"}, actor=STAFF)
        states.append(data[step]["tenant"]["environments"][0]["state"])
    wrong = await ops.data(STEP % "suspendTenant", {"id": row, "reason": "again"}, actor=STAFF)
    asked = await ops.data(DELETE, {"id": row, "confirm": tenant.tenant.slug}, actor=STAFF)

    assert early["deleteTenant"]["userErrors"] == [{"code": "tenant.not_archived"}]
    assert states == ["SUSPENDED", "ACTIVE", "ARCHIVED"]
    assert wrong["suspendTenant"]["userErrors"] == [{"code": "environment.state_forbids"}]
    assert asked["deleteTenant"]["userErrors"] == []
    assert platform.registry.by_host(tenant.primary_host) is None


async def test_an_environment_goes_back_to_a_backup_and_what_it_held_is_kept(
    ops: Asking, platform: Platform, desk: Desk, tenant: Environment
) -> None:
    row = global_id("Environment", PLATFORM, tenant.id)
    await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    (backup,) = (await ops.data(BACKUPS, {"id": row}, actor=STAFF))["backups"]["edges"]

    asked = await ops.data(RESTORE, {"id": row, "backup": backup["node"]["id"]}, actor=STAFF)
    (waiting,) = await desk.queue(tenant, "purge")
    (run,) = await desk.rows("select id from platform.task_run where task = 'copy'")
    await desk.runner().run(run["id"])

    assert asked["restoreEnvironment"] == {"isAccepted": True, "userErrors": []}
    assert (await desk.run(run["id"]))["state"] == "succeeded"
    assert (await desk.run(waiting))["error_class"] == "environment_copied"
    moved = platform.registry.by_id(tenant.id)
    assert moved is not None
    assert (moved.state, moved.schema != tenant.schema) == (State.ACTIVE, True)
    reasons = [
        edge["node"]["reason"] for edge in (await ops.data(BACKUPS, {"id": row}, actor=STAFF))["backups"]["edges"]
    ]
    assert reasons == ["before a restore", "by hand"]


async def test_a_lock_holds_for_staff_until_they_say_that_it_does_not_matter(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    await set_lock(platform.databases, preview.id, is_locked=True, reason="training", who=Who("ann"))
    backup_id = global_id("Backup", PLATFORM, await back_up(platform.copier, tenant, reason="by hand", actor="ann"))
    row = global_id("Tenant", PLATFORM, tenant.tenant.id)

    answers = [
        (await ops.data(REFRESH, {"id": row, "backup": backup_id, "over": over}, actor=STAFF))["refreshPreview"]
        for over in (False, True, True)
    ]

    assert [[error["code"] for error in one["userErrors"]] for one in answers] == [
        ["preview.locked"],
        [],
        ["copy.running"],
    ]
    assert "training" in answers[0]["userErrors"][0]["message"]


async def test_staff_ask_for_a_backup_and_say_when_the_nightly_one_is_due(
    ops: Asking, desk: Desk, tenant: Environment
) -> None:
    await desk.furnish(tenant)
    row = {"id": global_id("Environment", PLATFORM, tenant.id)}

    asked = await ops.data(TAKE, row, actor=STAFF)
    (run,) = await desk.rows("select id from platform.task_run where task = 'back_up'")
    await desk.runner().run(run["id"])
    timed = await ops.data(TIME, row | {"at": "23:15"}, actor=STAFF)
    unknown = await ops.data(TAKE, {"id": global_id("Environment", PLATFORM, uuid7())}, actor=STAFF)

    assert asked["takeBackup"] == timed["setBackupTime"] == {"isAccepted": True, "userErrors": []}
    assert unknown["takeBackup"]["userErrors"] == [{"code": "not_found"}]
    (backup,) = (await ops.data(BACKUPS, row, actor=STAFF))["backups"]["edges"]
    assert backup["node"]["reason"] == "by hand"
    (schedule,) = await desk.rows("select rule, time_zone from platform.task_schedule where task = 'back_up'")
    assert tuple(schedule.values()) == ("cron 15 23 * * *", "America/Toronto")


async def test_staff_have_a_backup_verified_as_often_as_they_like(ops: Asking, desk: Desk, tenant: Environment) -> None:
    row = {"id": global_id("Environment", PLATFORM, tenant.id)}
    backup_id = await back_up(desk.platform.copier, tenant, reason="by hand", actor="ann")
    backup = {"id": global_id("Backup", PLATFORM, backup_id)}
    answers, proofs = [], []

    for _time in range(2):
        answers += [(await ops.data(VERIFY, backup, actor=STAFF))["verifyBackup"] for _again in range(2)]
        (run,) = await desk.rows("select id from platform.task_run where task = 'verify_backup' and state = 'queued'")
        await desk.runner().run(run["id"])
        (edge,) = (await ops.data(PROOFS, row, actor=STAFF))["backups"]["edges"]
        proofs.append(edge["node"])

    assert answers == [{"isAccepted": True, "userErrors": []}] * 4
    assert [run["state"] for run in await desk.runs()] == ["succeeded"] * 2
    assert [proof["error"] for proof in proofs] == [None, None]
    assert "" < proofs[0]["verifiedAt"] < proofs[1]["verifiedAt"]


async def test_a_damaged_backup_is_told_of_and_an_unknown_one_not_verified(
    ops: Asking, desk: Desk, tenant: Environment
) -> None:
    row = {"id": global_id("Environment", PLATFORM, tenant.id)}
    backup_id = await back_up(desk.platform.copier, tenant, reason="by hand", actor="ann")
    storage = desk.platform.copier.storage
    storage.delete([f"{tenant.tenant.id}/{tenant.id}/{backup_id}/app_user.copy.zst.age"])

    await ops.data(VERIFY, {"id": global_id("Backup", PLATFORM, backup_id)}, actor=STAFF)
    unknown = await ops.data(VERIFY, {"id": global_id("Backup", PLATFORM, uuid7())}, actor=STAFF)
    (run,) = await desk.rows("select id from platform.task_run where task = 'verify_backup'")
    await desk.runner().run(run["id"])

    assert unknown["verifyBackup"]["userErrors"] == [{"code": "backup.not_found"}]
    assert (await desk.run(run["id"]))["error_class"] == "backup.damaged"
    (proof,) = (await ops.data(PROOFS, row, actor=STAFF))["backups"]["edges"]
    assert proof["node"]["error"].startswith("backup.damaged: ")


async def test_staff_set_when_a_preview_ends_and_only_of_a_preview(ops: Asking, tenant: Environment) -> None:
    mutation = """mutation ($id: ID!, $at: DateTime) { setPreviewExpiry(id: $id, expiresAt: $at) {
        isAccepted userErrors { code } } }"""
    values = {"id": global_id("Environment", PLATFORM, tenant.id), "at": datetime(2030, 1, 1, tzinfo=UTC).isoformat()}

    data = await ops.data(mutation, values, actor=STAFF)

    assert data["setPreviewExpiry"]["userErrors"] == [{"code": "preview.not_there"}]


async def test_nobody_else_steps_into_the_life_of_a_tenant(ops: Asking, tenant: Environment) -> None:
    row = global_id("Tenant", PLATFORM, tenant.tenant.id)

    answer = await ops(STEP % "suspendTenant", {"id": row, "reason": "x"}, actor=Actor.guest())

    assert codes(answer) == ["login_required"]
