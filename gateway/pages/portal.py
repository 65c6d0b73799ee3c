"""The page of visitors: the live map. Its first state is made here; the script follows the changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from auth.errors import InvitedOnly
from gateway.endpoint import Endpoint
from gateway.pages import documents, wording
from gateway.pages.asking import ask, has_code, site_address, site_of
from gateway.pages.pins import VISITORS, pins_of
from gateway.pages.projection import blocks
from gateway.pages.rendering import page
from tenants.settings import Settings

GRAPHQL = "/graphql"
LOG_IN = {"graphql": GRAPHQL, "logIn": documents.LOG_IN, "logOut": documents.LOG_OUT}
TROUBLE = "The counts can not be read right now. This page goes on trying."


def portal_page(portal: Endpoint, settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """The handler of ``/``. While the database is away it is a page without places, with status 503."""

    async def show(request: Request) -> Response:
        site = site_of(request)
        result = await ask(request, portal, documents.PORTAL_PAGE)
        if has_code(result, InvitedOnly.code):
            return page("portal_login.html", site, is_admin=True, facts=LOG_IN)
        data = result.data or {"pins": [], "me": None}
        pins = pins_of(data["pins"], ZoneInfo(site.time_zone), VISITORS)
        return page(
            "portal.html",
            site,
            status=503 if result.data is None else 200,
            is_admin=False,
            address=site_address(site, settings) + "/",
            name=data["me"] and data["me"]["name"],
            pins=pins,
            blocks=blocks(pin.point for pin in pins),
            trouble=TROUBLE if result.data is None else None,
            facts={
                "graphql": GRAPHQL,
                "pins": data["pins"],
                "zone": site.time_zone,
                "words": wording.page_words(),
                "occupancy": documents.PORTAL_OCCUPANCY,
                "logIn": documents.LOG_IN,
                "logOut": documents.LOG_OUT,
            },
        )

    return show
