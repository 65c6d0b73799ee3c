"""Documents by id over every transport, and what is told of each operation."""

import hashlib
import json

import pytest

from schema.context import Transport
from schema.operations.store import Rules
from schema.operations.trust import FreeForm, Trust
from tests.gateway.asking import JSON, LIVE, ask, connected
from tests.gateway.toy import MakeToy, Toy

TEXT = "query Hello { hello }"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
LIVE_ID = hashlib.sha256(LIVE.encode()).hexdigest()
FORMS: dict[str, dict[str, object]] = {
    "documentId": {"documentId": f"sha256:{DIGEST}"},
    "Apollo's extension": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": DIGEST}}},
}


@pytest.fixture
def strict(make_toy: MakeToy) -> Toy:
    toy = make_toy(rules=Rules(free_form=FreeForm.NOBODY))
    toy.endpoint.api.operations.publish({DIGEST: TEXT, LIVE_ID: LIVE})
    return toy


@pytest.mark.parametrize("form", FORMS)
async def test_a_document_is_asked_for_by_id_over_http(strict: Toy, form: str) -> None:
    posted = await ask(strict.app, FORMS[form])
    query = "&".join(f"{name}={v if isinstance(v, str) else json.dumps(v)}" for name, v in FORMS[form].items())
    got = await ask(strict.app, headers={}, method="GET", query=query.replace('"', "%22").replace(" ", ""))

    assert posted.json() == got.json() == {"data": {"hello": "hello world"}}


async def test_a_document_is_asked_for_by_id_over_events(strict: Toy) -> None:
    response = await ask(strict.app, FORMS["documentId"], {**JSON, "accept": "text/event-stream"})

    assert b'data: {"data":{"hello":"hello world"}}' in response.body


async def test_a_document_is_asked_for_by_id_over_a_socket(strict: Toy) -> None:
    async with connected(strict.app) as peer:
        peer.say(id="a", type="subscribe", payload={"documentId": LIVE_ID})
        said = await peer.until(2)

    assert said[1]["payload"] == {"data": {"state": {"count": 0}}}


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_what_is_not_published_is_refused(strict: Toy, accept: str) -> None:
    response = await ask(strict.app, {"query": "{ hello }"}, {**JSON, "accept": accept})

    assert b"DOCUMENT_NOT_PUBLISHED" in response.body


async def test_what_is_not_published_is_refused_over_a_socket(strict: Toy) -> None:
    async with connected(strict.app) as peer:
        peer.subscribe("a", "{ hello }")
        said = await peer.until(2)

    assert said[1]["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_PUBLISHED"


@pytest.mark.parametrize(("secret", "codes"), [("for checks", []), ("for czechs", ["DOCUMENT_NOT_PUBLISHED"])])
async def test_the_secret_of_the_checks_is_read_from_its_header(strict: Toy, secret: str, codes: list[str]) -> None:
    response = await ask(strict.app, {"query": "{ __schema { types { name } } }"}, {**JSON, "x-opscom-ci": secret})

    assert response.codes == codes


async def test_every_operation_is_told_of_once(toy: Toy) -> None:
    await ask(toy.app, {"query": TEXT})
    async with connected(toy.app) as peer:
        peer.subscribe("a", LIVE)
        await peer.until(2)

    assert [(o.kind, o.name, o.trust, o.transport, o.cost, o.outcome) for o in toy.told] == [
        ("query", "Hello", Trust.GUEST, Transport.HTTP, 1, "ok"),
        ("subscription", "", Trust.GUEST, Transport.SOCKET, 1, "ok"),
    ]


async def test_an_operation_that_is_refused_for_its_variables_is_told_of_too(toy: Toy) -> None:
    await ask(toy.app, {"query": "query Q($b: Boolean!) { hello @include(if: $b) }", "variables": {"b": 3}})

    (told,) = toy.told
    assert (told.name, told.outcome) == ("Q", "BAD_USER_INPUT")
