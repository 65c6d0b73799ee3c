"""Who may ask what: every root field of the two APIs of staff, asked by everybody who may not."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)
from sqlalchemy import func, select

from domain.kernel.actor import Actor, ActorKind, Permission
from domain.kernel.audit import AuditEntry
from schema.api import Api
from schema.declare import SUBJECT
from tests.fixtures.parking import Parking, staff, user
from tests.fixtures.schemas import APIS, Asking, codes

VALUES = {"ID": '"x"', "String": '"x"', "Int": "1", "Float": "1", "Boolean": "true"}
VALUES |= {"DateTime": '"2026-05-04T12:00:00Z"', "Date": '"2026-05-04"', "LocalTime": '"09:00"'}


def guarded(name: str) -> Iterator[tuple[str, Permission | None]]:
    """Each root field that is not public, as a document, with the permission it needs (None: a login)."""
    api = APIS[name]
    for operation, root in _roots(api):
        for field_name, field in api.core.get_type(root).fields.items():  # type: ignore[union-attr]  # an object type
            need = api.rules.by_field[root, field_name].need
            if isinstance(need, Permission) or need is SUBJECT:
                permission = need if isinstance(need, Permission) else None
                yield f"{operation} {{ {field_name}{_arguments(field)}{_selection(field)} }}", permission


def _roots(api: Api) -> Iterator[tuple[str, str]]:
    for operation, root in (("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")):
        if root in api.core.type_map:
            yield operation, root


def _arguments(field: GraphQLField) -> str:
    needed = [f"{name}: {_value(arg.type)}" for name, arg in field.args.items() if _is_required(arg)]
    return f"({', '.join(needed)})" if needed else ""


def _is_required(arg: GraphQLArgument) -> bool:
    return is_required_argument(arg)


def _value(kind: GraphQLInputType) -> str:
    """A value that the type accepts."""
    inner = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(inner):
        return "[]"
    if isinstance(inner, GraphQLEnumType):
        return str(next(iter(inner.values)))
    if isinstance(inner, GraphQLInputObjectType):
        required = (f"{name}: {_value(f.type)}" for name, f in inner.fields.items() if is_required_input_field(f))
        return f"{{{', '.join(required)}}}"
    return VALUES[str(inner)]


def _selection(field: GraphQLField) -> str:
    return " { __typename }" if is_composite_type(get_named_type(field.type)) else ""


ADMIN, OPS = list(guarded("admin")), list(guarded("ops"))


@pytest.mark.parametrize(("document", "permission"), ADMIN)
async def test_without_a_login_the_admin_api_answers_nothing(
    admin: Asking, parking: Parking, document: str, permission: Permission | None
) -> None:
    answer = await admin(document, actor=Actor.guest())

    assert codes(answer) == ["login_required"], (document, permission)
    await _assert_nothing_happened(parking)


@pytest.mark.parametrize(("document", "permission"), [case for case in ADMIN if case[1]])
@pytest.mark.parametrize("who", ["wrong role", "user", "platform"])
async def test_a_login_without_the_permission_is_denied(
    admin: Asking, parking: Parking, document: str, permission: Permission, who: str
) -> None:
    others = frozenset(Permission) - {permission}
    actor = {
        "wrong role": staff(*others),
        "user": user(),
        "platform": Actor(ActorKind.PLATFORM, frozenset({Permission.VIEW_TENANTS}), user_id=user().subject),
    }[who]

    assert codes(await admin(document, actor=actor)) == ["denied"], document
    await _assert_nothing_happened(parking)


@pytest.mark.parametrize(("document", "permission"), OPS)
async def test_the_control_plane_is_for_staff_of_the_platform(
    ops: Asking, document: str, permission: Permission | None
) -> None:
    assert codes(await ops(document, actor=Actor.guest())) == ["login_required"]
    if permission is not None:
        assert codes(await ops(document, actor=staff(*(frozenset(Permission) - {permission})))) == ["denied"]


def test_the_tables_are_not_empty() -> None:
    assert len(ADMIN) > 30
    assert len(OPS) > 3


async def _assert_nothing_happened(parking: Parking) -> None:
    async with parking.reading() as snapshot:
        assert await snapshot.scalar(select(func.count()).select_from(AuditEntry)) == 0


async def test_one_refused_field_takes_nothing_else_away(admin: Asking) -> None:
    answer = await admin(
        "{ lots { name } zones { longName } users { edges { cursor } } }", actor=staff(Permission.VIEW_LOTS)
    )

    assert answer.data == {"lots": [], "zones": [], "users": None}
    assert [(error["path"], code) for error, code in zip(answer.errors, codes(answer), strict=True)] == [
        (["users"], "denied")
    ]
