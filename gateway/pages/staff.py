"""A page for staff who are logged in: one document, and what whoever can not be answered is shown in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.endpoint import Endpoint
from gateway.pages.asking import LOGIN_REQUIRED, ask, has_code, site_of
from gateway.pages.rendering import page
from tenants.environments import Environment

GRAPHQL = "/admin/graphql"
TROUBLE = "The data can not be read right now. Please try again in a moment."
BUSY = "This did not work just now. Please try again in a moment."

Shown = Callable[[Environment, Mapping[str, Any]], Mapping[str, object]]
"""From the site and the data of a whole answer to what the template shows."""


def staff_page(
    admin: Endpoint, template: str, document: str, facts: Mapping[str, object], shown: Shown
) -> Callable[[Request], Awaitable[Response]]:
    """The handler of a page. Who is not logged in is sent to the form.

    The template has what is ``shown`` only if it ``may_see`` and there is no ``trouble``: an answer with an error in it
    is not shown as if what is missing were not there.
    """

    async def show(request: Request) -> Response:
        site = site_of(request)
        asked = await ask(request, admin, document)
        if has_code(asked, LOGIN_REQUIRED):
            return RedirectResponse("/admin", 303, headers={"Cache-Control": "no-store"})
        may_see = not has_code(asked, "denied")
        is_trouble = may_see and (asked.data is None or bool(asked.errors))
        return page(
            template,
            site,
            status=503 if is_trouble else 200,
            is_admin=True,
            may_see=may_see,
            trouble=TROUBLE if is_trouble else None,
            facts=facts,
            **(shown(site, asked.data) if may_see and not is_trouble and asked.data else {}),
        )

    return show
