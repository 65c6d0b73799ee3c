"""What became of a tenant, on the command line."""

from pathlib import Path

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.lifecycle.deleting import delete_tenant
from tests.faults.doomed import run


async def test_a_tenant_is_shown_with_steps_history_and_the_proof_of_its_end(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    slug, said = tenant.tenant.slug, tmp_path / "said"

    async def opscom(*words: str) -> int:
        return await run(list(words), platform.settings, said)

    assert await opscom("tenant", "show", slug) == 0
    assert await opscom("tenant", "suspend", slug, "--reason", "unpaid") == 0
    assert await opscom("tenant", "history", slug) == 0
    assert await opscom("tenant", "erasure", slug) == 1
    await delete_tenant(platform.copier, tenant.tenant.id, actor="ann", reason="contract ended")
    assert await opscom("tenant", "erasure", slug) == 0
    assert await opscom("erasures", "apply") == 0
    assert await opscom("erasures", "list") == 0

    text = said.read_text()
    assert f"production\tactive\t{tenant.primary_host}\tmain\t{tenant.schema}" in text
    assert "  furnished\tdone" in text
    assert "active -> suspended\tcommand line\tunpaid" in text
    assert "erasure.not_found" in text
    assert f"schemas dropped: {tenant.schema}; backups removed: 0" in text
    assert "0 deleted tenants were back" in text


async def test_numbers_of_lines_that_can_not_be_are_refused_in_words(
    platform: Platform, tenant: Environment, tmp_path: Path
) -> None:
    said = tmp_path / "said"

    async def history(number: str) -> int:
        return await run(["tenant", "history", tenant.tenant.slug, "--number", number], platform.settings, said)

    assert [await history(number) for number in ("0", "-1", "9" * 30)] == [2, 2, 2]

    assert "Traceback" not in said.read_text()
