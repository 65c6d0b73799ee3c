"""Exports that a worker makes and staff fetch: one sealed file each in the storage of backups, for seven days.

The platform's audit is the record of one: its line ``exported`` has the size and the SHA-256 of the file as it lies there.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from domain.kernel.errors import NotFound, ParkingError
from domain.kernel.ids import uuid7
from tenants.environments import EnvironmentKind, State
from tenants.keys.backups import identity_of, recipient_of
from tenants.lifecycle.exporting import Exported, export
from tenants.platform_tasks import EXPORT, enqueue_once, ledger_name
from tenants.registry.actions import TenantNotFound, note
from tenants.registry.models import RegistryAuditRow, TenantRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tenants.copies.copier import Copier
    from tenants.copies.storage import Storage
    from tenants.databases import Databases
    from tenants.environments import Environment

FOLDER = "exports"
"""Under the tenant's own folder of the storage."""
KEPT = timedelta(days=7)
ENDING = ".zip.zst.age"
_NAME = re.compile(rf"/[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{re.escape(ENDING)}\Z")
_PIECE = 1_000_000
_GONE = (State.DELETING, State.DELETED)


class ExportNotFound(NotFound):
    """There is no such export of this tenant, or its seven days are over."""

    code = "export.not_found"


@dataclass(frozen=True, slots=True)
class StoredExport:
    """An export that lies in the storage. ``size`` and ``sha256`` are those of the file as it lies there, sealed."""

    id: UUID
    rows: int
    size: int
    sha256: str

    @property
    def made_at(self) -> datetime:
        """When it was made: its id is a UUIDv7."""
        return _moment_of(self.id)

    @property
    def until(self) -> datetime:
        """Until when it may be fetched."""
        return self.made_at + KEPT


async def ask_for_export(databases: Databases, tenant_id: UUID, *, actor: str) -> None:
    """Have a worker export a tenant's production; an export that is unfinished already is the answer.

    Raises TenantNotFound.
    """
    wanted = select(TenantRow.id).where(TenantRow.id == tenant_id, TenantRow.state.not_in(_GONE))
    async with databases.control().begin() as connection:
        if await connection.scalar(wanted) is None:
            raise TenantNotFound("There is no such tenant.")
        await enqueue_once(connection, ledger_name(databases.database_name("")), EXPORT, tenant_id)
        await note(connection, actor, "export_requested", tenant=str(tenant_id))


async def store_export(copier: Copier, tenant_id: UUID, *, actor: str) -> Exported:
    """Export a tenant's production into the storage; also a failure is a line of the audit, for who waits for it.

    Raises TenantNotFound, StorageFailed, OSError, psycopg.Error.
    """
    try:
        return await _store(copier, tenant_id, actor=actor)
    except Exception as error:
        words = f"{error.code}: {error.message}" if isinstance(error, ParkingError) else type(error).__name__
        async with copier.databases.control().begin() as connection:
            await note(connection, actor, "export_failed", tenant=str(tenant_id), error=words)
        raise


async def _store(copier: Copier, tenant_id: UUID, *, actor: str) -> Exported:
    environment, export_id = _production(copier, tenant_id), uuid7()
    async with copier.databases.control().begin() as connection:
        recipient = await recipient_of(connection, copier.databases.key_ring, tenant_id)
    with TemporaryDirectory(prefix="opscom-export-") as folder:  # only its owner may enter it
        file = Path(folder) / "export.zip"
        exported = await export(copier, environment, file)
        path = _path(tenant_id, export_id)
        size, sha256 = await asyncio.to_thread(copier.storage.write, path, _pieces(file), recipient)
    facts = {"export": str(export_id), "rows": str(exported.rows), "bytes": str(size), "sha256": sha256}
    async with copier.databases.control().begin() as connection:
        await note(connection, actor, "exported", tenant=str(tenant_id), **facts)
    return exported


