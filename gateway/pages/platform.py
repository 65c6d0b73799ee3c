"""The page of the platform: what the client has, what it tries, and where its traffic and mail come from; for its IT."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.endpoint import Endpoint
from gateway.pages import documents
from gateway.pages.staff import BUSY, GRAPHQL, staff_page
from tenants.environments import Environment

FACTS = {
    "graphql": GRAPHQL,
    "logOut": documents.LOG_OUT,
    "busy": BUSY,
    "changes": dict(documents.ADMIN_DECIDE),
}


def platform_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/platform``."""
    return staff_page(admin, "platform.html", documents.ADMIN_PLATFORM, FACTS, _shown)


def _shown(_site: Environment, data: Mapping[str, Any]) -> dict[str, object]:
    return {"found": data, "may_decide": "APPROVE_FEATURES" in data["me"]["permissions"]}
