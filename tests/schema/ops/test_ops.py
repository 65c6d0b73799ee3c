"""The control plane: tenants from the registry, a new tenant, and its staff."""

import pytest

from auth.staff import NewStaff
from domain.kernel.actor import PLATFORM_PERMISSIONS, Actor, ActorKind
from domain.kernel.ids import uuid7
from schema.ids import PLATFORM, global_id
from tenants.environments import Environment, EnvironmentKind
from tests.fixtures.parking import Parking
from tests.fixtures.schemas import APIS, Asking, codes

MAIL = "query ($id: ID!) { mail(id: $id) { edges { node { kind state } } } }"
STAFF = Actor(ActorKind.PLATFORM, PLATFORM_PERMISSIONS, user_id=uuid7(), name="Olga Ops")
CREATE = """mutation ($input: CreateTenantInput!) { createTenant(input: $input) {
    tenant { id number slug name environments { kind state primaryHost timeZone } } adminPassword
    userErrors { code field } } }"""


async def test_a_created_tenant_is_ready_and_listed(ops: Asking) -> None:
    typed = {"slug": "riverside", "name": "Riverside College", "timeZone": "America/Vancouver"}

    payload = (await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"]

    tenant = payload["tenant"]
    assert (payload["userErrors"], payload["adminPassword"]) == ([], None)
    assert (tenant["slug"], tenant["name"]) == ("riverside", "Riverside College")
    assert [(each["kind"], each["state"]) for each in tenant["environments"]] == [("PRODUCTION", "ACTIVE")]
    assert tenant["environments"][0]["primaryHost"] == "riverside.ops-com.localhost"
    for field in ("tenant", "node"):
        document = f"query ($id: ID!) {{ {field}(id: $id) {{ ... on Tenant {{ number }} }} }}"
        assert await ops.data(document, {"id": tenant["id"]}, actor=STAFF) == {field: {"number": tenant["number"]}}


async def test_its_first_administrator_can_log_in_with_the_password_that_was_shown(ops: Asking) -> None:
    typed = {"slug": "lakeside", "name": "Lakeside", "adminUserName": "ann@lakeside.example", "showPassword": True}
    payload = (await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"]
    environment = _production(ops, "lakeside")
    admin = Asking(APIS["admin"], ops.services, environment)

    answer = await admin(
        "mutation ($input: LogInInput!) { logIn(input: $input) { me { userName } } }",
        {"input": {"userName": "ann@lakeside.example", "password": payload["adminPassword"]}},
    )

    assert answer.data == {"logIn": {"me": {"userName": "ann@lakeside.example"}}}


async def test_its_first_administrator_is_invited_by_mail(ops: Asking) -> None:
    typed = {"slug": "seaside", "name": "Seaside", "adminUserName": "ann@seaside.example"}

    payload = (await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"]

    known = {"id": global_id("Environment", PLATFORM, _production(ops, "seaside").id)}
    mail = (await ops.data(MAIL, known, actor=STAFF))["mail"]["edges"]
    assert payload["adminPassword"] is None
    assert [edge["node"] for edge in mail] == [{"kind": "INVITATION", "state": "WAITING"}]


async def test_an_answer_that_was_lost_is_given_again_but_for_a_password(ops: Asking) -> None:
    bay, cove = {"slug": "bay", "name": "Bay", "adminUserName": "ann@bay.example"}, {"slug": "cove", "name": "Cove"}
    secret = {"slug": "fjord", "name": "Fjord", "adminUserName": "ann", "showPassword": True}

    bays, coves, fjords = [
        [(await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"] for _ in range(2)]
        for typed in (bay, cove, secret)
    ]

    assert bays[0] == bays[1]
    assert coves[0] == coves[1]
    assert [error["code"] for error in fjords[1]["userErrors"]] == ["tenant.slug_taken"]
    assert fjords[1]["adminPassword"] is None
    other = (await ops.data(CREATE, {"input": bay | {"adminUserName": "eve@bay.example"}}, actor=STAFF))["createTenant"]
    assert [error["code"] for error in other["userErrors"]] == ["tenant.slug_taken"]


async def test_the_platforms_staff_invite_again_and_see_what_became_of_it(ops: Asking, tenant: Environment) -> None:
    invite = (
        """mutation ($id: ID!, $input: InviteInput!) { inviteUser(id: $id, input: $input) { userErrors { code } } }"""
    )
    known = {"id": global_id("Environment", PLATFORM, tenant.id)}
    ann, ben = {"userName": "ann@x.example", "role": "Administrator"}, {"userName": "ben"}

    done = [
        (await ops.data(invite, known | {"input": typed}, actor=STAFF))["inviteUser"]["userErrors"]
        for typed in (ann, ann, ben, ben | {"email": "ben@x.example"}, ann | {"role": "Nobody"})
    ]
    unknown = (await ops.data(invite, {"id": "nothing", "input": ann}, actor=STAFF))["inviteUser"]["userErrors"]

    assert done == [[], [], [{"code": "user.no_email"}], [], [{"code": "user.role_not_found"}]]
    assert unknown == [{"code": "not_found"}]
    mail = (await ops.data(MAIL, known, actor=STAFF))["mail"]["edges"]
    assert [edge["node"]["state"] for edge in mail] == ["WAITING"] * 3
    mailed = await ops(MAIL.replace("state", "text"), known, actor=STAFF)
    assert codes(mailed) == ["GRAPHQL_VALIDATION_FAILED"], "what a message says is the tenant's"


async def test_an_invitation_that_is_taken_back_is_sent_no_more(ops: Asking, tenant: Environment) -> None:
    withdraw = (
        "mutation ($id: ID!, $name: String!) { withdrawInvitation(id: $id, userName: $name) { userErrors { code } } }"
    )
    known = {"id": global_id("Environment", PLATFORM, tenant.id)}
    invite = "mutation ($id: ID!, $input: InviteInput!) { inviteUser(id: $id, input: $input) { userErrors { code } } }"
    await ops.data(invite, known | {"input": {"userName": "ann@x.example"}}, actor=STAFF)

    done = [await ops.data(withdraw, known | {"name": name}, actor=STAFF) for name in ("Ann@X.example", "nobody")]

    errors = [one["withdrawInvitation"]["userErrors"] for one in done]
    assert errors == [[], [{"code": "user.not_found"}]]
    (message,) = (await ops.data(MAIL, known, actor=STAFF))["mail"]["edges"]
    assert message["node"] == {"kind": "INVITATION", "state": "CANCELLED"}


@pytest.mark.parametrize(
    ("typed", "code", "field"),
    [
        ({"slug": "Admin!", "name": "X"}, "tenant.slug_refused", ["input", "slug"]),
        ({"slug": "hillside", "name": " "}, "invalid", ["input", "name"]),
        ({"slug": "hillside", "name": "X", "timeZone": "Mars/Base"}, "invalid", ["input", "timeZone"]),
        ({"slug": "hillside", "name": "X", "adminUserName": "\u0000"}, "user.user_name_invalid", None),
        ({"slug": "hillside", "name": "X", "adminUserName": "ann"}, "user.no_email", None),
    ],
)
async def test_wrong_input_is_told_and_nothing_is_made(
    ops: Asking, typed: dict[str, str], code: str, field: list[str] | None
) -> None:
    payload = (await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"]

    assert payload["tenant"] is None
    assert [error["code"] for error in payload["userErrors"]] == [code]
    assert field is None or payload["userErrors"][0]["field"] == field
    assert not any(one.tenant.slug == typed["slug"] for one in ops.services.registry.current.by_id.values())


async def test_a_taken_slug_is_told(parking: Parking, ops: Asking) -> None:
    typed = {"slug": parking.environment.tenant.slug, "name": "Again"}

    payload = (await ops.data(CREATE, {"input": typed}, actor=STAFF))["createTenant"]

    assert payload["userErrors"] == [{"code": "tenant.slug_taken", "field": ["input", "slug"]}]


async def test_tenants_are_read_in_pages_by_number(parking: Parking, ops: Asking) -> None:
    numbers: list[int] = []
    after, has_more = None, True
    while has_more:
        document = """query ($after: String) { tenants(first: 2, after: $after) {
            edges { node { number } } pageInfo { hasNextPage endCursor } } }"""
        page = (await ops.data(document, {"after": after}, actor=STAFF))["tenants"]
        numbers += [edge["node"]["number"] for edge in page["edges"]]
        after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    known = {one.tenant.number for one in ops.services.registry.current.by_id.values()}
    assert numbers == sorted(known)
    assert parking.environment.tenant.number in numbers


async def test_staff_log_in_and_out_by_a_cookie_of_their_own(ops: Asking) -> None:
    name, password = f"olga-{uuid7().hex}", "a good long password"
    await ops.services.staff.create(NewStaff(name, "Olga Ops"), password, actor="tests")
    document = """mutation ($input: LogInInput!) { logIn(input: $input) {
        me { name permissions } userErrors { code } } }"""

    answer = await ops(document, {"input": {"userName": name, "password": password}})

    assert answer.data == {
        "logIn": {"me": {"name": "Olga Ops", "permissions": ["VIEW_TENANTS", "MANAGE_TENANTS"]}, "userErrors": []}
    }
    assert ops.cookies[0].startswith("__Host-opscom-ops=")
    wrong = await ops(document, {"input": {"userName": name, "password": "wrong"}})
    assert wrong.data == {"logIn": {"me": None, "userErrors": [{"code": "login.refused"}]}}
    out = await ops("mutation { logOut { userErrors { code } } }")
    assert (out.data, codes(out)) == ({"logOut": {"userErrors": []}}, [])


async def test_me_is_the_member_of_staff_who_asks(ops: Asking) -> None:
    assert await ops.data("{ me { name } }", actor=STAFF) == {"me": {"name": "Olga Ops"}}


def _production(ops: Asking, slug: str) -> Environment:
    known = ops.services.registry.current.by_id.values()
    return next(one for one in known if one.tenant.slug == slug and one.kind is EnvironmentKind.PRODUCTION)


async def test_the_platforms_staff_list_where_a_clients_map_may_be_shown(ops: Asking, tenant: Environment) -> None:
    listed = next(e for e in ops.services.registry.current.by_id.values() if e.id == tenant.id)
    update = """mutation ($id: ID!, $input: UpdateEmbeddingInput!) { updateEmbedding(id: $id, input: $input) {
        environment { embeddingSites exemptNetworks } userErrors { code } } }"""
    typed = {"sites": ["https://www.university.example"]}

    known = {"id": global_id("Environment", PLATFORM, listed.id), "input": typed}
    done = (await ops.data(update, known, actor=STAFF))["updateEmbedding"]
    unknown = (await ops.data(update, known | {"id": "nothing"}, actor=STAFF))["updateEmbedding"]

    assert done == {
        "environment": {"embeddingSites": ["https://www.university.example"], "exemptNetworks": []},
        "userErrors": [],
    }
    assert unknown == {"environment": None, "userErrors": [{"code": "not_found"}]}