async def exports_of(databases: Databases, tenant_id: UUID) -> Sequence[StoredExport]:
    """The exports of a tenant that may be fetched, the newest first."""
    a, since = RegistryAuditRow, databases.clock() - KEPT
    lines = select(a.facts).where(a.action == "exported", a.facts["tenant"].as_string() == str(tenant_id), a.at > since)
    async with databases.control().connect() as connection:
        found = [_stored(facts) for facts in await connection.scalars(lines.order_by(a.id.desc()))]
    return [one for one in found if one.made_at > since]


async def fetch_export(copier: Copier, tenant_id: UUID, export_id: UUID, to: Path) -> None:
    """Write a stored export, opened, to a new file. Raises ExportNotFound, CopyDamaged, FileExistsError, OSError."""
    facts = RegistryAuditRow.facts
    wanted = select(facts["sha256"].as_string()).where(
        RegistryAuditRow.action == "exported",
        facts["tenant"].as_string() == str(tenant_id),
        facts["export"].as_string() == str(export_id),
    )
    async with copier.databases.control().connect() as connection:
        sha256 = await connection.scalar(wanted)
        if sha256 is None or _path(tenant_id, export_id) not in await _paths(copier, tenant_id):
            raise ExportNotFound("There is no such export, or its time is over.")
        identity = await identity_of(connection, copier.databases.key_ring, tenant_id)
    await asyncio.to_thread(_open, copier.storage, _path(tenant_id, export_id), sha256, identity, to)


async def remove_exports(copier: Copier, tenant_id: UUID) -> None:
    """Remove all exports of a tenant."""
    if copier.storage.is_configured:
        await asyncio.to_thread(copier.storage.remove, f"{tenant_id}/{FOLDER}")


async def remove_old_exports(copier: Copier) -> int:
    """Remove the exports whose time is over, and all of deleted tenants. Returns how many."""
    over = await old_exports(copier, copier.clock())
    await asyncio.to_thread(copier.storage.delete, over)
    return len(over)


async def old_exports(copier: Copier, now: datetime) -> list[str]:
    """The files of exports whose time is over, and all of deleted tenants."""
    if not copier.storage.is_configured:
        return []
    async with copier.databases.control().connect() as connection:
        tenants = (await connection.execute(select(TenantRow.id, TenantRow.state).order_by(TenantRow.id))).all()
    return [
        path
        for tenant in tenants
        for path in await _paths(copier, tenant.id)
        if tenant.state == State.DELETED or _made_at(path) < now - KEPT
    ]


def _open(storage: Storage, path: str, sha256: str, identity: str, to: Path) -> None:
    with to.open("xb") as file:
        try:
            storage.read(path, sha256, identity, file.write)
        except BaseException:
            to.unlink(missing_ok=True)
            raise


def _production(copier: Copier, tenant_id: UUID) -> Environment:
    for environment in copier.registry.of_tenant(tenant_id):
        if environment.kind is EnvironmentKind.PRODUCTION:
            return environment
    raise TenantNotFound("There is no such tenant.")


def _path(tenant_id: UUID, export_id: UUID) -> str:
    return f"{tenant_id}/{FOLDER}/{export_id}{ENDING}"


async def _paths(copier: Copier, tenant_id: UUID) -> list[str]:
    names = await asyncio.to_thread(copier.storage.names, f"{tenant_id}/{FOLDER}")
    return [name for name in names if _NAME.search(name)]


def _stored(line: Mapping[str, object]) -> StoredExport:
    facts = {name: str(value) for name, value in line.items()}
    return StoredExport(UUID(facts["export"]), int(facts["rows"]), int(facts["bytes"]), facts["sha256"])


def _made_at(path: str) -> datetime:
    return _moment_of(UUID(path.rpartition("/")[2].removesuffix(ENDING)))


def _moment_of(export_id: UUID) -> datetime:
    return datetime.fromtimestamp((export_id.int >> 80) / 1000, UTC)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece
