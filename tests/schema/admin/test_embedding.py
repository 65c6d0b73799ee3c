"""Where the map may be shown, in the admin API: entered by the client, known at once, noted by the platform."""

from sqlalchemy import select

from domain.kernel.actor import Permission
from opscom.platform import Platform
from tenants.environments import Environment
from tenants.registry.models import RegistryAuditRow
from tests.fixtures.parking import staff
from tests.fixtures.schemas import Asking

OFFICE = staff(Permission.VIEW_SETTINGS, Permission.MANAGE_SETTINGS)
UPDATE = """mutation ($input: UpdateEmbeddingInput!) { updateEmbedding(input: $input) {
    embedding { sites exemptNetworks } userErrors { code field } } }"""
SITE, NETWORK = "https://www.university.example", "203.0.113.0/24"


async def test_what_is_listed_is_known_to_the_registry_and_noted(
    admin: Asking, platform: Platform, tenant: Environment
) -> None:
    first = await admin.data(UPDATE, {"input": {"sites": [SITE + "/"]}}, actor=OFFICE)
    second = await admin.data(UPDATE, {"input": {"exemptNetworks": [NETWORK]}}, actor=OFFICE)
    shown = await admin.data("{ embedding { sites exemptNetworks } }", actor=OFFICE)

    assert first["updateEmbedding"] == {"embedding": {"sites": [SITE], "exemptNetworks": []}, "userErrors": []}
    assert (
        second["updateEmbedding"]["embedding"] == shown["embedding"] == {"sites": [SITE], "exemptNetworks": [NETWORK]}
    )
    await platform.registry.load()
    known = platform.registry.by_id(tenant.id)
    assert known is not None
    assert known.embedding.sites == {SITE}
    async with platform.databases.control().connect() as connection:
        notes = await connection.scalars(
            select(RegistryAuditRow.facts).where(RegistryAuditRow.action == "embedding_changed")
        )
        assert {"environment": str(tenant.id), "embedding_sites": SITE} in notes.all()


async def test_what_is_wrong_is_told_at_its_field_and_changes_nothing(admin: Asking) -> None:
    data = await admin.data(UPDATE, {"input": {"sites": ["http://www.university.example"]}}, actor=OFFICE)
    shown = await admin.data("{ embedding { sites } }", actor=OFFICE)

    assert data["updateEmbedding"] == {
        "embedding": None,
        "userErrors": [{"code": "embedding.site_invalid", "field": ["input", "sites"]}],
    }
    assert shown == {"embedding": {"sites": []}}
