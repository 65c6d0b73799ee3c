"""The platform's own staff on the control plane: who asks, logging in and out."""

from __future__ import annotations

from typing import Annotated

import strawberry

from auth.asking import Entered
from auth.errors import LoginRefused
from domain.kernel.actor import Actor, Permission
from schema.arguments import Info
from schema.declare import PUBLIC, SUBJECT, needs, requires
from schema.ids import PLATFORM, global_id
from schema.logins import LogOutPayload, require_http
from schema.nodes import Node
from schema.payloads import UserError


@needs(SUBJECT)
@strawberry.type(description="The member of staff who is logged in.")
class Me(Node):
    """Oneself."""

    name: str = strawberry.field(description="The name, as it is shown.")
    permissions: list[Permission] = strawberry.field(description="What one may do.")


@strawberry.input(description="What a member of staff types to log in.")
class LogInInput:
    """The log-in form."""

    user_name: str = strawberry.field(description="The user name.")
    password: str = strawberry.field(description="The password.")


@needs(PUBLIC)
@strawberry.type(description="The answer to `logIn`.")
class LogInPayload:
    """Who is logged in now, or why nobody is."""

    me: Me | None = strawberry.field(description="The member of staff; null if the login failed.")
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")


Typed = Annotated[LogInInput, strawberry.argument(name="input", description="What was typed.")]


async def read_me(info: Info) -> Me | None:
    """Whoever asks."""
    return me_of(info.context.actor)


async def enter(info: Info, typed: Typed) -> LogInPayload:
    """Log in. Raises TooManyAttempts, LoginsBusy, CookiesNeedHttp."""
    context = info.context
    require_http(context)
    entered = Entered(typed.user_name, typed.password)
    try:
        begun = await context.services.staff.log_in(entered, context.request.caller)
    except LoginRefused as refused:
        return LogInPayload(me=None, user_errors=[UserError(code=refused.code, message=refused.message, field=[])])
    for header in begun.set_cookies:
        context.set_cookie(header)
    context.actor = begun.actor
    return LogInPayload(me=me_of(begun.actor), user_errors=[])


async def leave(info: Info) -> LogOutPayload:
    """Log out. Raises CookiesNeedHttp."""
    require_http(info.context)
    for header in await info.context.services.staff.log_out(info.context.actor):
        info.context.set_cookie(header)
    return LogOutPayload(user_errors=[])


def me_of(actor: Actor) -> Me:
    """A member of staff as they see themselves."""
    return Me(
        id=global_id("Staff", PLATFORM, actor.subject),
        name=actor.name,
        permissions=[permission for permission in Permission if actor.may(permission)],
    )


@strawberry.type
class PeopleQueries:
    """Whoever asks."""

    me: Me | None = strawberry.field(
        resolver=read_me,
        description="The member of staff who is logged in; without a login an error with the code `login_required`.",
        metadata=requires(SUBJECT),
    )


@strawberry.type
class PeopleMutations:
    """Coming and going."""

    log_in: LogInPayload | None = strawberry.field(
        resolver=enter,
        description="Log in to the control plane. The login is in a cookie of the answer, which is for this host only.",
        metadata=requires(PUBLIC),
    )
    log_out: LogOutPayload | None = strawberry.field(
        resolver=leave, description="End the login that asks, if any.", metadata=requires(PUBLIC)
    )
