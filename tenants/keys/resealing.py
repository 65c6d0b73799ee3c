"""Sealing secrets anew with their tenant's newest data key: one transaction for each environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from domain.kernel.actor import Actor
from domain.kernel.errors import ParkingError
from domain.kernel.ids import uuid7
from domain.kernel.model import Model
from tenants.environments import Environment, State
from tenants.platform_tasks import RESEAL, enqueue, ledger_name
from tenants.registry.actions import note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from domain.kernel.work import Work
    from tenants.copies.copier import Copier
    from tenants.databases import Databases


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets were sealed anew, and the environments of which none was, with the reason."""

    changed: int
    failed: tuple[tuple[Environment, ParkingError], ...]


async def enqueue_resealing(connection: AsyncConnection, databases: Databases) -> None:
    """Queue another run each time: one that began before may have passed some environments already."""
    await enqueue(connection, ledger_name(databases.database_name("")), RESEAL, uuid7())


async def ask_for_resealing(databases: Databases, *, actor: str) -> None:
    """Have a worker seal all secrets anew."""
    async with databases.control().begin() as connection:
        await enqueue_resealing(connection, databases)
        await note(connection, actor, "resealing_asked")


async def reseal_all(copier: Copier, *, actor: str) -> Resealed:
    """Seal the secrets of all environments with the newest data keys; repeatable."""
    changed, failed = 0, list[tuple[Environment, ParkingError]]()
    await copier.registry.load()
    for environment in copier.registry.current.by_id.values():
        if environment.state not in {State.PENDING, State.DELETING}:
            try:
                async with copier.databases.work(environment, Actor.system("reseal")) as work:
                    number = await reseal(work, copier.sanitiser.sealed)
                changed += number
            except ParkingError as error:
                failed.append((environment, error))
    async with copier.databases.control().begin() as connection:
        await note(connection, actor, "secrets_resealed", number=str(changed))
    return Resealed(changed, tuple(failed))


async def reseal(work: Work, sealed: Mapping[str, tuple[str, ...]]) -> int:
    """Seal every secret of an environment with the newest data key; repeatable. Returns how many were changed.

    ``sealed`` are the columns with secrets, by table. Raises SecretUnreadable, and changes nothing then.
    """
    changed = 0
    for name, columns in sealed.items():
        table = Model.metadata.tables[name]
        held = [table.c[column] for column in columns]
        wanted = select(table.c.id, *held).where(or_(*(column.is_not(None) for column in held)))
        for row_id, *secrets in await work.rows(wanted.with_for_update()):
            anew = {
                column: work.vault.seal(work.vault.open(secret))
                for column, secret in zip(columns, secrets, strict=True)
                if secret is not None and not work.vault.is_current(secret)
            }
            if anew:
                await work.execute(update(table).where(table.c.id == row_id).values(anew))
                changed += len(anew)
    return changed
