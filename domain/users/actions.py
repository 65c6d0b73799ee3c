"""Changing people, and what they may do. All of it needs MANAGE_USERS.

Whatever narrows what a person may do raises ``access_version`` in the same Work, which ends all their logins.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from domain.kernel.actor import TENANT_PERMISSIONS, Permission
from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.users.errors import (
    EmailTaken,
    RoleBeyondOwn,
    RoleNotFound,
    UserNameTaken,
    UserNotFound,
    UserTypeNameTaken,
    UserTypeNotFound,
)
from domain.users.events import (
    RoleGranted,
    RoleTaken,
    UserArchived,
    UserCreated,
    UserDisabled,
    UserEnabled,
    UserTypeChanged,
    UserTypeCreated,
)
from domain.users.models import Grouping, Role, User, UserRole, UserType
from domain.users.queries import role_named, user_to_change
from domain.users.rules import checked_email, checked_person_name, checked_user_name


async def create(
    work: Work, user_name: str, name: str, *, email: str | None = None, user_type_id: UUID | None = None
) -> UUID:
    """Create a person without any way to log in yet, and return the id.

    Raises UserNameInvalid, UserNameTaken, PersonNameInvalid, EmailInvalid, EmailTaken, UserTypeNotFound.
    """
    work.actor.require(Permission.MANAGE_USERS)
    address, email_key = checked_email(email)
    checked_name, key = checked_user_name(user_name, address)
    user = User(
        id=uuid7(),
        user_name=checked_name,
        user_name_key=key,
        email=address,
        email_key=email_key,
        name=checked_person_name(name),
        user_type_id=user_type_id,
        created_at=work.now,
    )
    work.add(user)
    refusals: dict[str, ParkingError] = {
        "app_user_user_name_key_uq": UserNameTaken(),
        "app_user_email_key_uq": EmailTaken(),
        "app_user_user_type_id_fk": UserTypeNotFound(),
    }
    await work.flush(refusals)
    work.record(UserCreated(user.id), after={"user_name": user.user_name, "name": user.name})
    return user.id


async def create_type(work: Work, name: str, grouping: Grouping) -> UUID:
    """Create a kind of users, which people see, and return its id. Raises UserTypeNameTaken."""
    work.actor.require(Permission.MANAGE_USERS)
    row = UserType(id=uuid7(), name=name.strip(), grouping=grouping)
    work.add(row)
    refusals: dict[str, ParkingError] = {"user_type_name_uq": UserTypeNameTaken()}
    await work.flush(refusals)
    work.record(UserTypeCreated(row.id), after={"name": row.name, "grouping": grouping.value})
    return row.id


async def disable(work: Work, user_id: UUID) -> None:
    """Let a person log in no more, and end their logins. Raises UserNotFound."""
    user = await _found(work, user_id)
    if user.is_disabled:
        return
    user.is_disabled = True
    _end_access(user)
    work.record(UserDisabled(user_id))


async def enable(work: Work, user_id: UUID) -> None:
    """Let a disabled person log in again. Raises UserNotFound."""
    user = await _found(work, user_id)
    if user.is_disabled:
        user.is_disabled = False
        work.record(UserEnabled(user_id))


async def archive(work: Work, user_id: UUID) -> None:
    """Put a person away, and end their logins. Raises UserNotFound."""
    user = await _found(work, user_id)
    user.archived_at = work.now
    _end_access(user)
    work.record(UserArchived(user_id))


async def change_type(work: Work, user_id: UUID, user_type_id: UUID | None) -> None:
    """Make a person another kind of user. Raises UserNotFound, UserTypeNotFound."""
    user = await _found(work, user_id)
    if user.user_type_id == user_type_id:
        return
    before, user.user_type_id = user.user_type_id, user_type_id
    _end_access(user)
    refusals: dict[str, ParkingError] = {"app_user_user_type_id_fk": UserTypeNotFound()}
    await work.flush(refusals)
    work.record(
        UserTypeChanged(user_id), before={"user_type_id": _text(before)}, after={"user_type_id": _text(user_type_id)}
    )


async def grant_role(work: Work, user_id: UUID, role_name: str) -> None:
    """Give a person a role. Raises UserNotFound, RoleNotFound, and RoleBeyondOwn if it may do more than the actor."""
    user, role = await _found(work, user_id), await _role(work, role_name)
    if await work.scalar(_held(user_id, role.id)) is None:
        work.add(UserRole(user_id=user_id, role_id=role.id))
        _end_access(user)
        work.record(RoleGranted(user_id, role.id), after={"role": role.name})


async def take_role(work: Work, user_id: UUID, role_name: str) -> None:
    """Take a role from a person. Raises UserNotFound, RoleNotFound, RoleBeyondOwn."""
    user, role = await _found(work, user_id), await _role(work, role_name)
    held = await work.scalar(_held(user_id, role.id))
    if held is not None:
        await work.delete(held)
        _end_access(user)
        work.record(RoleTaken(user_id, role.id), before={"role": role.name})


async def _found(work: Work, user_id: UUID) -> User:
    work.actor.require(Permission.MANAGE_USERS)
    user = await work.scalar(user_to_change(user_id))
    if user is None:
        raise UserNotFound
    return user


async def _role(work: Work, name: str) -> Role:
    role = await work.scalar(role_named(name))
    if role is None:
        raise RoleNotFound
    if not work.actor.permissions >= set(role.permissions) & set(TENANT_PERMISSIONS):
        raise RoleBeyondOwn
    return role


def _held(user_id: UUID, role_id: UUID) -> Select[UserRole]:
    return select(UserRole).where(UserRole.user_id == user_id, UserRole.role_id == role_id)


def _end_access(user: User) -> None:
    user.access_version += 1


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
