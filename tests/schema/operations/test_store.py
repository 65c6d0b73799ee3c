"""The operation store: once a document, with every limit, for every transport."""

import pytest
import strawberry
from graphql import OperationType, get_introspection_query

from domain.kernel.actor import Actor, ActorKind, Permission
from schema.api import Api
from schema.operations.errors import Refused
from schema.operations.preparing import Operation
from schema.operations.store import REFUSED_KEPT, Rules
from tests.gateway.toy import actor_with
from tests.gateway.toy_schema import Group, Mutation, Query, Subscription


def toy_api(rules: Rules | None = None) -> Api:
    return Api("toy", strawberry.Schema(Query, Mutation, Subscription, types=[Group]), rules)


API = toy_api()


def code_of(text: str, api: Api = API) -> str:
    with pytest.raises(Refused) as refused:
        api.operations.prepare(text)
    return refused.value.code


def prepared(text: str) -> Operation:
    return API.operations.prepare(text)


def test_a_document_is_prepared_once() -> None:
    api = toy_api()
    first = api.operations.prepare("query A { hello } mutation B { raiseCount }", "A")
    second = api.operations.prepare("query A { hello } mutation B { raiseCount }", "B")

    assert (first.kind, second.kind) == (OperationType.QUERY, OperationType.MUTATION)
    assert (api.operations.prepared, api.operations.hits) == (1, 1)


def test_a_refused_document_is_remembered_too_and_its_error_keeps_no_traceback_growing() -> None:
    api = toy_api()
    for _ in range(3):
        assert code_of("{ nothing }", api) == "GRAPHQL_VALIDATION_FAILED"

    assert api.operations.prepared == 1


def test_rubbish_pushes_out_no_good_document() -> None:
    api = toy_api(Rules(kept=2))
    api.operations.prepare("{ hello }")
    for number in range(REFUSED_KEPT + 20):
        code_of(f"{{ nothing{number} }}", api)
    api.operations.prepare("{ hello }")
    assert api.operations.hits == 1

    for number in range(3):
        api.operations.prepare(f"{{ a{number}: hello }}")
    before = api.operations.prepared
    api.operations.prepare("{ hello }")

    assert api.operations.prepared == before + 1


def test_the_id_of_an_operation_is_of_what_it_says_not_of_how_it_is_written() -> None:
    assert prepared("{ hello }").id == prepared("query   {\n hello # there\n}").id
    assert prepared("{ hello }").id != prepared('{ hello(name: "x") }').id


LIMITS = {
    "LIMIT_LENGTH": "{ hello }" + " " * 40_000,
    "LIMIT_TOKENS": "{ hello(name: " + "[" * 1 + "1 " * 3_000 + ") }",
    "LIMIT_DEPTH": "{ groups " + "{ children " * 15 + "{ name }" + "}" * 15 + "}",
    "LIMIT_ALIASES": "{ groups { " + " ".join(f"a{n}: name" for n in range(31)) + " } }",
    "LIMIT_ROOT_FIELDS": "{" + " __typename" * 900 + " }",
    "LIMIT_DIRECTIVES": "{ hello " + "@skip(if: false) " * 31 + "}",
    "LIMIT_REPEATS": "{ groups {" + " name" * 300 + " } }",
}


@pytest.mark.parametrize("code", LIMITS)
def test_each_limit_has_its_code(code: str) -> None:
    assert code_of(LIMITS[code]) == code


def test_limits_hold_for_what_fragments_expand_to() -> None:
    """CVE-2026-47707: aliases in a fragment that is spread many times."""
    aliases = "fragment F on Group { " + " ".join(f"a{n}: name" for n in range(7)) + " }"

    assert code_of("{ groups { " + "children { ...F } " * 5 + "} } " + aliases) == "LIMIT_ALIASES"


def test_a_bomb_of_fragments_is_stopped_by_the_budget_not_by_its_size() -> None:
    """10 to the 12th selections in a kilobyte."""
    bomb = "".join(f"fragment F{n} on Group {{ {f'...F{n + 1} ' * 10} }}" for n in range(12))

    assert code_of("{ groups { ...F0 } }" + bomb + "fragment F12 on Group { name }").startswith("LIMIT_")


