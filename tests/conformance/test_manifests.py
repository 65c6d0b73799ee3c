"""Manifests as relay-compiler and graphql-codegen write them, served by a gateway that takes nothing else."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import create_app
from opscom.platform import Platform
from tests.architecture.sources import ROOT
from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Site
from tests.gateway.toy import served

HERE = Path(__file__).parent
MAP = "query Map { lotGroups { name occupancy { percentFull } } }"
PAGES = "query pagesQuery { lotGroups { name } }"
RELAY = {
    "src": "./src",
    "schema": "./schema.graphql",
    "language": "javascript",
    "persistConfig": {"file": "./portal-relay.json", "algorithm": "SHA256"},
}
CODEGEN = {
    "schema": "schema.graphql",
    "documents": ["src/map.ts"],
    "generates": {"gen/": {"preset": "client", "presetConfig": {"persistedDocuments": True}}},
}


def by_relay(run: Callable[..., None], folder: Path) -> Path:
    """relay-compiler adds fields of its own to the document (ids and type names)."""
    (folder / "src" / "pages.js").write_text(f"graphql`{PAGES}`\n")
    (folder / "relay.config.json").write_text(json.dumps(RELAY))
    (folder / "portal-relay.json").write_text("{}")
    run("relay-compiler/cli.js")
    return folder / "portal-relay.json"


def by_codegen(run: Callable[..., None], folder: Path) -> Path:
    """graphql-codegen's client preset puts ``sha256:`` before its ids."""
    (folder / "src" / "map.ts").write_text(f"import {{ graphql }} from './gql'\nexport const q = graphql(`{MAP}`)\n")
    (folder / "codegen.json").write_text(json.dumps(CODEGEN))
    run("@graphql-codegen/cli/esm/bin.js", "--config", "codegen.json")
    return folder / "gen" / "persisted-documents.json"


@pytest.mark.parametrize("compiled", [by_relay, by_codegen])
async def test_what_the_compilers_write_is_served_and_nothing_else(
    node: Path,
    platform: Platform,
    make_tenant: MakeTenant,
    tmp_path: Path,
    compiled: Callable[[Callable[..., None], Path], Path],
) -> None:
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the npm packages are not installed: make peers")
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    shutil.copy(ROOT / "schema" / "portal.graphql", tmp_path / "schema.graphql")

    def run(script: str, *words: str) -> None:
        command = [str(node), str(HERE / "node_modules" / script), *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    written = compiled(run, tmp_path)
    ((document_id, document),) = json.loads(written.read_text()).items()
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    shutil.copy(written, manifests / "portal.json")
    strict = {"manifests": manifests, "free_form": {"portal": "nobody"}}
    gateway = create_app(replace(platform, settings=platform.settings.model_copy(update=strict)))
    async with served(gateway.app) as port:
        site = Site(await make_tenant(), port)
        by_id = await site.post("/graphql", {"documentId": document_id})
        other = await site.post("/graphql", {"query": "{ lotGroups { mapColor } }"})

    assert document_id.startswith("sha256:") == (compiled is by_codegen)
    assert "lotGroups" in document
    assert by_id.json() == {"data": {"lotGroups": []}}
    assert other.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_PUBLISHED"
