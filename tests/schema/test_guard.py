"""Deny by default: a field that nobody decided about stops the build, and a declared one is checked."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Generic, TypeVar
from uuid import uuid4

import pytest
import strawberry
from strawberry import relay

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.errors import Denied, LoginRequired
from schema.api import Api
from schema.declare import PUBLIC, SUBJECT, needs, requires
from schema.guard import UndeclaredField
from schema.operations.execution import execute
from tests.gateway.toy_schema import Query, Subscription

T = TypeVar("T")


def actor(*permissions: Permission) -> Actor:
    return Actor(ActorKind.STAFF, frozenset(permissions), user_id=uuid4())


def api_of(query: type, **more: type) -> Api:
    return Api("test", strawberry.Schema(query, **more))  # type: ignore[arg-type]


async def run(api: Api, text: str, who: Actor) -> tuple[object, list[object]]:
    answer = await execute(api.operations.prepare(text), {}, SimpleNamespace(actor=who))
    return answer.data, [error["extensions"]["code"] for error in answer.errors]


def test_a_field_without_a_rule_stops_the_build_and_is_named() -> None:
    @strawberry.type
    class Query:
        decided: str = strawberry.field(metadata=requires(PUBLIC), default="x")
        forgotten: str = "x"

    with pytest.raises(UndeclaredField, match=r"Query\.forgotten"):
        api_of(Query)


def test_a_rule_is_not_inherited() -> None:
    """Else a type made from a public one would be public, and nobody would have said so."""

    @needs(PUBLIC)
    @strawberry.type
    class Public:
        name: str = "x"

    @strawberry.type
    class Query(Public):
        pass

    with pytest.raises(UndeclaredField, match=r"Query\.name"):
        api_of(Query)


def test_a_subscription_without_live_topics_stops_the_build() -> None:
    @needs(PUBLIC)
    @strawberry.type
    class Query:
        name: str = "x"

    async def follow() -> AsyncIterator[int]:
        yield 1

    @strawberry.type
    class Subscription:
        count = strawberry.subscription(resolver=follow, metadata=requires(PUBLIC))

    with pytest.raises(UndeclaredField, match="live topics"):
        api_of(Query, subscription=Subscription)


def test_a_generic_type_has_the_rule_of_the_class_that_was_written() -> None:
    @needs(PUBLIC)
    @strawberry.type
    class Box(Generic[T]):
        content: T

    @needs(PUBLIC)
    @strawberry.type
    class Query:
        box: Box[int]

    assert ("IntBox", "content") in api_of(Query).rules.by_field


def test_the_librarys_page_info_is_public() -> None:
    @needs(PUBLIC)
    @strawberry.type
    class Query:
        page: relay.PageInfo | None = None

    assert ("PageInfo", "hasNextPage") in api_of(Query).rules.by_field


async def test_the_check_comes_before_the_resolver() -> None:
    ran: list[str] = []

    def read() -> str:
        ran.append("secret")
        return "secret"

    @strawberry.type
    class Query:
        secret: str | None = strawberry.field(resolver=read, metadata=requires(Permission.VIEW_AUDIT))

    api = api_of(Query)
    assert await run(api, "{ secret }", Actor.guest()) == ({"secret": None}, [LoginRequired.code])
    assert await run(api, "{ secret }", actor(Permission.VIEW_LOTS)) == ({"secret": None}, [Denied.code])
    assert ran == []
    assert await run(api, "{ secret }", actor(Permission.VIEW_AUDIT)) == ({"secret": "secret"}, [])


async def test_a_plain_attribute_is_checked_too_and_a_fields_rule_wins_over_its_types() -> None:
    @needs(Permission.VIEW_LOTS)
    @strawberry.type
    class Lot:
        name: str = strawberry.field(default="A", metadata=requires(PUBLIC))
        count: int | None = 3

    @needs(PUBLIC)
    @strawberry.type
    class Query:
        @strawberry.field
        def lot(self) -> Lot:
            return Lot()

    api = api_of(Query)
    assert await run(api, "{ lot { name count } }", Actor.guest()) == (
        {"lot": {"name": "A", "count": None}},
        [LoginRequired.code],
    )
    assert (await run(api, "{ lot { count } }", actor(Permission.VIEW_LOTS)))[1] == []


async def test_a_field_about_the_person_needs_a_person() -> None:
    @needs(SUBJECT)
    @strawberry.type
    class Query:
        name: str | None = strawberry.field(resolver=lambda: "x")

    api = api_of(Query)
    assert (await run(api, "{ name }", Actor.guest()))[1] == [LoginRequired.code]
    assert (await run(api, "{ name }", actor()))[1] == []
    assert (await run(api, "{ name }", actor().reduced(frozenset())))[1] == ["INTERNAL"]


async def test_fragments_and_aliases_are_no_way_round() -> None:
    @needs(Permission.VIEW_AUDIT)
    @strawberry.type
    class Query:
        secret: str | None = strawberry.field(resolver=lambda: "x")

    api = api_of(Query)
    for text in ("{ a: secret }", "{ ...F } fragment F on Query { secret }", "{ ... on Query { b: secret } }"):
        data, codes = await run(api, text, actor())
        assert codes == [Denied.code]
        assert list((data or {}).values()) == [None]  # type: ignore[attr-defined]


def test_live_topics_are_part_of_the_prepared_operation() -> None:
    api = Api("toy", strawberry.Schema(Query, subscription=Subscription))
    hidden = "subscription { ...F } fragment F on Subscription { s: state { count } }"

    assert api.operations.prepare("subscription { state { count } }").topics == {"count"}
    assert api.operations.prepare(hidden).topics == {"count"}
