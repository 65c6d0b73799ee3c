"""The page of staff: the map with numbers, and the system tasks. Who is not logged in gets the form for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from gateway.endpoint import Endpoint
from gateway.pages import documents, wording
from gateway.pages.asking import LOGIN_REQUIRED, ask, has_code, site_of
from gateway.pages.pins import STAFF, pins_of
from gateway.pages.projection import blocks
from gateway.pages.rendering import page
from gateway.pages.staff import GRAPHQL, TROUBLE
from gateway.pages.tasks import STATES, tasks_of
from tenants.environments import Environment, EnvironmentGroup, EnvironmentKind

NOBODY_KNOWN: Mapping[str, Any] = {"name": "", "permissions": ()}


def admin_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin``. While the database is away it is a page that says so, with status 503."""

    async def show(request: Request) -> Response:
        site = site_of(request)
        asked = await ask(request, admin, documents.ADMIN_ME)
        if has_code(asked, LOGIN_REQUIRED):
            return page("admin_login.html", site, is_admin=True, facts=_facts(site, []))
        me = (asked.data or {}).get("me")
        allowed = me["permissions"] if me else ()
        is_live = site.kind.group is EnvironmentGroup.LIVE
        seen = {
            "lots": "VIEW_LOTS" in allowed,
            "tasks": "VIEW_SYSTEM_TASKS" in allowed,
            "previews": "VIEW_SETTINGS" in allowed and is_live,
        }
        found = await ask(request, admin, documents.ADMIN_PAGE, seen)
        return _desk(site, me, found.data)

    return show


def _desk(site: Environment, me: Mapping[str, Any] | None, data: Mapping[str, Any] | None) -> Response:
    zone = ZoneInfo(site.time_zone)
    is_whole = me is not None and data is not None
    known, found = me or NOBODY_KNOWN, data or {}
    pins = pins_of(found.get("pins", []), zone, STAFF)
    return page(
        "admin.html",
        site,
        status=200 if is_whole else 503,
        is_admin=True,
        name=known["name"],
        may_see_map="VIEW_LOTS" in known["permissions"],
        may_see_tasks="VIEW_SYSTEM_TASKS" in known["permissions"],
        may_see_settings="VIEW_SETTINGS" in known["permissions"],
        may_see_domains="VIEW_SETTINGS" in known["permissions"] and site.kind is EnvironmentKind.PRODUCTION,
        may_see_mail="VIEW_MAIL" in known["permissions"],
        may_enter_preview=any(space["kind"] == "PREVIEW" for space in found.get("previewSpaces", [])),
        may_run="RUN_SYSTEM_TASKS" in known["permissions"],
        pins=pins,
        blocks=blocks(pin.point for pin in pins),
        tasks=tasks_of(found.get("systemTasks", []), zone),
        trouble=None if is_whole else TROUBLE,
        facts=_facts(site, found.get("pins", [])),
    )


def _facts(site: Environment, pins: list[Any]) -> dict[str, object]:
    return {
        "graphql": GRAPHQL,
        "pins": pins,
        "zone": site.time_zone,
        "words": wording.page_words(),
        "occupancy": documents.ADMIN_OCCUPANCY,
        "run": documents.ADMIN_RUN,
        "log": documents.ADMIN_LOG,
        "states": dict(STATES),
        "logIn": documents.LOG_IN,
        "logOut": documents.LOG_OUT,
        "enterPreview": documents.ADMIN_ENTER_PREVIEW,
    }
