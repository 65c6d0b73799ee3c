"""What is copied into an environment and what becomes of a space, as the control plane shows it and gives it back."""

import asyncio
from datetime import UTC, datetime

from domain.captures.actions import capture
from domain.kernel.actor import Actor
from opscom.platform import Platform
from schema.ids import PLATFORM, global_id
from tenants.backups.actions import back_up
from tenants.copies.telling import TOPIC
from tenants.environments import Environment
from tests.fixtures.schemas import Asking
from tests.patience import patience
from tests.schema.ops.test_lifecycle import STAFF
from tests.tenants.test_previews import _refreshed

STATE = """{ environment { id kind } lastCopy { kind startedBy } space { isLocked expiresAt endsAt lastLoginAt }
    backupTime { at timeZone nextAt } locks { isLocked actor reason } }"""
COPIES = f"query ($id: ID!) {{ copies(id: $id) {STATE} }}"
ANSWER = f"{{ isAccepted copies {STATE} userErrors {{ code field facts {{ name value }} }} }}"
REFRESH = f"mutation ($id: ID!, $backup: ID!) {{ refreshPreview(id: $id, input: {{backupId: $backup}}) {ANSWER} }}"
LOCK = f"mutation ($id: ID!, $reason: String!) {{ lockPreview(id: $id, locked: true, reason: $reason) {ANSWER} }}"
EXPIRE = f"mutation ($id: ID!, $at: DateTime) {{ setPreviewExpiry(id: $id, expiresAt: $at) {ANSWER} }}"
TIME = f"""mutation ($id: ID!, $at: LocalTime!, $zone: String) {{
    setBackupTime(id: $id, at: $at, timeZone: $zone) {ANSWER} }}"""
VERIFY = f"mutation ($id: ID!) {{ verifyBackup(id: $id) {ANSWER} }}"


async def test_a_refresh_gives_back_the_space_that_it_makes(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")
    values = {"id": global_id("Tenant", PLATFORM, tenant.tenant.id), "backup": global_id("Backup", PLATFORM, backup_id)}

    made = (await ops.data(REFRESH, values, actor=STAFF))["refreshPreview"]
    again = (await ops.data(REFRESH, values, actor=STAFF))["refreshPreview"]

    assert made["copies"]["environment"]["kind"] == "PREVIEW"
    assert made["copies"]["lastCopy"] == {"kind": "refresh", "startedBy": "Sam"}
    assert (again["isAccepted"], again["copies"]) == (False, None)
    facts = {fact["name"]: fact["value"] for fact in again["userErrors"][0]["facts"]}
    assert (again["userErrors"][0]["code"], facts["by"], facts["kind"]) == ("copy.running", "Sam", "refresh")


async def test_a_lock_and_a_date_of_expiry_are_seen_at_once_also_by_who_watches(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    """Staff locked a preview, and the page of the client's admin said for fifteen seconds that it was open."""
    preview, heard = await _refreshed(platform, tenant), asyncio.Queue[frozenset[str]]()
    row, day = {"id": global_id("Environment", PLATFORM, preview.id)}, datetime(2027, 1, 1, tzinfo=UTC).isoformat()
    platform.bus.follow(tenant.id, heard.put_nowait)

    try:
        expires = (await ops.data(EXPIRE, row | {"at": day}, actor=STAFF))["setPreviewExpiry"]["copies"]["space"]
        locked = (await ops.data(LOCK, row | {"reason": "training"}, actor=STAFF))["lockPreview"]["copies"]
        async with patience():
            notes = [await heard.get() for _step in range(2)]
    finally:
        platform.bus.unfollow(tenant.id, heard.put_nowait)

    assert (expires["isLocked"], expires["expiresAt"]) == (False, "2027-01-01T00:00:00.000Z")
    assert expires["endsAt"] == expires["expiresAt"]
    assert (locked["space"]["isLocked"], locked["space"]["endsAt"]) == (True, None)
    assert locked["locks"] == [{"isLocked": True, "actor": "Sam", "reason": "training"}]
    assert notes == [frozenset({TOPIC})] * 2


async def test_a_refused_step_says_which_argument_is_at_fault(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)

    refused = await ops.data(LOCK, {"id": global_id("Environment", PLATFORM, preview.id), "reason": " "}, actor=STAFF)

    (error,) = refused["lockPreview"]["userErrors"]
    assert (error["code"], error["field"]) == ("reason.missing", ["reason"])
    assert refused["lockPreview"]["copies"] is None


async def test_when_the_nightly_backup_is_due_is_read_and_set(ops: Asking, tenant: Environment) -> None:
    row = {"id": global_id("Environment", PLATFORM, tenant.id)}
    at_first = (await ops.data(COPIES, row, actor=STAFF))["copies"]

    set_to = (await ops.data(TIME, row | {"at": "23:15", "zone": "America/Vancouver"}, actor=STAFF))["setBackupTime"]
    wrong = (await ops.data(TIME, row | {"at": "23:15", "zone": "Mars/Base"}, actor=STAFF))["setBackupTime"]

    assert at_first["space"] is None, "production does not end"
    assert (at_first["backupTime"]["at"], at_first["backupTime"]["timeZone"]) == ("02:00", "America/Toronto")
    due = set_to["copies"]["backupTime"]
    assert (due["at"], due["timeZone"], due["nextAt"] > "2026") == ("23:15", "America/Vancouver", True)
    assert (wrong["userErrors"][0]["field"], wrong["copies"]) == (["timeZone"], None)


async def test_a_proof_that_is_asked_for_gives_back_whose_backup_it_is(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    backup_id = await back_up(platform.copier, tenant, reason="by hand", actor="ann")

    asked = await ops.data(VERIFY, {"id": global_id("Backup", PLATFORM, backup_id)}, actor=STAFF)

    known = {"id": global_id("Environment", PLATFORM, tenant.id), "kind": "PRODUCTION"}
    assert asked["verifyBackup"]["copies"]["environment"] == known


async def test_staff_see_that_calls_were_held_back_and_not_what_they_said(
    ops: Asking, platform: Platform, tenant: Environment
) -> None:
    preview = await _refreshed(platform, tenant)
    async with platform.databases.work(preview, Actor.system()) as work:
        await capture(work, "mistall", "Update Mistall", "https://live.example", "a plate")

    calls = "query ($id: ID!) { capturedCalls(id: $id) { vendor purpose address count } }"
    found = await ops.data(calls, {"id": global_id("Environment", PLATFORM, preview.id)}, actor=STAFF)
    unknown = await ops.data(calls, {"id": "nothing"}, actor=STAFF)

    held = {"vendor": "mistall", "purpose": "Update Mistall", "address": "https://live.example", "count": 1}
    assert (found, unknown) == ({"capturedCalls": [held]}, {"capturedCalls": None})
    assert "body" not in ops.api.core.type_map["CapturedCall"].fields  # type: ignore[attr-defined]  # an object type
