"""The page of the site's names: where it answers, and the client's own domains with the DNS records that they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from gateway.endpoint import Endpoint
from gateway.pages import documents
from gateway.pages.staff import BUSY, GRAPHQL, staff_page
from tenants.environments import Environment

STATES: Mapping[str, str] = MappingProxyType(
    {"REQUESTED": "not served yet", "ACTIVE": "active", "FAILING": "failing", "QUARANTINED": "released"}
)
"""Where an own domain stands, by the name it has in the API."""
NEEDS: Mapping[str, str] = MappingProxyType({"ALWAYS": "Needed. ", "EITHER": "One of these. ", "WHERE_LIMITED": ""})
FACTS = {
    "graphql": GRAPHQL,
    "logOut": documents.LOG_OUT,
    "busy": BUSY,
    "changes": dict(documents.ADMIN_NAMES),
}


def domains_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/domains``."""
    return staff_page(admin, "domains.html", documents.ADMIN_DOMAINS, FACTS, _shown)


def _shown(site: Environment, data: Mapping[str, Any]) -> dict[str, object]:
    zone, names = ZoneInfo(site.time_zone), data["siteHosts"]
    return {
        "names": names,
        "domains": [_domain(one, zone) for one in names["ownDomains"]],
        "may_change": "MANAGE_DOMAINS" in data["me"]["permissions"],
    }


def _domain(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    until = data["until"] and datetime.fromisoformat(data["until"]).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    records = [record | {"need": NEEDS[record["need"]]} for record in data["records"]]
    return {**data, "state_words": STATES[data["state"]], "until": until, "records": records}
