"""The protocols' own audits and client libraries, run by Node against the product over real sockets."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.platform import MakeTenant
from tests.fixtures.product import Product
from tests.patience import patience

HERE = Path(__file__).parent
LIVE = "subscription { occupancy { pins { id name } } }"
QUERY = "{ environment { host } }"
CHANGE = """mutation { createLotGroup(input: {
  name: "New", mapColor: "#336699", showOnMap: true, point: {latitude: 45.0, longitude: -75.0}
}) { userErrors { code message } } }"""
CLIENTS = ("graphql-ws", "graphql-sse", "urql-ws", "urql-sse", "apollo")


class Peer:
    """A script in Node that prints lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> Any:  # noqa: ANN401 - JSON is of any shape
        """The next line; fails with what the script complained of if there is none."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        async with patience():
            text = await self._process.stdout.readline()
            assert text, (await self._process.stderr.read()).decode()
        return json.loads(text)


@asynccontextmanager
async def scripted(node: Path, *words: str) -> AsyncIterator[Peer]:
    """A running script; killed at the end if it has not ended."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the npm packages are not installed: make peers")
    process = await asyncio.create_subprocess_exec(
        node,
        "--import",
        "./resolve.mjs",
        *words,
        cwd=HERE,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(HERE)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Peer(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("api", ["portal", "admin", "ops"])
async def test_all_61_audits_of_graphql_over_http_pass(
    product: Product, make_tenant: MakeTenant, node: Path, api: str
) -> None:
    tenant = await make_tenant()
    hosts = {"portal": tenant.primary_host, "admin": tenant.primary_host, "ops": "ops.ops-com.localhost"}
    path = "/admin/graphql" if api == "admin" else "/graphql"

    async with scripted(node, "audit.mjs", f"http://{hosts[api]}:{product.port}{path}") as audit:
        result = await audit.line()

    assert result["failed"] == []
    assert (result["total"], result["ok"]) == (61, 61)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_library_asks_and_then_watches_the_map_change(
    product: Product, make_tenant: MakeTenant, node: Path, client: str
) -> None:
    tenant = await make_tenant()
    admin = await product.admin(tenant)
    url = f"http://{tenant.primary_host}:{product.port}/graphql"

    async with scripted(node, "client.mjs", client, url, QUERY, LIVE, "2") as peer:
        asked = await peer.line()
        first = await peer.line()
        answer = await admin.data("/admin/graphql", CHANGE)
        assert answer["createLotGroup"]["userErrors"] == []
        second = await peer.line()
        ended = await peer.line()

    assert asked["query"]["data"]["environment"]["host"] == tenant.primary_host
    assert first["state"]["data"]["occupancy"]["pins"] == []
    assert [pin["name"] for pin in second["state"]["data"]["occupancy"]["pins"]] == ["New"]
    assert ended == {"done": True}
