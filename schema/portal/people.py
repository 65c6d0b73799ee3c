"""The person who asks, in the portal: who they are, logging in and out."""

from __future__ import annotations

import strawberry

from domain.users.queries import own_user, user_types
from schema.arguments import Info
from schema.context import Context
from schema.declare import PUBLIC, SUBJECT, for_strangers, needs, requires
from schema.ids import global_id
from schema.logins import LogInArgument, LogOutPayload, leave, log_in
from schema.nodes import Node
from schema.payloads import UserError


@needs(SUBJECT)
@strawberry.type(description="The person who is logged in.")
class Me(Node):
    """Oneself."""

    name: str = strawberry.field(description="The name, as it is shown.")
    user_name: str = strawberry.field(description="The user name.")
    email: str | None = strawberry.field(description="The e-mail address.")
    user_type: str | None = strawberry.field(description="The name of the user type, which decides what is offered.")


@needs(PUBLIC)
@strawberry.type(description="The answer to `logIn`.")
class LogInPayload:
    """Who is logged in now, or why nobody is."""

    me: Me | None = strawberry.field(description="The person; null if the login failed.")
    user_errors: list[UserError] = strawberry.field(description="What was wrong; empty if nothing was.")


async def read_me(info: Info) -> Me | None:
    """The person who asks."""
    return await _me(info.context)


async def enter(info: Info, typed: LogInArgument) -> LogInPayload:
    """Log in."""
    errors = await log_in(info.context, typed)
    return LogInPayload(me=None if errors else await _me(info.context), user_errors=errors)


async def _me(context: Context) -> Me | None:
    user = await context.snapshot.scalar(own_user(context.actor))
    if user is None:
        return None
    types = {row.id: row.name for row in await context.snapshot.scalars(user_types())}
    return Me(
        id=global_id("User", context.environment.tenant.number, user.id),
        name=user.name,
        user_name=user.user_name,
        email=user.email,
        user_type=types.get(user.user_type_id) if user.user_type_id else None,
    )


@strawberry.type
class PeopleQueries:
    """The person who asks."""

    me: Me | None = strawberry.field(
        resolver=read_me,
        description="The person who is logged in; for guests an error with the code `login_required`.",
        metadata=requires(SUBJECT),
    )


@strawberry.type
class PeopleMutations:
    """Coming and going."""

    log_in: LogInPayload | None = strawberry.field(
        resolver=enter,
        description="Log in. The login is in a cookie of the answer, which is for this site only.",
        metadata=for_strangers() | requires(PUBLIC),
    )
    log_out: LogOutPayload | None = strawberry.field(
        resolver=leave,
        description="End the login that asks; nothing happens to a guest.",
        metadata=for_strangers() | requires(PUBLIC),
    )
