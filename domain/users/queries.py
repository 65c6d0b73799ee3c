"""The ways to the rows of people."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from domain.kernel.actor import Actor, Permission
from domain.users.models import Role, User, UserRole, UserType
from domain.users.rules import sought_key


def own_user(actor: Actor) -> Select[User]:
    """The row of the person who asks. Raises LoginRequired for a guest."""
    return select(User).where(User.id == actor.subject)


def visible_users(actor: Actor) -> Select[User]:
    """All users that are not archived, in no order. Needs VIEW_USERS."""
    actor.require(Permission.VIEW_USERS)
    return select(User).where(User.archived_at.is_(None))


def user_types() -> Select[UserType]:
    """All user types, by name."""
    return select(UserType).order_by(UserType.name)


def user_type_named(name: str) -> Select[UserType]:
    """The user type of this exact name."""
    return select(UserType).where(UserType.name == name)


def role_named(name: str) -> Select[Role]:
    """The role of this exact name."""
    return select(Role).where(Role.name == name)


def user_named(name: str) -> Select[User]:
    """The user with this user name, archived or not. Checks no permission: commands and logins ask by it."""
    return select(User).where(User.user_name_key == sought_key(name))


def user_with_role(name: str, role: str) -> Select[User]:
    """The user with this user name, if not archived and holder of the role. Checks no permission: commands ask by it."""
    holders = select(UserRole.user_id).join(Role, Role.id == UserRole.role_id).where(Role.name == role)
    return user_named(name).where(User.id.in_(holders), User.archived_at.is_(None))


def user_by_id(user_id: UUID) -> Select[User]:
    """The user with this id, archived or not. Checks no permission: system tasks and logins ask by it."""
    return select(User).where(User.id == user_id)


def users_who_may(permission: Permission) -> Select[User]:
    """The users that hold a role with a permission and can log in, oldest first. Checks no permission: it is for mail."""
    roles = select(UserRole.user_id).join(Role, Role.id == UserRole.role_id)
    holders = roles.where(Role.permissions.contains([permission.value]))
    return (
        select(User)
        .where(User.id.in_(holders), User.archived_at.is_(None), User.is_disabled.is_(False))
        .order_by(User.id)
    )


def user_to_change(user_id: UUID) -> Select[User]:
    """The row of a user that is not archived, locked for a change."""
    return select(User).where(User.id == user_id, User.archived_at.is_(None)).with_for_update()
