"""How cookies are written and read, and which origins are a site's own."""

import pytest

from auth import cookies
from auth.origins import own_origins
from tenants.environments import Environment
from tenants.settings import Settings


@pytest.mark.parametrize("name", [*cookies.PORTAL_COOKIES.values(), cookies.STAFF_COOKIE, cookies.DEVICE_COOKIE])
def test_no_sibling_host_can_set_or_get_one(name: str) -> None:
    """Attack 3: browsers take `__Host-` only with Secure and Path=/ and without Domain."""
    written = cookies.written(name, "value", 60)

    assert written == f"{name}=value; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert name.startswith("__Host-")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-opscom=abc", "abc"),
        ("theme=dark; __Host-opscom=abc;x", "abc"),
        ("__Host-opscom=a=b", "a=b"),
        ("__host-opscom=abc", ""),
        ("__Host-opscom-admin=abc", ""),
        ("__Host-opscom=abc; __Host-opscom=def", ""),
        ("__Host-opscom", ""),
        ("", ""),
    ],
)
def test_a_cookie_is_read_by_its_exact_name_and_once(header: str, value: str) -> None:
    assert cookies.read(header, "__Host-opscom") == value


def test_an_erased_cookie_is_taken_back_at_once() -> None:
    assert cookies.erased("__Host-opscom").startswith("__Host-opscom=; Max-Age=0;")


async def test_a_sites_own_origins_have_its_scheme_and_port(tenant: Environment, settings: Settings) -> None:
    assert own_origins(tenant, settings) == {f"http://{tenant.primary_host}:8000"}
