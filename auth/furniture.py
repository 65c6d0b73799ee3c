"""What an environment must have before anybody can log in: the local login source, the built-in roles and user type."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from auth.asking import LOCAL
from auth.models import LoginSourceRow, SourceState
from auth.roles import BUILTIN
from domain.kernel.ids import uuid7
from domain.kernel.work import Work
from domain.users.models import Grouping, Role, UserType

GUEST_TYPE = "Guest"


async def add_builtin(work: Work) -> None:
    """Write them. Repeatable: what is there stays, but built-in roles get the permissions that they have today."""
    roles = [
        {"id": uuid7(), "name": name, "permissions": sorted(permissions), "is_builtin": True}
        for name, permissions in BUILTIN.items()
    ]
    new = insert(Role).values(roles)
    await work.execute(
        new.on_conflict_do_update(
            index_elements=["name"], set_={"permissions": new.excluded.permissions}, where=Role.is_builtin.is_(True)
        )
    )
    guest = {"id": uuid7(), "name": GUEST_TYPE, "grouping": Grouping.PUBLIC, "is_builtin": True}
    await work.execute(insert(UserType).values(guest).on_conflict_do_nothing())
    local = {"id": uuid7(), "code": LOCAL, "kind": LOCAL, "name": "Local accounts", "button_text": "Log in"}
    await work.execute(insert(LoginSourceRow).values(local | {"state": SourceState.ACTIVE}).on_conflict_do_nothing())
