"""People in the admin API: the person who asks, logging in and out, users and their types."""

from __future__ import annotations

from uuid import UUID

import strawberry

from domain.kernel.actor import Permission
from domain.kernel.paging import Page, read_page
from domain.users.models import User as UserRow
from domain.users.queries import own_user, visible_users
from schema.admin.loads import load_user_types
from schema.admin.parking import UserType, user_type_of
from schema.arguments import DEFAULT_PAGE, After, First, Info
from schema.context import Context
from schema.declare import PUBLIC, SUBJECT, for_strangers, needs, requires
from schema.ids import global_id
from schema.loaders import once
from schema.logins import LogInArgument, LogOutPayload, leave, log_in
from schema.nodes import Node
from schema.paging import Connection, connection, read_cursor
from schema.payloads import UserError


@needs(SUBJECT)
@strawberry.type(description="The person who is logged in to the admin portal.")
class Me(Node):
    """Oneself."""

    name: str = strawberry.field(description="The name, as it is shown.")
    user_name: str = strawberry.field(description="The user name.")
    email: str | None = strawberry.field(description="The e-mail address.")
    permissions: list[Permission] = strawberry.field(description="What one's roles allow.")


async def _type_of_user(user: strawberry.Parent[User], info: Info) -> UserType | None:
    row = (await once(info.context, load_user_types)).get(user.type_row) if user.type_row else None
    return user_type_of(row, info.context.environment.tenant.number) if row else None


@needs(Permission.VIEW_USERS)
@strawberry.type(description="A person of the tenant.")
class User(Node):
    """A user."""

    type_row: strawberry.Private[UUID | None]
    name: str = strawberry.field(description="The name, as it is shown.")
    user_name: str = strawberry.field(description="The user name.")
    email: str | None = strawberry.field(description="The e-mail address.")
    disabled: bool = strawberry.field(description="Whether the person can not log in.")
    user_type: UserType | None = strawberry.field(resolver=_type_of_user, description="What kind of user it is.")


@needs(PUBLIC)
@strawberry.type(description="The answer to `logIn` and `enter`.")
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


async def read_users(info: Info, first: First = DEFAULT_PAGE, after: After = strawberry.UNSET) -> Connection[User]:
    """A page of users, in the order in which they were made."""
    context, start = info.context, read_cursor(after or None, UUID)
    rows, has_more = await read_page(
        context.snapshot, visible_users(context.actor), UserRow.id, Page(first, start), newest_first=False
    )
    tenant = context.environment.tenant.number
    return connection(rows, lambda row: user_of(row, tenant), lambda row: row.id, after=start, has_more=has_more)


async def read_user_types(info: Info) -> list[UserType]:
    """All user types."""
    tenant = info.context.environment.tenant.number
    return [user_type_of(row, tenant) for row in (await once(info.context, load_user_types)).values()]


async def user_with(context: Context, row: UUID) -> User | None:
    """The user of a row, None if there is none. Needs VIEW_USERS."""
    found = await context.snapshot.scalar(visible_users(context.actor).where(UserRow.id == row))
    return user_of(found, context.environment.tenant.number) if found else None


def user_of(row: UserRow, tenant: int) -> User:
    """A user from the row."""
    return User(
        id=global_id("User", tenant, row.id),
        type_row=row.user_type_id,
        name=row.name,
        user_name=row.user_name,
        email=row.email,
        disabled=row.is_disabled,
    )


async def _me(context: Context) -> Me | None:
    row = await context.snapshot.scalar(own_user(context.actor))
    if row is None:
        return None
    return Me(
        id=global_id("User", context.environment.tenant.number, row.id),
        name=row.name,
        user_name=row.user_name,
        email=row.email,
        permissions=[permission for permission in Permission if context.actor.may(permission)],
    )


@strawberry.type
class PeopleQueries:
    """People."""

    me: Me | None = strawberry.field(
        resolver=read_me,
        description="The person who is logged in; without a login an error with the code `login_required`.",
        metadata=requires(SUBJECT),
    )
    users: Connection[User] | None = strawberry.field(
        resolver=read_users,
        description="All users that are not archived, the oldest first.",
        metadata=requires(Permission.VIEW_USERS),
    )
    user_types: list[UserType] | None = strawberry.field(
        resolver=read_user_types, description="All user types, by name.", metadata=requires(Permission.VIEW_LOTS)
    )


@strawberry.type
class PeopleMutations:
    """Coming and going."""

    log_in: LogInPayload | None = strawberry.field(
        resolver=enter,
        description="Log in to the admin portal. The login is in a cookie of the answer, which is for this site only.",
        metadata=for_strangers() | requires(PUBLIC),
    )
    log_out: LogOutPayload | None = strawberry.field(
        resolver=leave, description="End the login that asks, if any.", metadata=for_strangers() | requires(PUBLIC)
    )
