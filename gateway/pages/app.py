"""The pages put together: routes for an open site, and what any other path and a suspended site answer. The gateway mounts all."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route, Router

from auth import entry, invitations
from gateway.asgi import Receive, Scope, Send, header, refuse
from gateway.endpoint import Endpoint
from gateway.hosts import located
from gateway.pages import assets, links
from gateway.pages.admin import admin_page
from gateway.pages.domains import domains_page
from gateway.pages.mail import mail_page
from gateway.pages.platform import platform_page
from gateway.pages.portal import portal_page
from gateway.pages.rendering import page
from gateway.pages.robots import robots
from schema.operations.errors import Code
from tenants.settings import Settings

RETRY_AFTER = "3600"
STATIC = Router([assets.route])


def page_routes(portal: Endpoint, admin: Endpoint, settings: Settings) -> list[BaseRoute]:
    """Routes of an open site. ``settings`` give scheme and port of links; their host is the registry's.

    Each request must have passed ``HostRouter``.
    """
    return [
        Route("/", portal_page(portal, settings), methods=["GET"], name="portal"),
        Route("/admin", admin_page(admin), methods=["GET"], name="admin"),
        Route("/admin/domains", domains_page(admin), methods=["GET"], name="domains"),
        Route("/admin/mail", mail_page(admin), methods=["GET"], name="mail"),
        Route("/admin/platform", platform_page(admin), methods=["GET"], name="platform"),
        Route(invitations.PAGE, links.welcome, methods=["GET"], name="welcome"),
        Route(entry.PAGE, links.enter, methods=["GET"], name="enter"),
        Route("/robots.txt", robots, methods=["GET"], name="robots"),
        assets.route,
    ]


async def missing(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of every other path: a page for people, a coded error for programs, 404 for both."""
    environment = located(scope).environment
    if environment is None or not _wants_page(scope):
        await refuse(scope, send, 404, Code.NOT_FOUND, "Not found.")
        return
    response = page("missing.html", environment, 404, is_admin=scope["path"].startswith("/admin"))
    await response(scope, receive, send)


async def suspended(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a suspended environment: a page for people, a coded error for programs, 503 for both."""
    environment = located(scope).environment
    if scope["type"] == "http" and scope["path"].startswith("/static/"):
        await STATIC(scope, receive, send)
    elif environment is not None and _wants_page(scope):
        response = page("suspended.html", environment, 503, is_admin=False)
        response.headers["Retry-After"] = RETRY_AFTER
        await response(scope, receive, send)
    else:
        retry = ((b"retry-after", RETRY_AFTER.encode()),)
        await refuse(scope, send, 503, Code.SUSPENDED, "This site is suspended.", extra=retry)


def _wants_page(scope: Scope) -> bool:
    return scope["type"] == "http" and "text/html" in (header(scope, b"accept") or "")
