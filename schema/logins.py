"""Logging in and out, the same for the portal and the admin API: each has logins and a cookie of its own."""

from __future__ import annotations

from typing import Annotated

import strawberry

from auth.asking import LOCAL, Entered
from auth.errors import LoginRefused
from auth.models import Portal
from schema.arguments import Info
from schema.context import Context, CookiesNeedHttp, Transport
from schema.declare import PUBLIC, needs
from schema.payloads import UserError

PORTALS = {"portal": Portal.USER, "admin": Portal.ADMIN}


@strawberry.input(description="What somebody types to log in.")
class LogInInput:
    """The log-in form."""

    user_name: str = strawberry.field(description="The user name, or the e-mail address.")
    password: str = strawberry.field(description="The password.")
    source: str = strawberry.field(
        default=LOCAL, description="The code of the login source; local accounts by default."
    )


@needs(PUBLIC)
@strawberry.type(description="The answer to `logOut`.")
class LogOutPayload:
    """Nothing can be wrong with it."""

    user_errors: list[UserError] = strawberry.field(description="Always empty.")


LogInArgument = Annotated[LogInInput, strawberry.argument(name="input", description="What was typed.")]


async def log_in(context: Context, typed: LogInInput) -> list[UserError]:
    """Log somebody in to the API that was asked: sets the cookies, and from here on the context's actor is that person.

    A wrong name or password is a user error that tells nothing more. Raises TooManyAttempts, LoginsBusy, CookiesNeedHttp.
    """
    require_http(context)
    await context.end_reads()
    portal, caller = PORTALS[context.request.portal], context.request.caller
    entered = Entered(typed.user_name, typed.password, typed.source)
    try:
        begun = await context.services.desk.log_in(context.environment, portal, entered, caller)
    except LoginRefused as refused:
        return [UserError(code=refused.code, message=refused.message, field=[])]
    for header in begun.set_cookies:
        context.set_cookie(header)
    context.actor = begun.actor
    return []


async def log_out(context: Context) -> None:
    """End the login that the request came by, if any, and take its cookie back. Raises CookiesNeedHttp."""
    require_http(context)
    await context.end_reads()
    portal = PORTALS[context.request.portal]
    for header in await context.services.desk.log_out(context.environment, portal, context.actor):
        context.set_cookie(header)


async def leave(info: Info) -> LogOutPayload:
    """Resolve `logOut` of the portal and of the admin API."""
    await log_out(info.context)
    return LogOutPayload(user_errors=[])


def require_http(context: Context) -> None:
    """Raise before anything is written: a login whose cookie nobody gets would be a login of nobody."""
    if context.request.transport is not Transport.HTTP:
        raise CookiesNeedHttp("Log in and out over HTTP, not over a socket or a stream.")