@pytest.mark.parametrize(
    "text",
    [
        "{ groups { ...A } } fragment A on Group { ...A }",
        "{ groups { ...A } } fragment A on Group { ...B } fragment B on Group { ...A }",
        "{ groups { ...A } } fragment A on Group { children { ...A } }",
    ],
)
def test_fragments_that_contain_themselves_are_refused(text: str) -> None:
    assert code_of(text) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("text", ["{ a" * 3_000, "query($v: " + "[" * 1_000 + "Int" + "]" * 1_000 + ") { hello }"])
def test_documents_nested_beyond_the_parser_are_refused(text: str) -> None:
    assert code_of(text) in {"LIMIT_DEPTH", "LIMIT_TOKENS"}


def test_many_operations_share_one_budget() -> None:
    assert code_of(" ".join(f"query Q{n} {{ hello }}" for n in range(25))) == "LIMIT_ROOT_FIELDS"


def test_lone_surrogates_are_no_fault_of_ours() -> None:
    assert code_of('{ hello(name: "\ud800") }') in {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}


def test_introspection_is_within_the_limits_and_can_be_switched_off() -> None:
    assert prepared(get_introspection_query(descriptions=True)).kind is OperationType.QUERY
    assert code_of(get_introspection_query(), toy_api(Rules(introspection=False))) == "GRAPHQL_VALIDATION_FAILED"
    assert toy_api(Rules(introspection=False)).operations.prepare("{ __typename }").kind is OperationType.QUERY


def test_suggestions_can_be_switched_off() -> None:
    with pytest.raises(Refused) as told:
        API.operations.prepare("{ hellp }")
    with pytest.raises(Refused) as silent:
        toy_api(Rules(suggestions=False)).operations.prepare("{ hellp }")

    assert "hello" in str(told.value)
    assert "hello" not in str(silent.value)


def test_defer_and_stream_are_not_offered() -> None:
    assert code_of("{ groups { ... @defer { name } } }") == "GRAPHQL_VALIDATION_FAILED"


def test_the_visibility_of_an_operation_is_what_its_fields_mention() -> None:
    public = prepared("{ groups { name children { name } } }").visibility
    staff = prepared("{ groups { name secret } }").visibility
    deep = prepared("{ groups { ...F } } fragment F on Group { children { ... on Group { s: secret } } }").visibility
    person = prepared("{ hello me }").visibility

    assert (public.permissions, public.is_personal) == (frozenset(), False)
    assert staff.permissions == deep.permissions == {Permission.VIEW_LOTS}
    assert person.is_personal


def test_the_rules_of_an_interfaces_field_are_those_of_all_its_types() -> None:
    assert prepared("{ pins { name ... on Group { secret } } }").visibility.permissions == {Permission.VIEW_LOTS}


def test_viewers_are_reduced_to_what_an_operation_can_tell_apart() -> None:
    staff = prepared("{ groups { secret } }").visibility
    one, other = actor_with(Permission.VIEW_LOTS, Permission.VIEW_AUDIT), actor_with(Permission.VIEW_LOTS)
    bystander = actor_with(Permission.VIEW_AUDIT)

    assert staff.class_of(one) == Actor(ActorKind.STAFF, frozenset({Permission.VIEW_LOTS}), is_reduced=True)
    assert staff.class_of(one) == staff.class_of(other)
    assert staff.class_of(one) != staff.class_of(bystander)
    assert staff.class_of(Actor.guest()) != staff.class_of(bystander)


def test_users_of_one_type_share_and_of_two_do_not() -> None:
    shown = prepared("{ hello }").visibility
    ann, bob = actor_with(kind=ActorKind.USER), actor_with(kind=ActorKind.USER)
    colleague = Actor(ActorKind.USER, frozenset(), bob.user_id, ann.user_type_id)

    assert shown.class_of(ann) == shown.class_of(colleague)
    assert shown.class_of(ann) != shown.class_of(bob)


def test_nobody_shares_what_is_about_a_person() -> None:
    assert prepared("{ me }").visibility.class_of(actor_with()) is None
