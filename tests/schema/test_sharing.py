"""Sharing is safe: what two people of one class are answered is the same bytes, for every root field of every site's API.

One has all permissions, the other just those that the operation mentions: so a resolver that looks at a permission which
its fields do not mention is found too. The third is the class itself, as which a shared execution runs.
"""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
import strawberry
from graphql import (
    GraphQLNamedType,
    GraphQLObjectType,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from domain.kernel.actor import TENANT_PERMISSIONS, Actor
from domain.permits.models import PermitKind
from domain.settings.models import Vendor
from domain.tasks import actions as tasks
from domain.tasks.catalogue import UPDATE_MISTALL
from schema.api import Api
from schema.declare import PUBLIC, SUBJECT, requires
from schema.ids import global_id
from schema.operations.trust import Sender
from schema.operations.visibility import Visibility
from tests.fixtures.parking import staff, user
from tests.fixtures.pins import Campus
from tests.fixtures.schemas import APIS, Asking

LEVELS = 4
CI = Sender(Actor.guest(), is_ci=True)
SHARED = {
    (api, kind, name): field
    for api in ("portal", "admin")
    for kind in (OperationType.QUERY, OperationType.SUBSCRIPTION)
    if (root := APIS[api].core.get_root_type(kind)) is not None
    for name, field in root.fields.items()
    if APIS[api].rules.by_field[root.name, name].need is not SUBJECT
}


def selection(api: Api, named: GraphQLNamedType, levels: int = LEVELS) -> str:
    """Everything below a field that is not about the person who asks and wants no arguments, some levels deep."""
    if is_leaf_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType):
        possible = api.core.get_possible_types(named)  # type: ignore[arg-type]  # a named type that is neither is abstract
        return "{ __typename " + " ".join(f"... on {one.name} {selection(api, one, levels)}" for one in possible) + " }"
    return "{ __typename " + " ".join(fields(api, named, levels)) + " }"


def fields(api: Api, named: GraphQLObjectType, levels: int) -> Iterator[str]:
    """The fields of an object that ``selection`` takes."""
    for name, field in named.fields.items():
        inner = get_named_type(field.type)
        is_wanted = levels > 1 or is_leaf_type(inner)
        is_personal = api.rules.by_field[named.name, name].need is SUBJECT
        if is_wanted and not is_personal and not any(is_required_argument(a) for a in field.args.values()):
            yield f"{name} {selection(api, inner, levels - 1)}"


@pytest.fixture
async def arguments(campus: Campus) -> dict[str, str]:
    """A site with something of everything on it, and what to ask its fields with."""
    parking, students = campus.parking, await campus.parking.user_type()
    await campus.enable(Vendor.MISTALL)
    group_id = await campus.group(mistall_lot_id=await campus.mistall(occupied=97))
    lot_id = await campus.lot(
        lot_group_id=group_id, is_visible=True, standard_allocated=10, temporary_maximum=10, user_type_ids={students}
    )
    await campus.lot("Loose", is_visible=True, temporary_maximum=5)
    await campus.permit(lot_id, PermitKind.STANDARD)
    async with parking.work() as work:
        await tasks.run(work, UPDATE_MISTALL.name)

    def told(kind: str, row: UUID) -> str:
        return f'(id: "{global_id(kind, parking.environment.tenant.number, row)}")'

    return {
        "lotGroup": told("LotGroup", group_id),
        "lot": told("Lot", lot_id),
        "node": told("Lot", lot_id),
        "systemTask": f'(name: "{UPDATE_MISTALL.name}")',
        "systemTaskRun": told("SystemTaskRun", UUID(int=1)),
        "message": told("Message", UUID(int=1)),
        "integration": "(vendor: MISTALL)",
    }


def two_of_a_class(api: str, visibility: Visibility) -> tuple[Actor, Actor]:
    """Two people who see the same, and differ in everything else."""
    if api == "portal":
        students = UUID(int=7)
        return replace(user(students), name="Ann"), replace(user(students), name="Bob")
    return staff(*TENANT_PERMISSIONS), replace(staff(*visibility.permissions), name="Bob")


@pytest.mark.parametrize("case", SHARED, ids=lambda case: f"{case[0]} {case[1].value} {case[2]}")
async def test_two_of_one_class_are_answered_with_the_same_bytes(
    case: tuple[str, OperationType, str], arguments: dict[str, str], portal: Asking, admin: Asking
) -> None:
    api, kind, name = case
    ask = {"portal": portal, "admin": admin}[api]
    needs_arguments = any(is_required_argument(argument) for argument in SHARED[case].args.values())
    asked = arguments[name] if needs_arguments else ""
    text = f"{kind.value} {{ {name}{asked} {selection(ask.api, get_named_type(SHARED[case].type))} }}"
    operation = ask.api.operations.prepare(text, sender=CI)
    ann, bob = two_of_a_class(api, operation.visibility)
    shared = operation.visibility.class_of(ann)
    assert shared is not None
    assert shared == operation.visibility.class_of(bob)

    answers = [await ask.run(operation, actor=actor) for actor in (ann, bob, shared)]

    assert answers[0].to_json() == answers[1].to_json() == answers[2].to_json()
    assert not answers[0].is_faulty, answers[0].errors


def greet(info: strawberry.Info) -> str:
    return f"Hello {info.context.actor.name}"


def number(info: strawberry.Info) -> str:
    return str(info.context.actor.subject)


@strawberry.type
class Lying:
    """Fields that say they are the same for everybody, and are not."""

    greeting: str = strawberry.field(resolver=greet, metadata=requires(PUBLIC))
    number: str = strawberry.field(resolver=number, metadata=requires(PUBLIC))


@pytest.mark.parametrize("text", ["{ greeting }", "{ number }"])
async def test_the_comparison_would_notice_a_field_that_looks_at_who_asks(portal: Asking, text: str) -> None:
    lying = Asking(Api("lying", strawberry.Schema(Lying)), portal.services, portal.located)
    operation = lying.api.operations.prepare(text)
    ann, bob = two_of_a_class("portal", operation.visibility)
    shared = operation.visibility.class_of(ann)
    assert shared is not None

    answers = {(await lying.run(operation, actor=actor)).to_json() for actor in (ann, bob, shared)}

    assert len(answers) == 3
