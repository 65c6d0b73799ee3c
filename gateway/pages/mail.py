"""The page of mail: what was sent or, in a preview, held back; for staff who may see it."""

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
from gateway.pages.staff import GRAPHQL, staff_page
from tenants.environments import Environment

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
FACTS = {"graphql": GRAPHQL, "logOut": documents.LOG_OUT}


def mail_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/mail``."""
    return staff_page(admin, "mail.html", documents.ADMIN_MAIL, FACTS, _shown)


def _shown(site: Environment, data: Mapping[str, Any]) -> dict[str, object]:
    zone = ZoneInfo(site.time_zone)
    return {
        "messages": [_message(edge["node"], zone) for edge in data["mail"]["edges"]],
        "calls": [_call(call, zone) for call in data["capturedCalls"]],
    }


def _message(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**data, "at": _moment(data["createdAt"], zone), "state_words": STATES[data["state"]]}


def _call(data: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**data, "at": _moment(data["lastAt"], zone)}


def _moment(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M")
