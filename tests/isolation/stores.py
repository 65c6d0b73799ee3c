"""Looking into every store as its owner does: tables, ledger, Valkey, backups opened with their tenant's key, exports."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pyrage
import zstandard
from psycopg import sql
from sqlalchemy import text

from opscom.platform import Platform
from tenants.environments import Environment
from tenants.lifecycle.exporting import export


class Stores:
    """All that a platform stores, as text."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def tables(self, environment: Environment) -> str:
        """Every row of every table of an environment's schema."""
        owner = sql.Identifier(f"{self._platform.databases.database_name(environment.cell)}_owner").as_string(None)
        async with self._platform.databases.owner(environment.cell).begin() as connection:
            await connection.exec_driver_sql(f"set local role {owner}")
            names = await connection.scalars(_TABLES, {"schema": environment.schema})
            parts = [f"select t::text from {name} t" for name in names]
            return "\n".join((await connection.scalars(text(" union all ".join(parts)))).all())

    async def ledger(self, environment: Environment) -> str:
        """Its runs, with what they say of themselves, and its schedules."""
        async with self._platform.databases.ledger(environment.cell).connect() as connection:
            return "\n".join((await connection.scalars(_LEDGER, {"role": environment.role})).all())

    async def valkey(self) -> dict[str, str]:
        """Every key of this platform with its value, as text."""
        redis, found = self._platform.bus.redis, {}
        async for key in redis.scan_iter(f"{self._platform.settings.namespace}*"):
            found[key.decode(errors="replace")] = repr(await _value(redis, key))
        return found

    async def backup(self, backup_id: UUID, tenant_id: UUID) -> str:
        """A backup, opened with the key of a tenant. Raises BackupNotFound for another tenant's."""
        stored = await self._platform.copier.stored(backup_id, tenant_id)
        return await asyncio.to_thread(lambda: "\n".join(self._opened(stored.folder, stored.identity)))

    async def export(self, environment: Environment) -> str:
        """What the client is given."""
        with TemporaryDirectory() as folder:
            to = Path(folder) / "export.zip"
            await export(self._platform.copier, environment, to)
            with zipfile.ZipFile(to) as archive:
                return "\n".join(archive.read(name).decode() for name in archive.namelist())

    def files(self, folder: str = "") -> list[Path]:
        """All files of the storage, or of a folder in it."""
        place = Path(urlsplit(self._platform.settings.backup_storage).path) / folder
        return sorted(path for path in place.rglob("*") if path.is_file())

    def _opened(self, folder: str, identity: str) -> Iterator[str]:
        key = pyrage.x25519.Identity.from_str(identity)
        for path in self.files(folder):
            sealed = path.read_bytes()
            if path.suffix == ".age":
                sealed = zstandard.ZstdDecompressor().decompressobj().decompress(pyrage.decrypt(sealed, [key]))
            yield sealed.decode()


@asynccontextmanager
async def overheard(platform: Platform) -> AsyncIterator[list[tuple[str, str]]]:
    """Every message on the channels of this platform, as it is published."""
    heard: list[tuple[str, str]] = []

    async def listen() -> None:
        async with platform.bus.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.psubscribe(f"{platform.settings.namespace}:*")
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is not None:
                    heard.append((message["channel"].decode(), message["data"].decode(errors="replace")))

    listening = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def _value(redis: Any, key: bytes) -> object:  # noqa: ANN401 - redis-py's types know no answers
    kind = (await redis.type(key)).decode()
    if kind == "string":
        return await redis.get(key)
    if kind == "hash":
        return await redis.hgetall(key)
    if kind == "list":
        return await redis.lrange(key, 0, -1)
    return await (redis.zrange(key, 0, -1) if kind == "zset" else redis.smembers(key))


_TABLES = text("""
    select c.oid::regclass::text from pg_class c
    where c.relnamespace = to_regnamespace(:schema) and c.relkind = 'r' order by 1
""")
_LEDGER = text("""
    select r::text from platform.task_run r where environment = :role
    union all select l::text from platform.task_run_log l where environment = :role
    union all select s::text from platform.task_schedule s where environment = :role
""")
