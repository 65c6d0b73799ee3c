"""What `opscom doctor` looks at: each finding in words, none of them raising."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domain.kernel.errors import ParkingError
from jobs.mail.faults import MailFault
from jobs.mail.smtp import greet
from tenants.environments import State
from tenants.keys.rotation import key_use
from tenants.migrations.plan import Tree, head

if TYPE_CHECKING:
    from opscom.platform import Platform
    from tenants.connecting import Connector


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    words: str
    is_ok: bool


async def findings(platform: Platform) -> AsyncIterator[Finding]:
    """Look at the database, Valkey, the mail server, the registry, every cell, the heads and the keys, in this order."""
    yield await _looked("PostgreSQL", _server(platform))
    yield await _looked("Valkey", _valkey(platform))
    yield await _looked("mail", _mail(platform))
    registry = await _looked("registry", _registry(platform))
    yield registry
    if registry.is_ok:
        for cell in platform.registry.current.cells:
            yield await _looked(f"cell {cell}", _cell(platform, cell))
        yield await _looked("heads", _heads(platform))
        yield await _looked("keys", _keys(platform))


async def _looked(what: str, look: Awaitable[str]) -> Finding:
    try:
        return Finding(what, await look, is_ok=True)
    except (SQLAlchemyError, RedisError, OSError, TimeoutError, ParkingError, MailFault) as error:
        return Finding(what, (str(error) or repr(error)).splitlines()[0], is_ok=False)  # a TimeoutError says nothing


async def _server(platform: Platform) -> str:
    async with platform.databases.control().connect() as connection:
        return f"version {await connection.scalar(text('show server_version'))}"


async def _valkey(platform: Platform) -> str:
    await platform.bus.redis.ping()
    return "answers"


async def _mail(platform: Platform) -> str:
    relay = platform.settings.relay
    if relay is None:
        return "no server is configured (OPSCOM_SMTP_URL): mail is kept"
    await greet(relay)
    return f"{relay.host} takes mail from us"


async def _registry(platform: Platform) -> str:
    await platform.registry.load()
    return f"version {platform.registry.version}, {len(platform.registry.current.by_id)} environments"


async def _cell(platform: Platform, cell: str) -> str:
    databases, wanted = platform.databases, head(Tree.CELL)
    async with databases.owner(cell).connect() as connection:
        await connection.exec_driver_sql(f'set local role "{databases.database_name(cell)}_owner"')
        found = await connection.scalar(text("select version_num from platform.alembic_version"))
    if found != wanted:
        msg = f"its run ledger is at {found}, not at {wanted}: run `opscom migrate`"
        raise OSError(msg)
    await _log_in_with_first_key(databases.owner_connector(cell))
    async with databases.ledger(cell).connect() as connection:
        waiting = await connection.scalar(text("select count(*) from platform.task_run where state = 'queued'"))
    number = sum(environment.cell == cell for environment in platform.registry.current.by_id.values())
    return f"{number} environments, {waiting} runs wait in its database"


async def _log_in_with_first_key(connector: Connector) -> None:
    """Without the passwords of the first key nobody gets in once the others have left the ring."""
    try:
        connection = await replace(connector, passwords=connector.passwords[:1]).connect_async()
    except psycopg.OperationalError as error:
        msg = "its logins have passwords of another key than the first: run `opscom migrate`"
        raise OSError(msg) from error
    await connection.close()


async def _heads(platform: Platform) -> str:
    wanted = head(Tree.ENVIRONMENT)
    known = platform.registry.current.by_id.values()
    behind = [e.schema for e in known if e.state is not State.PENDING and e.head < wanted]
    if behind:
        msg = f"{len(behind)} environments are behind {wanted}, {behind[0]} first: run `opscom migrate`"
        raise OSError(msg)
    return f"all at {wanted}"


async def _keys(platform: Platform) -> str:
    use, ring = await key_use(platform.databases), platform.key_ring
    if use.unreadable:
        tenants = sorted(set(use.unreadable))
        msg = f"keys of {len(tenants)} tenants do not open with this ring, {tenants[0]} first: put their key back on it"
        raise OSError(msg)
    each = [f"{name} {shown} wraps {use.by_name.get(name, 0)}" for name, shown in ring.fingerprints().items()]
    return f"all keys of tenants open; the ring, fingerprints as in the escrow copy, the first seals: {', '.join(each)}"
