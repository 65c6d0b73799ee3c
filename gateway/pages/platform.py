"""The page of the platform: what the client has, what it tries, and where its traffic and mail come from; for its IT."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.endpoint import Endpoint
from gateway.pages import documents
from gateway.pages.admin import BUSY, GRAPHQL, TROUBLE
from gateway.pages.asking import LOGIN_REQUIRED, ask, has_code, site_of
from gateway.pages.rendering import page

FACTS = {
    "graphql": GRAPHQL,
    "logOut": documents.LOG_OUT,
    "busy": BUSY,
    "changes": dict(documents.ADMIN_DECIDE),
}


def platform_page(admin: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/admin/platform``. Who is not logged in is sent to the form."""

    async def show(request: Request) -> Response:
        asked = await ask(request, admin, documents.ADMIN_PLATFORM)
        if has_code(asked, LOGIN_REQUIRED):
            return RedirectResponse("/admin", 303, headers={"Cache-Control": "no-store"})
        may_see = not has_code(asked, "denied")
        found = asked.data if asked.data and may_see else None
        is_whole = found is not None or not may_see
        return page(
            "platform.html",
            site_of(request),
            status=200 if is_whole else 503,
            is_admin=True,
            may_see=may_see,
            found=found,
            may_decide="APPROVE_FEATURES" in ((found or {}).get("me") or {}).get("permissions", ()),
            trouble=None if is_whole else TROUBLE,
            facts=FACTS,
        )

    return show
