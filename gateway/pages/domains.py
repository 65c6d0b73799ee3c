"""The page of the site's names: where it answers, and the client's own domains with the DNS records that they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.endpoint import Endpoint
from gateway.pages import documents
from gateway.pages.admin import BUSY, GRAPHQL, TROUBLE
from gateway.pages.asking import LOGIN_REQUIRED, ask, has_code, site_of
from gateway.pages.rendering import page

STATES: Mapping[str, str] = MappingProxyType(
    {"REQUESTED": "not served yet", "ACTIVE": "active", "FAILING": "failing", "QUARANTINED": "released"}
)
"""Where an own domain stands, by the name it has in the API."""
NEEDS: Mapping[str, str] = MappingProxyType({"ALWAYS": "Needed. ", "EITHER": "One of these. ", "WHERE_LIMITED": ""})
NOTHING: Mapping[str, Any] = {"hosts": [], "ownDomains": [], "isIncluded": False}
FACTS = {
    "graphql": GRAPHQL,
    "logOut": documents.LOG_OUT,
    "busy": BUSY,
    "changes": dict(documents.ADMIN_NAMES),
}


def domains_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/domains``. Who is not logged in is sent to the form."""

    async def show(request: Request) -> Response:
        site = site_of(request)
        asked = await ask(request, admin, documents.ADMIN_DOMAINS)
        if has_code(asked, LOGIN_REQUIRED):
            return RedirectResponse("/admin", 303, headers={"Cache-Control": "no-store"})
        data = asked.data or {}
        may_see, found = not has_code(asked, "denied"), data.get("siteHosts")
        is_whole = found is not None or not may_see
        names, zone = found or NOTHING, ZoneInfo(site.time_zone)
        return page(
            "domains.html",
            site,
            status=200 if is_whole else 503,
            is_admin=True,
            may_see=may_see,
            may_change="MANAGE_DOMAINS" in (data.get("me") or {}).get("permissions", ()),
            names=names,
            domains=[_domain(one, zone) for one in names["ownDomains"]],
            trouble=None if is_whole else TROUBLE,
            facts=FACTS,
        )

    return show


def _domain(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    until = data["until"] and datetime.fromisoformat(data["until"]).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    records = [record | {"need": NEEDS[record["need"]]} for record in data["records"]]
    return {**data, "state_words": STATES[data["state"]], "until": until, "records": records}
