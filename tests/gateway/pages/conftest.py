"""The pages of a real gateway over a real database, asked in-process, and a campus to show on them."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest

from gateway.app import Gateway, create_app, running
from opscom.accounts import create_administrator
from opscom.platform import Platform
from tenants.environments import Environment
from tests.fixtures.pins import Campus

Visit = Callable[..., Awaitable[httpx2.Response]]
LogIn = Callable[[str], Awaitable[str]]
ADMIN = "ann@tomahawku.example"


@pytest.fixture
async def gateway(platform: Platform) -> AsyncIterator[Gateway]:
    """The gateway of this run's platform."""
    gateway = create_app(platform)
    async with running(gateway):
        yield gateway


@pytest.fixture
def visit(gateway: Gateway, tenant: Environment) -> Visit:
    """Ask for a path of a site as a browser does; of the tenant's, unless another host is named."""

    async def get(path: str = "/", *, host: str = "", cookie: str = "", accept: str = "text/html") -> httpx2.Response:
        headers = {"Host": host or tenant.primary_host, "Accept": accept} | ({"Cookie": cookie} if cookie else {})
        async with in_process(gateway) as client:
            return await client.get(path, headers=headers)

    return get


@pytest.fixture
def campus(live_campus: Campus) -> Campus:
    """The tenant's campus by the real clock, which is that of the gateway."""
    return live_campus


@pytest.fixture
def log_in(gateway: Gateway, tenant: Environment, platform: Platform) -> LogIn:
    """Make the tenant's administrator, log in at ``/graphql`` or ``/admin/graphql``, and return the Cookie header."""

    async def enter(path: str) -> str:
        password = await create_administrator(platform, tenant, ADMIN)
        query = "mutation($i: LogInInput!) { logIn(input: $i) { userErrors { code } } }"
        body = {"query": query, "variables": {"i": {"userName": ADMIN, "password": password}}}
        async with in_process(gateway) as client:
            answer = await client.post(path, json=body, headers={"Host": tenant.primary_host})
        assert answer.json()["data"]["logIn"]["userErrors"] == []
        return "; ".join(cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie"))

    return enter


def in_process(gateway: Gateway) -> httpx2.AsyncClient:
    """A client of the gateway's app, without a server."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=gateway), base_url="http://127.0.0.1")


async def hide_data(platform: Platform, environment: Environment) -> None:
    """Take the environment's data away from its role, so that every read of them fails."""
    async with platform.databases.owner(environment.cell).begin() as connection:
        await connection.exec_driver_sql(f"set local role {platform.databases.database_name(environment.cell)}_owner")
        await connection.exec_driver_sql(f"revoke usage on schema {environment.schema} from {environment.role}")
