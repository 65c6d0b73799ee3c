"""People in the admin API: the person who asks, users in pages, logging in."""

from auth.accounts import NewAccount, create_account
from auth.roles import ADMINISTRATOR
from domain.kernel.actor import TENANT_PERMISSIONS, Actor, ActorKind, Permission
from domain.users import actions as users
from schema.ids import global_id
from tests.fixtures.parking import Parking, staff, user
from tests.fixtures.schemas import Asking, codes

PASSWORD = "a good long password"
LOG_IN = """mutation ($name: String!) { logIn(input: {userName: $name, password: "a good long password"}) {
    me { name permissions } userErrors { code } } }"""


async def test_only_staff_get_in(parking: Parking, admin: Asking) -> None:
    hashed = await admin.services.desk.passwords.hash(PASSWORD)
    async with parking.work() as work:
        await create_account(work, NewAccount("ann", "Ann Admin", role=ADMINISTRATOR), hashed)
        await create_account(work, NewAccount("sam", "Sam Student"), hashed)

    answer = await admin(LOG_IN, {"name": "ann"})
    assert answer.data is not None
    assert answer.data["logIn"]["me"]["name"] == "Ann Admin"
    assert set(answer.data["logIn"]["me"]["permissions"]) == {permission.name for permission in TENANT_PERMISSIONS}
    assert admin.cookies[0].startswith("__Host-opscom-admin=")

    refused = await admin(LOG_IN, {"name": "sam"})
    assert refused.data == {"logIn": {"me": None, "userErrors": [{"code": "login.refused"}]}}
    assert admin.cookies == []


async def test_logging_out_needs_no_login(admin: Asking) -> None:
    answer = await admin("mutation { logOut { userErrors { code } } }")

    assert (answer.data, codes(answer)) == ({"logOut": {"userErrors": []}}, [])


async def test_users_are_read_in_pages_with_their_types(parking: Parking, admin: Asking) -> None:
    students = await parking.user_type("Students")
    async with parking.work() as work:
        ids = [await users.create(work, name, name.title(), user_type_id=students) for name in ("ann", "ben", "cat")]
    viewer = staff(Permission.VIEW_USERS)

    with parking.counting() as statements:
        page = await admin.data(
            """{ users(first: 2) { edges { node { id name userName disabled userType { name } } }
                pageInfo { hasNextPage } } }""",
            actor=viewer,
        )

    nodes = [edge["node"] for edge in page["users"]["edges"]]
    assert [node["id"] for node in nodes] == [
        global_id("User", parking.environment.tenant.number, row) for row in ids[:2]
    ]
    assert nodes[0]["userType"] == {"name": "Students"}
    assert page["users"]["pageInfo"] == {"hasNextPage": True}
    assert len([text for text in statements if text.startswith("SELECT")]) == 2, statements
    found = await admin.data(
        "query ($id: ID!) { node(id: $id) { ... on User { userName } } }", {"id": nodes[1]["id"]}, actor=viewer
    )
    assert found == {"node": {"userName": "ben"}}


async def test_node_asks_for_the_permission_of_what_it_finds(parking: Parking, admin: Asking) -> None:
    async with parking.work() as work:
        row = await users.create(work, "ann", "Ann")
    wanted = {"id": global_id("User", parking.environment.tenant.number, row)}
    document = "query ($id: ID!) { node(id: $id) { id } }"

    assert codes(await admin(document, wanted, actor=staff(Permission.VIEW_LOTS))) == ["denied"]
    assert codes(await admin(document, wanted, actor=Actor.guest())) == ["login_required"]
    assert codes(await admin(document, wanted, actor=user())) == ["denied"]


async def test_me_tells_what_the_roles_allow(parking: Parking, admin: Asking) -> None:
    async with parking.work() as work:
        row = await users.create(work, "ann", "Ann Admin")
    ann = Actor(ActorKind.STAFF, frozenset({Permission.VIEW_LOTS}), user_id=row)

    data = await admin.data("{ me { userName permissions } environment { tenantName } }", actor=ann)

    assert data == {"me": {"userName": "ann", "permissions": ["VIEW_LOTS"]}, "environment": {"tenantName": "A Tenant"}}
