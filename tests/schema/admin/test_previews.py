"""Tools → Reset Database in the admin API: backups, refresh, lock, and the subscription that shows how far it is."""

from typing import Any

from domain.kernel.actor import Permission
from opscom.platform import Platform
from schema.ids import global_id
from tenants.backups.actions import back_up
from tenants.environments import Environment
from tests.fixtures.jobs import Desk
from tests.fixtures.parking import staff
from tests.fixtures.platform import MakeTenant
from tests.fixtures.schemas import Asking, codes

OFFICE = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_PREVIEWS)
REFRESH = """mutation ($input: RefreshPreviewInput!) { refreshPreview(input: $input) {
    isAccepted userErrors { code message field } } }"""
LOCK = """mutation ($input: LockPreviewInput!) { lockPreview(input: $input) {
    previewSpace { isLocked endsAt locks { isLocked reason } } userErrors { code } } }"""
SPACES = (
    """{ previewSpaces { kind host isLocked endsAt lastCopy { state step message rowsDone rowsTotal startedBy } } }"""
)
BACKUPS = "{ backups { edges { node { id state reason rows kilobytes } } } }"


async def test_a_preview_is_made_watched_locked_and_refused(
    admin: Asking, platform: Platform, desk: Desk, tenant: Environment
) -> None:
    await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    (backup,) = (await admin.data(BACKUPS, actor=OFFICE))["backups"]["edges"]
    assert (backup["node"]["state"], backup["node"]["rows"] > 0) == ("complete", True)

    asked = await admin.data(REFRESH, {"input": {"backupId": backup["node"]["id"]}}, actor=OFFICE)
    assert asked["refreshPreview"] == {"isAccepted": True, "userErrors": []}
    (space,) = (await admin.data(SPACES, actor=OFFICE))["previewSpaces"]
    assert space["lastCopy"]["message"] == "Please wait: it begins as soon as a worker is free."
    twice = await admin.data(REFRESH, {"input": {"backupId": backup["node"]["id"]}}, actor=OFFICE)
    assert [error["code"] for error in twice["refreshPreview"]["userErrors"]] == ["copy.running"]
    await _work_off(desk)

    (space,) = (await admin.data("subscription " + SPACES, actor=OFFICE))["previewSpaces"]
    assert (space["kind"], space["isLocked"]) == ("PREVIEW", False)
    assert space["host"] == f"{tenant.tenant.slug}.preview.ops-com.localhost"
    assert space["lastCopy"]["message"] == "The database is refreshed."
    assert space["lastCopy"]["rowsDone"] == space["lastCopy"]["rowsTotal"] == backup["node"]["rows"]

    locked = await admin.data(LOCK, {"input": {"locked": True, "reason": "training"}}, actor=OFFICE)
    assert locked["lockPreview"]["previewSpace"] == {
        "isLocked": True,
        "endsAt": None,
        "locks": [{"isLocked": True, "reason": "training"}],
    }
    refused = await admin.data(REFRESH, {"input": {"backupId": backup["node"]["id"]}}, actor=OFFICE)
    assert refused["refreshPreview"]["isAccepted"] is False
    assert refused["refreshPreview"]["userErrors"][0]["code"] == "preview.locked"
    assert "training" in refused["refreshPreview"]["userErrors"][0]["message"]


async def test_another_tenants_backup_is_as_unknown_as_none(
    admin: Asking, platform: Platform, make_tenant: MakeTenant, tenant: Environment
) -> None:
    other = await make_tenant()
    theirs = await back_up(platform.copier, other, reason="by hand", actor="ann")

    answers = [
        await admin.data(REFRESH, {"input": {"backupId": backup_id}}, actor=OFFICE)
        for backup_id in (
            global_id("Backup", other.tenant.number, theirs),
            global_id("Backup", tenant.tenant.number, theirs),
            "nonsense",
        )
    ]

    assert [answer["refreshPreview"]["userErrors"][0]["code"] for answer in answers] == ["backup.not_found"] * 3
    assert answers[0] == answers[1] == answers[2]


async def test_who_may_not_manage_previews_refreshes_and_locks_none(admin: Asking) -> None:
    viewer = staff(Permission.VIEW_SETTINGS)

    refresh = await admin(REFRESH, {"input": {"backupId": "any"}}, actor=viewer)
    lock = await admin(LOCK, {"input": {"locked": True, "reason": "x"}}, actor=viewer)

    assert codes(refresh) == codes(lock) == ["denied"]


async def _work_off(desk: Desk) -> None:
    rows: list[Any] = await desk.rows("select id from platform.task_run where state = 'queued'")
    for row in rows:
        await desk.runner().run(row["id"])
