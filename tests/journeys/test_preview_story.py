"""The story of a preview space on the whole running product: `make story-preview` tells it aloud."""

from __future__ import annotations

import asyncio
from typing import Any

from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.previews.actions import Who, set_expiry
from tests.fixtures.product import ADMIN, Product, Site, until
from tests.patience import patience

RUN = 'mutation { runSystemTask(name: "back_up") { userErrors { code } } }'
BACKUPS = "{ backups { edges { node { id state rows } } } }"
REFRESH = """mutation ($id: ID!) { refreshPreview(input: {backupId: $id}) {
    isAccepted userErrors { code message } } }"""
SPACES = "subscription { previewSpaces { host lastCopy { state step message rowsDone rowsTotal } } }"
LOCK = """mutation ($locked: Boolean!, $reason: String!) { lockPreview(input: {locked: $locked, reason: $reason}) {
    previewSpace { isLocked locks { isLocked reason actor } } userErrors { code } } }"""
NEW_GROUP = """mutation ($name: String!) { createLotGroup(input: {name: $name, mapColor: "#336699"}) {
    lotGroup { name } userErrors { code } } }"""
INVITE = "mutation ($name: String!) { inviteUser(input: {userName: $name}) { userErrors { code } } }"
MAIL = "{ mail { edges { node { kind state subject text } } } }"
GROUPS = "{ lotGroups { name } environment { isPreview kind } }"


def tell(*words: object) -> None:
    """A line of the story, for who reads it with ``make story-preview``."""
    print(*words)  # noqa: T201 - it is a story


async def test_the_story_of_a_preview(product: Product, platform: Platform, tenant: Environment) -> None:
    password = await create_administrator(platform, tenant, ADMIN)
    office = product.site(tenant)
    await office.log_in(ADMIN, password)
    await _create_group(office, "North")
    tell("production", tenant.primary_host, "has", await _groups(office))

    backup = await _back_up(office)
    tell("backup", backup["state"], backup["rows"], "rows")

    preview = await _refresh(product, office, backup["id"])
    await preview.log_in(ADMIN, password)
    tell("preview", preview.environment.primary_host, "has", await _groups(preview))
    assert await _groups(preview) == await _groups(office) == ["North"]
    answer = await preview.ask("/admin/graphql", GROUPS)
    assert answer["extensions"] == {"environment": {"kind": "preview", "isPreview": True}}

    await _create_group(preview, "Only in the preview")
    assert await _groups(preview) == ["North", "Only in the preview"]
    assert await _groups(office) == ["North"]
    tell("changed in the preview:", await _groups(preview), "production:", await _groups(office))

    await _invite(preview, "guest@tomahawku.example")
    captured = await _mail(preview)
    assert [(one["state"], "/welcome#" in one["text"]) for one in captured] == [("CAPTURED", True)]
    assert "INVITATION" not in [one["kind"] for one in await _mail(office)]
    tell("mail in the preview:", captured[0]["state"], captured[0]["subject"], "; none in production")

    await office.data("/admin/graphql", LOCK, locked=True, reason="Ann trains the desk until Friday")
    refused = (await office.data("/admin/graphql", REFRESH, id=backup["id"]))["refreshPreview"]
    tell("locked, and refused:", refused["userErrors"][0]["message"])
    assert [error["code"] for error in refused["userErrors"]] == ["preview.locked"]
    await office.data("/admin/graphql", LOCK, locked=False, reason="the training is over")

    preview = await _refresh(product, office, backup["id"])
    await preview.log_in(ADMIN, password)
    assert await _groups(preview) == ["North"]
    tell("refreshed again:", await _groups(preview))

    await _expire(product, platform, preview.environment)
    assert platform.registry.by_host(preview.environment.primary_host) is None
    assert await _groups(office) == ["North"]
    tell("expired and gone; production:", await _groups(office))


async def _back_up(office: Site) -> dict[str, Any]:
    await office.data("/admin/graphql", RUN)
    async with patience():
        while True:
            found = (await office.data("/admin/graphql", BACKUPS))["backups"]["edges"]
            if found and found[0]["node"]["state"] == "complete":
                node: dict[str, Any] = found[0]["node"]
                return node
            await asyncio.sleep(0.05)


async def _refresh(product: Product, office: Site, backup_id: str) -> Site:
    """Press Refresh and watch it to its end."""
    async with office.socket("/admin/graphql", SPACES) as states:
        answer = (await office.data("/admin/graphql", REFRESH, id=backup_id))["refreshPreview"]
        assert answer == {"isAccepted": True, "userErrors": []}
        await until(states, lambda state: _step(state) in {"queued", "load", "switch", "furnish", "drop"})
        done = await until(states, lambda state: _step(state) == "complete")
    (space,) = done["data"]["previewSpaces"]
    tell("  ", space["lastCopy"]["message"])
    await product.platform.registry.load()
    found = product.platform.registry.by_host(space["host"])
    assert found is not None
    return product.site(found)


def _step(state: dict[str, Any]) -> str:
    spaces = (state.get("data") or {}).get("previewSpaces") or []
    return str(spaces[0]["lastCopy"]["step"]) if spaces else ""


async def _invite(site: Site, address: str) -> None:
    data = await site.data("/admin/graphql", INVITE, name=address)
    assert data["inviteUser"]["userErrors"] == []


async def _mail(site: Site) -> list[dict[str, Any]]:
    """The mail of a site, once nothing of it waits any more."""
    async with patience():
        while True:
            edges = (await site.data("/admin/graphql", MAIL))["mail"]["edges"]
            if all(edge["node"]["state"] != "WAITING" for edge in edges):
                return [edge["node"] for edge in edges]
            await asyncio.sleep(0.05)


async def _expire(product: Product, platform: Platform, preview: Environment) -> None:
    """The platform's staff set a date, and its hourly task comes round."""
    await set_expiry(platform.databases, preview.id, platform.clock(), Who("support", is_platform=True))
    name = f"{platform.databases.database_name('')}_control"
    (run_id,) = await product.desk.queue(name, "expire_previews")
    await platform.bus.nudge("dispatcher")
    async with patience():
        while (await product.desk.run(run_id))["state"] != "succeeded":  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.05)
    await platform.registry.load()


async def _create_group(site: Site, name: str) -> None:
    data = await site.data("/admin/graphql", NEW_GROUP, name=name)
    assert data["createLotGroup"]["userErrors"] == []


async def _groups(site: Site) -> list[str]:
    return [group["name"] for group in (await site.data("/admin/graphql", GROUPS))["lotGroups"]]
