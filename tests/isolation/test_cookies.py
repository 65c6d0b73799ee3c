"""A login is good at one site, in one portal, for one copy of the data; and no cookie ever goes to two sites."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from auth.cookies import PORTAL_COOKIES, STAFF_COOKIE
from auth.models import Portal
from opscom.accounts import create_staff
from tenants.backups.actions import back_up
from tenants.backups.restoring import restore
from tests.gateway.asking import Response, ask
from tests.isolation.conftest import Street
from tests.isolation.people import LOG_IN, PASSWORD, Person, settle_in
from tests.tenants.test_previews import _carried, _refreshed

ME = "{ me { id name } }"
OPS = "ops.ops-com.localhost"
ATTRIBUTES = re.compile(r"; Max-Age=\d+; Path=/; Secure; HttpOnly; SameSite=Lax\Z")


async def test_a_login_is_good_at_its_own_site_only(street: Street) -> None:
    for at in (street.ann, street.preview, street.ben):
        await at.admin.log_in(f"{at.marker}-admin")
        assert await _name(at.admin) == f"{at.marker} Admin"
        for other in (street.ann, street.preview, street.ben):
            if other is not at:
                assert await _name(at.admin.at(other.environment.primary_host)) is None
        assert await _name(at.admin.at(OPS, "/graphql")) is None


async def test_a_login_of_one_portal_is_none_of_the_other_under_whichever_name(street: Street) -> None:
    """Also of somebody who might be in both: the token says which portal it is for."""
    host, name = street.ben.environment.primary_host, f"{street.ben.marker}-admin"
    user = street.person(host)
    await user.log_in(name)
    token = user.cookies[PORTAL_COOKIES[Portal.USER]]
    staff_token = street.ben.admin.cookies[PORTAL_COOKIES[Portal.ADMIN]]

    assert await _name(user) == f"{street.ben.marker} Admin"
    assert await _name(user.at(host, "/admin/graphql")) is None
    for cookie, portal in ((token, "/admin/graphql"), (staff_token, "/graphql")):
        assert await _name(_with(street, host, portal, cookie)) is None


async def test_a_login_of_the_platforms_staff_is_none_of_a_tenant(street: Street) -> None:
    password = await create_staff(street.platform, f"{street.ben.marker}-staff", "Olga Ops")
    staff = street.person(OPS)
    typed = {"userName": f"{street.ben.marker}-staff", "password": password}
    log_in = "mutation($i: LogInInput!) { logIn(input: $i) { me { name } userErrors { code } } }"
    await staff.data(log_in, i=typed)

    assert await _name(staff) == "Olga Ops"
    for portal in ("/graphql", "/admin/graphql"):
        assert await _name(staff.at(street.ben.environment.primary_host, portal)) is None
        token = staff.cookies[STAFF_COOKIE]
        assert await _name(_with(street, street.ben.environment.primary_host, portal, token)) is None


async def test_every_cookie_is_for_one_host_and_never_for_scripts(street: Street) -> None:
    """``Domain`` would send it to every tenant and preview below our own domain."""
    seen = [cookie async for cookie in _every_cookie(street)]

    assert {cookie.partition("=")[0] for cookie in seen} >= {*PORTAL_COOKIES.values(), "__Host-opscom-device"}
    assert [cookie for cookie in seen if not (cookie.startswith("__Host-") and ATTRIBUTES.search(cookie))] == []


async def test_a_refresh_of_the_preview_ends_its_logins_and_those_of_production_stay(street: Street) -> None:
    """Also where they were remembered a moment ago."""
    assert await _name(street.preview.admin) == f"{street.preview.marker} Admin"

    copy = await _refreshed(street.platform, street.ann.environment)

    assert await _name(street.preview.admin) is None
    assert await _name(street.ann.admin) == f"{street.ann.marker} Admin"
    await settle_in(street.platform, copy, f"{street.preview.marker}-admin", f"{street.preview.marker} Admin")


async def test_a_restore_brings_no_login_back(street: Street) -> None:
    """Once it did: who had logged out since the backup was logged in again, and so was whoever had their cookie."""
    ben = street.ben.environment
    await settle_in(street.platform, ben, "mk-ben-second", "mk-ben Second")
    left, stays = (Person(street.gateway.app, ben.primary_host) for _ in range(2))
    for person in (left, stays):
        await person.log_in("mk-ben-second")
    cookies = dict(left.cookies)
    backup_id = await back_up(street.platform.copier, ben, reason="by hand", actor="ann")
    await left.data("mutation { logOut { userErrors { code } } }")
    left.cookies = cookies
    assert (await _name(left), await _name(stays)) == (None, "mk-ben Second")

    copy_id = await restore(street.platform.databases, ben.id, backup_id, actor="ann", reason="a test")
    await _carried(street.platform, copy_id)

    assert await _name(left) is None
    assert await _name(stays) is None
    await stays.log_in("mk-ben-second")
    assert await _name(stays) == "mk-ben Second"


async def _name(person: Person) -> str | None:
    """Who the site takes somebody for."""
    answer = (await person.ask(ME)).json()
    me = (answer.get("data") or {}).get("me")
    if me is None:
        assert {error["extensions"]["code"] for error in answer["errors"]} <= {"login_required", "preview.invited_only"}
        return None
    return str(me["name"])


def _with(street: Street, host: str, portal: str, token: str) -> Person:
    """Somebody who sends a token under every name of a login."""
    names = (*PORTAL_COOKIES.values(), STAFF_COOKIE)
    return Person(street.gateway.app, host, portal, dict.fromkeys(names, token))


async def _every_cookie(street: Street) -> AsyncIterator[str]:
    """What Set-Cookie says wherever one is set: logging in and out of all portals, and all pages."""
    ben, name = street.ben.environment.primary_host, f"{street.ben.marker}-admin"
    for portal in ("/graphql", "/admin/graphql"):
        person = street.person(ben, portal)
        for document in (LOG_IN, "mutation { logOut { userErrors { code } } }"):
            response = await person.ask(document, i={"userName": name, "password": PASSWORD})
            for cookie in _cookies(response):
                yield cookie
    for page in ("/", "/admin"):
        for person in (street.person(ben), street.ben.admin):
            shown = await ask(person.app, b"", [("accept", "text/html"), *person.headers()], path=page, method="GET")
            for cookie in _cookies(shown):
                yield cookie


def _cookies(response: Response) -> list[str]:
    return [value for name, value in response.headers if name == "set-cookie"]
