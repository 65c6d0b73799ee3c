"""Every limit holds over every transport: they share one way in (the hole of CVE-2026-30241 was a second way)."""

import json

import pytest

from tests.gateway.asking import JSON, ask, connected
from tests.gateway.toy import Toy

DOCUMENTS = {
    "GRAPHQL_PARSE_FAILED": "{ groups {",
    "GRAPHQL_VALIDATION_FAILED": "{ nothing }",
    "LIMIT_LENGTH": "{ hello }" + " " * 40_000,
    "LIMIT_TOKENS": "{ hello(name: [" + "1 " * 3_000 + "]) }",
    "LIMIT_DEPTH": "{ groups " + "{ children " * 15 + "{ name }" + "}" * 15 + "}",
    "LIMIT_ALIASES": "{ groups { " + " ".join(f"a{n}: name" for n in range(31)) + " } }",
    "LIMIT_ROOT_FIELDS": "{" + " __typename" * 900 + " }",
    "LIMIT_DIRECTIVES": "{ hello " + "@skip(if: false) " * 31 + "}",
    "LIMIT_SELECTIONS": "{ groups { "
    + "...F " * 60
    + "} } fragment F on Group { "
    + " ".join(f"... on Group {{ children {{ c{n}: name }} }}" for n in range(8))
    + " }",
    "LIMIT_REPEATS": "{ groups {" + " name" * 300 + " } }",
    "LIMIT_COST": "{ groups " + "{ children " * 4 + "{ name }" + "}" * 4 + "}",
}


async def over_post(toy: Toy, text: str) -> list[str]:
    return (await ask(toy.app, {"query": text})).codes


async def over_get(toy: Toy, text: str) -> list[str]:
    quoted = "".join(f"%{byte:02X}" for byte in text.encode())
    return (await ask(toy.app, headers={}, method="GET", query=f"query={quoted}")).codes


async def over_events(toy: Toy, text: str) -> list[str]:
    response = await ask(toy.app, {"query": text}, {**JSON, "accept": "text/event-stream"})
    data = response.body.decode().split("data: ")[1].split("\n")[0]
    return [error["extensions"]["code"] for error in json.loads(data)["errors"]]


async def over_socket(toy: Toy, text: str) -> list[str]:
    async with connected(toy.app) as peer:
        peer.subscribe("a", text)
        said = await peer.until(2)
    return [error["extensions"]["code"] for error in said[1]["payload"]]


TRANSPORTS = {"POST": over_post, "GET": over_get, "SSE": over_events, "WebSocket": over_socket}


@pytest.mark.parametrize("code", DOCUMENTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_limit_holds_over_every_transport(toy: Toy, transport: str, code: str) -> None:
    codes = await TRANSPORTS[transport](toy, DOCUMENTS[code])

    assert set(codes) == {code} or (code == "LIMIT_SELECTIONS" and codes[0].startswith("LIMIT_"))


BESIDE_THE_WALK = {
    "unused": "{ hello } fragment F on Group {" + " children { name }" * 400 + " }",
    "unused, in a circle": "{ hello } fragment F on Group { ...G" + " name" * 400 + " } fragment G on Group { ...F }",
    "twice": "{ groups { ...F } } fragment F on Group {" + " name" * 400 + " } fragment F on Group { name }",
}


@pytest.mark.parametrize("name", BESIDE_THE_WALK)
async def test_a_fragment_that_no_operation_reaches_is_refused_before_validation_compares_its_fields(
    toy: Toy, name: str
) -> None:
    """400 times the same field in a fragment that nobody uses cost a second in 5 KB."""
    response = await ask(toy.app, {"query": BESIDE_THE_WALK[name]})

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "Every fragment must be used" in error["message"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_limit_holds_for_live_operations_too(toy: Toy, transport: str) -> None:
    text = "subscription { state { " + "count " * 300 + "} }"

    assert await TRANSPORTS[transport](toy, text) == ["LIMIT_REPEATS"]
    assert not toy.hub.feeds
