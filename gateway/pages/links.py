"""The pages that one-time links lead to. They are the same for everybody: the token is behind the ``#`` of the address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway.pages import documents
from gateway.pages.asking import site_of
from gateway.pages.rendering import page
from gateway.pages.staff import BUSY, GRAPHQL

_FACTS = {"graphql": GRAPHQL, "busy": BUSY}
WELCOME = _FACTS | {
    "document": documents.ACCEPT_INVITATION,
    "field": "acceptInvitation",
    "different": "The two passwords differ.",
    "noToken": "This address is not whole. Please open the link of the message once more.",
}
ENTER = _FACTS | {"document": documents.ENTER, "field": "enter"}


async def welcome(request: Request) -> Response:
    """Answer ``/welcome``: the form in which an invited person chooses a password."""
    return page("welcome.html", site_of(request), is_admin=True, facts=WELCOME)


async def enter(request: Request) -> Response:
    """Answer ``/enter``: logs in whom a link from production is for."""
    return page("enter.html", site_of(request), is_admin=True, facts=ENTER)
