"""Requests that are answered from what is kept, by their words alone: never where anything could make another answer."""

from dataclasses import replace

import pytest

from tenants.environments import State
from tests.gateway.asking import JSON, ask
from tests.gateway.toy import HOST, Toy

COUNT = {"query": "{ count }"}


@pytest.fixture
async def kept(toy: Toy) -> Toy:
    """A toy whose count a guest has asked for, and whose answer is kept."""
    await ask(toy.app, COUNT)
    return toy


async def hits(toy: Toy, headers: object = JSON, **how: object) -> int:
    before = toy.endpoint.answers.hits, len(toy.told)
    await ask(toy.app, COUNT, headers, **how)  # type: ignore[arg-type]  # what a client may send
    return toy.endpoint.answers.hits - before[0] if len(toy.told) == before[1] else 0


async def test_the_same_words_are_answered_as_they_were(kept: Toy) -> None:
    first = await ask(kept.app, {"query": "{ count  }"})
    again = await ask(kept.app, {"query": "{ count  }"})

    assert (again.status, again.body, again.headers) == (first.status, first.body, first.headers)
    assert again.header("cache-control") == "no-store"
    assert await hits(kept) == 1


@pytest.mark.parametrize(
    "more",
    [
        ("cookie", "toy=ann"),
        ("cookie", ""),
        ("authorization", "Bearer x"),
        ("origin", f"http://{HOST}"),
        ("x-opscom-ci", "for checks"),
        ("accept", "application/graphql-response+json"),
        ("content-type", "application/json"),
        ("host", HOST),
        ("x-forwarded-host", "another.ops-com.localhost"),
    ],
)
async def test_whatever_may_make_another_answer_is_understood_anew(kept: Toy, more: tuple[str, str]) -> None:
    assert await hits(kept, [("host", HOST), *JSON.items(), more]) == 0


async def test_a_proxy_that_says_what_the_client_says_changes_nothing(kept: Toy) -> None:
    headers = [("host", HOST), *JSON.items(), ("x-forwarded-host", HOST), ("x-forwarded-for", "203.0.113.7")]
    await hits(kept, headers)

    assert await hits(kept, headers) == 1


async def test_an_environment_that_is_suspended_is_answered_for_no_more(kept: Toy) -> None:
    kept.sites.put(replace(kept.environment, state=State.SUSPENDED))

    response = await ask(kept.app, COUNT)

    assert (response.status, response.codes) == (503, ["SUSPENDED"])


async def test_a_host_that_leads_elsewhere_now_is_answered_for_no_more(kept: Toy) -> None:
    del kept.sites.routes[HOST]
    kept.sites.environments[kept.environment.id] = replace(kept.environment, hosts=frozenset())
    kept.sites.version += 1

    assert (await ask(kept.app, COUNT)).status == 404


async def test_a_change_of_the_registry_about_others_lets_answers_stand(kept: Toy) -> None:
    kept.sites.version += 1

    assert await hits(kept) == 1


async def test_a_body_in_parts_is_read_whole(kept: Toy) -> None:
    response = await ask(kept.app, chunks=[b'{"query":', b'"{ count }"}'])

    assert response.json() == {"data": {"count": 0}}


async def test_another_path_or_method_is_another_request(kept: Toy) -> None:
    assert (await ask(kept.app, COUNT, path="/elsewhere")).status == 404
    assert (await ask(kept.app, COUNT, method="PUT")).status == 405
