"""The page of mail: what was sent or, in a preview, held back; for staff who may see it."""

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
from gateway.pages.admin import GRAPHQL, TROUBLE
from gateway.pages.asking import LOGIN_REQUIRED, ask, has_code, site_of
from gateway.pages.rendering import page

STATES: Mapping[str, str] = MappingProxyType(
    {
        "WAITING": "waiting",
        "SENT": "sent",
        "CAPTURED": "held back",
        "KEPT": "kept",
        "FAILED": "failed",
        "CANCELLED": "cancelled",
    }
)
"""What became of a message, by the name it has in the API."""
NONE: Mapping[str, Any] = {"edges": ()}


def mail_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/mail``. Who is not logged in is sent to the form."""

    async def show(request: Request) -> Response:
        site = site_of(request)
        asked = await ask(request, admin, documents.ADMIN_MAIL)
        if has_code(asked, LOGIN_REQUIRED):
            return RedirectResponse("/admin", 303, headers={"Cache-Control": "no-store"})
        may_see = not has_code(asked, "denied")
        found, zone = asked.data or {}, ZoneInfo(site.time_zone)
        is_whole = asked.data is not None
        return page(
            "mail.html",
            site,
            status=200 if is_whole else 503,
            is_admin=True,
            may_see=may_see,
            messages=[_message(edge["node"], zone) for edge in (found.get("mail") or NONE)["edges"]],
            calls=[_call(call, zone) for call in found.get("capturedCalls") or ()],
            trouble=None if is_whole else TROUBLE,
            facts={"graphql": GRAPHQL, "logOut": documents.LOG_OUT},
        )

    return show


def _message(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**data, "at": _moment(data["createdAt"], zone), "state_words": STATES[data["state"]]}


def _call(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**data, "at": _moment(data["lastAt"], zone)}


def _moment(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M")
