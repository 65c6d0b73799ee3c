"""What the copy engine needs of its process, and its two halves put together: from an environment, into a new schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, text, update

from domain.kernel.errors import NotFound
from tenants.copies.dropping import drop_schema
from tenants.copies.dump import Source, Taken, take
from tenants.copies.load import Changes, Stored, Target, load
from tenants.copies.manifest import Manifest
from tenants.copies.threads import Progress
from tenants.keys.backups import identity_of, recipient_of
from tenants.registry.models import EnvironmentRow
from tenants.registry.records import BackupRow, CopyRow

if TYPE_CHECKING:
    from domain.kernel.clock import Clock
    from tenants.bus import Bus
    from tenants.copies.sanitise import Sanitiser
    from tenants.copies.storage import Storage
    from tenants.databases import Databases
    from tenants.environments import Environment
    from tenants.registry.directory import Registry

Choose = Callable[[Manifest], Changes]
"""What is left out of a copy, decided when its tables are known."""


class BackupNotFound(NotFound):
    """There is no such backup of this tenant, or it is not whole."""

    code = "backup.not_found"


@dataclass(frozen=True, slots=True)
class Copier:
    """The parts of the platform that copies are made with."""

    databases: Databases
    registry: Registry
    bus: Bus
    storage: Storage
    sanitiser: Sanitiser
    clock: Clock

    async def take(self, environment: Environment, folder: str, progress: Progress) -> Taken:
        """Copy an environment's live schema into a folder of the storage."""
        cell = environment.cell
        async with self.databases.control().begin() as connection:
            recipient = await recipient_of(connection, self.databases.key_ring, environment.tenant.id)
        source = Source(
            self.databases.owner_connector(cell),
            f"{self.databases.database_name(cell)}_owner",
            environment.schema,
            environment.tenant.id,
            environment.id,
            environment.kind,
            self.sanitiser.sealed,
        )
        return await take(source, self.storage, folder, recipient=recipient, now=self.clock(), progress=progress)

    async def load(self, stored: Stored, cell: str, schema: str, changes: Changes, progress: Progress) -> Manifest:
        """Bring a stored copy to life in a new schema of a cell, which is granted to nobody yet."""
        owner = f"{self.databases.database_name(cell)}_owner"
        return await load(stored, Target(self.databases.owner_connector(cell), owner, schema), changes, progress)

    async def stored(self, backup_id: UUID, tenant_id: UUID) -> Stored:
        """A whole backup of the tenant, with the key that opens it. Raises BackupNotFound, SecretUnreadable."""
        b, e = BackupRow, EnvironmentRow
        wanted = (
            select(b.folder, b.manifest_sha256)
            .join_from(b, e, b.environment_id == e.id)
            .where(b.id == backup_id, b.state == "complete", e.tenant_id == tenant_id)
        )
        async with self.databases.control().connect() as connection:
            row = (await connection.execute(wanted)).one_or_none()
            if row is None or row.manifest_sha256 is None:
                raise BackupNotFound("There is no such backup.")
            identity = await identity_of(connection, self.databases.key_ring, tenant_id)
        return Stored(self.storage, row.folder, row.manifest_sha256, identity)

    async def new_schema(self, copy_id: UUID, old: str) -> str:
        """The next schema name, written down beside the ``old`` one before anything is made.

        What an earlier try made is dropped.
        """
        c, e = CopyRow, EnvironmentRow
        place = (
            select(c.to_schema, func.coalesce(c.to_cell, e.cell).label("cell"))
            .join_from(c, e, c.environment_id == e.id)
            .where(c.id == copy_id)
        )
        async with self.databases.control().begin() as connection:
            row = (await connection.execute(place.with_for_update(of=c))).one()
            number = await connection.scalar(text("select nextval('registry.schema_number')"))
            name = f"s_{number:06d}"
            await connection.execute(
                update(CopyRow).where(CopyRow.id == copy_id).values(from_schema=old, to_schema=name)
            )
        if row.to_schema is not None:
            await self.drop(row.cell, row.to_schema)
        return name

    async def drop(self, cell: str, schema: str) -> None:
        """Remove a schema that is granted to nobody."""
        await drop_schema(self.databases.owner(cell), schema, database=self.databases.database_name(cell))
