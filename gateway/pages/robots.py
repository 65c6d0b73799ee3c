"""``/robots.txt``: what search engines may read of a site."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.pages.asking import site_of
from gateway.robots import is_public

OPEN = "User-agent: *\nDisallow: /admin\nDisallow: /welcome\nDisallow: /enter\n"
CLOSED = "User-agent: *\nDisallow: /\n"


async def robots(request: Request) -> Response:
    """Everything of production but what is for staff and for links; nothing of any other environment."""
    return PlainTextResponse(OPEN if is_public(site_of(request)) else CLOSED)
