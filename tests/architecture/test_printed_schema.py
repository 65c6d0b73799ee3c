"""The three printed schemas are up to date, and everything in them is described."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from domain.kernel.actor import Permission
from schema.api import Api
from schema.declare import SUBJECT, Access
from schema.printing import build_all, printed

APIS = {api.name: api for api in build_all()}
OPEN_TO_ALL = {
    "portal": {"logIn", "logOut", "lotGroups", "lotGroup", "pins", "environment", "node", "occupancy"},
    "admin": {"logIn", "logOut", "environment", "acceptInvitation", "enter"},
    "ops": {"logIn", "logOut"},
}


ABOUT_KEYS = {"Query.keyRing", "Mutation.rotateKeys", "Mutation.resealSecrets", "KeysPayload.keyRing", "KeyRing.keys"}
"""They tell names, fingerprints and counts."""


@pytest.fixture(params=sorted(APIS))
def api(request: pytest.FixtureRequest) -> Api:
    return APIS[request.param]


def test_the_printed_schemas_are_up_to_date() -> None:
    old = [path.name for path, sdl in printed() if path.read_text() != sdl]

    assert old == [], "print them with: opscom schema print"


def test_everything_is_described(api: Api) -> None:
    assert [name for name, description in _described(api.core) if not description] == []


def test_a_missing_description_is_found() -> None:
    bare = build_schema('"All." type Query { "Told." told(asked: Int): Kind } enum Kind { ONE }')

    assert [name for name, description in _described(bare) if not description] == [
        "Query.told(asked)",
        "Kind",
        "Kind.ONE",
    ]


def test_a_portal_never_shows_what_is_for_staff() -> None:
    needed = {rule.need for rule in APIS["portal"].rules.by_field.values()}

    assert {need for need in needed if not isinstance(need, Access)} == set()


def test_only_these_root_fields_are_open_to_everybody(api: Api) -> None:
    roots = {"Query", "Mutation", "Subscription"}
    public = {
        field for (kind, field), rule in api.rules.by_field.items() if kind in roots and rule.need is Access.PUBLIC
    }

    assert public == OPEN_TO_ALL[api.name]


def test_what_may_be_refused_is_nullable_so_that_it_takes_nothing_else_away(api: Api) -> None:
    fields = {("Query", name): field for name, field in _fields(api.core.query_type).items()}
    fields |= {("Mutation", name): field for name, field in _fields(api.core.mutation_type).items()}

    refusable = [place for place in fields if api.rules.by_field[place].need is not Access.PUBLIC]
    assert [place for place in refusable if is_non_null_type(fields[place].type)] == []


def test_every_mutation_answers_with_user_errors(api: Api) -> None:
    mutation = api.core.mutation_type
    assert mutation is not None

    for field in mutation.fields.values():
        payload = api.core.type_map[str(field.type).strip("!")]
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!", payload.name


def test_who_changes_something_needs_a_permission_to_manage_or_run() -> None:
    by_field = APIS["admin"].rules.by_field
    needed = {rule.need for (kind, _), rule in by_field.items() if kind == "Mutation"} - {Access.PUBLIC, SUBJECT}

    assert needed == {
        Permission.APPROVE_FEATURES,
        Permission.MANAGE_DOMAINS,
        Permission.MANAGE_LOTS,
        Permission.MANAGE_PERMITS,
        Permission.MANAGE_PREVIEWS,
        Permission.MANAGE_SETTINGS,
        Permission.MANAGE_USERS,
        Permission.RUN_SYSTEM_TASKS,
    }


def test_no_secret_can_be_read(api: Api) -> None:
    words = ("password", "secret", "key", "token")
    readable = {f"{kind}.{field}" for kind, field in api.rules.by_field if any(word in field.lower() for word in words)}

    flags = {name for name in readable if name.split(".")[1].startswith("has")}
    assert readable - flags == ({"TenantPayload.adminPassword"} | ABOUT_KEYS if api.name == "ops" else set())


def _fields(root: GraphQLObjectType | None) -> dict[str, GraphQLField]:
    return dict(root.fields) if root else {}


def _described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    for named in schema.type_map.values():
        if is_introspection_type(named) or is_specified_scalar_type(named):
            continue
        yield named.name, named.description
        yield from _parts(named)


def _parts(named: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    if isinstance(named, GraphQLEnumType):
        yield from ((f"{named.name}.{name}", value.description) for name, value in named.values.items())
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        yield from ((f"{named.name}.{name}", field.description) for name, field in named.fields.items())
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in named.fields.items():
            yield from ((f"{named.name}.{name}({arg})", each.description) for arg, each in field.args.items())
