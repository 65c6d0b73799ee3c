"""Who comes into a preview: staff and invited users. Everybody else gets a form, or a code, and search engines nothing."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from auth.accounts import NewAccount, create_account
from auth.invitations import invite
from domain.kernel.actor import Actor
from gateway.app import Gateway, create_app, running
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.pins import Campus

LOG_IN = "mutation ($i: LogInInput!) { logIn(input: $i) { me { name } userErrors { code } } }"
PASSWORD = "correct horse battery"
MAP = "{ pins { name } }"


class Visitor:
    """A browser at one site, without a server between."""

    def __init__(self, gateway: Gateway, environment: Environment) -> None:
        self.gateway, self.host, self.cookie = gateway, environment.primary_host, ""

    async def get(self, path: str, host: str = "") -> httpx2.Response:
        """A page."""
        return await self._send("GET", path, host=host)

    async def ask(self, path: str, query: str, **variables: object) -> httpx2.Response:
        """An operation."""
        return await self._send("POST", path, {"query": query, "variables": variables})

    async def log_in(self, path: str, user_name: str, password: str = PASSWORD) -> list[str]:
        """Log in; the codes of what was wrong."""
        answer = await self.ask(path, LOG_IN, i={"userName": user_name, "password": password})
        self.cookie = "; ".join(cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie"))
        return [error["code"] for error in answer.json()["data"]["logIn"]["userErrors"]]

    async def _send(self, method: str, path: str, body: object = None, host: str = "") -> httpx2.Response:
        headers = {"Host": host or self.host, "Accept": "text/html, application/json"} | (
            {"Cookie": self.cookie} if self.cookie else {}
        )
        transport = httpx2.ASGITransport(app=self.gateway)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=body, headers=headers)


@pytest.fixture
async def gateway(platform: Platform) -> AsyncIterator[Gateway]:
    """A gateway of this run's platform."""
    gateway = create_app(platform)
    async with running(gateway):
        yield gateway


@pytest.fixture
async def visitor(gateway: Gateway, live_campus: Campus, preview: Environment) -> Visitor:
    """Somebody at the preview of a campus that has a lot group on the map."""
    await live_campus.group("North Garage")
    return Visitor(gateway, preview)


async def test_a_guest_gets_a_form_and_a_code_and_nothing_of_the_map(visitor: Visitor) -> None:
    shown = await visitor.get("/")
    asked = await visitor.ask("/graphql", MAP)

    assert 'id="log-in"' in shown.text
    assert "Preview site." in shown.text
    assert "North Garage" not in shown.text + asked.text
    assert asked.json()["errors"][0]["extensions"]["code"] == "preview.invited_only"
    assert asked.json()["extensions"] == {"environment": {"kind": "preview", "isPreview": True}}


@pytest.mark.parametrize(
    "query",
    [
        "{ environment { tenantName } pins { name } }",
        "query { ... on Query { ...F } } fragment F on Query { lotGroups { name } }",
        '{ a: node(id: "x") { id } }',
        "subscription { occupancy { pins { name } } }",
    ],
)
async def test_no_way_of_asking_gets_around_it(visitor: Visitor, query: str) -> None:
    answer = await visitor.ask("/graphql", query)

    assert "preview.invited_only" in answer.text or answer.status_code == 406
    assert "North Garage" not in answer.text


async def test_what_it_takes_to_come_in_is_answered_to_everybody(visitor: Visitor) -> None:
    for path in ("/graphql", "/admin/graphql"):
        answer = (await visitor.ask(path, "{ environment { isPreview } }")).json()
        assert answer["data"] == {"environment": {"isPreview": True}}
    assert (await visitor.get("/welcome")).status_code == 200
    assert (await visitor.get("/enter")).status_code == 200


async def test_staff_come_in_and_see_the_map(visitor: Visitor, platform: Platform, preview: Environment) -> None:
    password = await create_administrator(platform, preview, "ann@tomahawku.example")

    refused = await visitor.log_in("/graphql", "ann@tomahawku.example", password)

    assert refused == []
    assert (await visitor.ask("/graphql", MAP)).json()["data"] == {"pins": [{"name": "North Garage"}]}
    assert "North Garage" in (await visitor.get("/")).text


async def test_other_users_of_the_copy_come_in_only_by_invitation(
    visitor: Visitor, gateway: Gateway, platform: Platform, preview: Environment
) -> None:
    sam = NewAccount("sam@x.example", "Sam Student", email="sam@x.example")
    hashed = await gateway.desk.passwords.hash(PASSWORD)
    async with platform.databases.work(preview, Actor.system()) as work:
        await create_account(work, sam, hashed)

    before = await visitor.log_in("/graphql", sam.user_name)
    async with platform.databases.work(preview, Actor.system()) as work:
        await invite(work, sam, into_preview=True)
    after = await visitor.log_in("/graphql", sam.user_name)

    assert (before, after) == (["login.refused"], [])
    assert (await visitor.ask("/graphql", MAP)).json()["data"] == {"pins": [{"name": "North Garage"}]}


async def test_every_answer_of_a_preview_stays_out_of_search_engines(visitor: Visitor) -> None:
    for path in ("/", "/admin", "/nothing-here", "/graphql", "/robots.txt"):
        assert (await visitor.get(path)).headers["x-robots-tag"] == "noindex, nofollow, noarchive", path
    assert (await visitor.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"


async def test_production_is_open_to_everybody_and_to_search_engines(
    gateway: Gateway, live_campus: Campus, tenant: Environment
) -> None:
    await live_campus.group("North Garage")
    visitor = Visitor(gateway, tenant)

    shown = await visitor.get("/")

    assert "North Garage" in shown.text
    assert "x-robots-tag" not in shown.headers
    assert "Disallow: /admin" in (await visitor.get("/robots.txt")).text
    assert "Disallow: /\n" not in (await visitor.get("/robots.txt")).text
