"""What the registry forgets of a deleted tenant's people: names and words. That something was done, and when, stays.

Of the audit only lines of the platform's own staff keep who did it and why; the others keep which row they are about. What
is not forgotten, and why, is listed in ``tests/architecture/test_forgetting.py``, which knows every column of the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from sqlalchemy import TextClause, text

from tenants.databases import REGISTRY

if TYPE_CHECKING:
    from tenants.databases import Databases

GONE = "(deleted)"
OVERWRITTEN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "environment": {"migration_error": "null", "embedding_sites": "'{}'", "exempt_networks": "'{}'"},
        "provisioning_step": {"error": "null"},
        "backup": {"actor": ":gone", "reason": ":gone", "error": "null"},
        "copy": {"actor": ":gone", "error": "null", "carried_login_id": "null"},
        "lock_history": {"actor": ":gone", "reason": ":gone", "actor_user_id": "null"},
    }
)
"""By table the columns that are overwritten in the rows of the tenant's environments, and with what."""
REMOVED = frozenset({"approval"})
"""Tables whose rows of the tenant are removed."""
_AUDIT = text("""
    update registry.audit a set actor = :gone, facts = coalesce(
        (select jsonb_object_agg(key, value) from jsonb_each(a.facts)
         where key in ('tenant', 'environment', 'backup', 'copy', 'feature')), '{}')
    where not exists (select from registry.staff s where a.actor in (s.id::text, s.user_name, s.name)) and (
        a.facts ->> 'tenant' = cast(:tenant as text)
        or a.facts ->> 'environment' in (select id::text from registry.environment where tenant_id = :tenant)
    )
""")


async def forget_people(databases: Databases, tenant_id: UUID) -> None:
    """Take names and words of a tenant's people out of the registry. Repeatable.

    As the owner: the application may add to the audit and change nothing in it.
    """
    owner = sql.Identifier(f"{databases.database_name(REGISTRY)}_owner")
    overwriting = [_overwriting(table, columns) for table, columns in OVERWRITTEN.items()]
    removing = [text(f"delete from registry.{table} where tenant_id = :tenant") for table in sorted(REMOVED)]  # noqa: S608 - no input
    async with databases.owner(REGISTRY).begin() as connection:
        await connection.exec_driver_sql(sql.SQL("set local role {}").format(owner).as_string(None))
        for statement in (*overwriting, *removing, _AUDIT):
            await connection.execute(statement, {"tenant": tenant_id, "gone": GONE})


def _overwriting(table: str, columns: Mapping[str, str]) -> TextClause:
    key = "id" if table == "environment" else "environment_id"
    values = ", ".join(f"{column} = {value}" for column, value in columns.items())
    return text(
        f"update registry.{table} set {values}"  # noqa: S608 - no input
        f" where {key} in (select id from registry.environment where tenant_id = :tenant)"
    )
