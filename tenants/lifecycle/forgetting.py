"""What the registry forgets of a deleted tenant's people: names and words. That something was done, and when, stays.

Of the audit only lines of the platform's own staff keep who did it and why; the others keep which row they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from sqlalchemy import text

from tenants.databases import REGISTRY

if TYPE_CHECKING:
    from tenants.databases import Databases

GONE = "(deleted)"
_OF_TENANT = "(select id from registry.environment where tenant_id = :tenant)"
_STATEMENTS = tuple(
    text(statement)
    for statement in (
        f"update registry.backup set actor = :gone, reason = :gone, error = null where environment_id in {_OF_TENANT}",  # noqa: S608 - no input
        f"update registry.copy set actor = :gone, error = null where environment_id in {_OF_TENANT}",  # noqa: S608
        f"update registry.lock_history set actor = :gone, reason = :gone where environment_id in {_OF_TENANT}",  # noqa: S608
        "delete from registry.approval where tenant_id = :tenant",
        """
        update registry.audit a set actor = :gone, facts = coalesce(
            (select jsonb_object_agg(key, value) from jsonb_each(a.facts)
             where key in ('tenant', 'environment', 'backup', 'copy', 'feature')), '{}')
        where not exists (select from registry.staff s where a.actor in (s.id::text, s.user_name, s.name)) and (
            a.facts ->> 'tenant' = cast(:tenant as text)
            or a.facts ->> 'environment' in (select id::text from registry.environment where tenant_id = :tenant)
        )
        """,
    )
)


async def forget_people(databases: Databases, tenant_id: UUID) -> None:
    """Take names and words of a tenant's people out of the registry. Repeatable.

    As the owner: the application may add to the audit and change nothing in it.
    """
    owner = sql.Identifier(f"{databases.database_name(REGISTRY)}_owner")
    async with databases.owner(REGISTRY).begin() as connection:
        await connection.exec_driver_sql(sql.SQL("set local role {}").format(owner).as_string(None))
        for statement in _STATEMENTS:
            await connection.execute(statement, {"tenant": tenant_id, "gone": GONE})
